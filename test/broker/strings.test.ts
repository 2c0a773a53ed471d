/** Strings: MQTT 3.1.1 section 1.5.3, 5.0 sections 1.5.4 and 1.5.7, in every field that is one. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { integer, prefixed, variableInteger } from "../support/properties.ts";
import { BrokerUnderTest, oursOnly } from "../support/suite.ts";
import { frame } from "../support/wire.ts";

const BOM = "\ufeff";
const ILL_FORMED: readonly (readonly [string, readonly number[]])[] = [
  ["U+0000", [0x61, 0x00]],
  ["a lone continuation byte", [0x80]],
  ["a cut off character", [0xe2, 0x82]],
  ["U+0000 in two bytes", [0xc0, 0x80]],
  ["a slash in two bytes", [0xc0, 0xaf]],
  ["a slash in three bytes", [0xe0, 0x80, 0xaf]],
  ["the surrogate U+D800", [0xed, 0xa0, 0x80]],
  ["the surrogate U+DFFF", [0xed, 0xbf, 0xbf]],
  ["a pair of surrogates", [0xed, 0xa0, 0x81, 0xed, 0xb0, 0x80]],
  ["beyond U+10FFFF", [0xf4, 0x90, 0x80, 0x80]],
  ["five bytes", [0xf8, 0x88, 0x80, 0x80, 0x80]],
  ["0xFE", [0xfe]],
];

const block = (...parts: Uint8Array[]): Buffer => {
  const bytes = Buffer.concat(parts);
  return Buffer.concat([variableInteger(bytes.length), bytes]);
};
const property = (id: number, ...values: (string | Uint8Array)[]): Buffer =>
  Buffer.concat([Buffer.from([id]), ...values.map(prefixed)]);
const packet = (first: number, ...parts: Uint8Array[]): Buffer => frame(first, Buffer.concat(parts));
const ID = integer(9, 2);

/** The fields of MQTT 5 beside those of CONNECT, which connect-format.test.ts has. */
const FIELDS: readonly (readonly [string, (bad: Uint8Array) => Buffer])[] = [
  ["topic [MQTT-3.3.2-1]", (bad) => packet(0x30, prefixed(bad), block())],
  ["Response Topic [MQTT-3.3.2-13]", (bad) => packet(0x30, prefixed("a"), block(property(8, bad)))],
  ["Content Type [MQTT-3.3.2-19]", (bad) => packet(0x30, prefixed("a"), block(property(3, bad)))],
  [
    "User Property, name [MQTT-1.5.7-1]",
    (bad) => packet(0x30, prefixed("a"), block(property(0x26, bad, "v"))),
  ],
  [
    "User Property, value [MQTT-1.5.7-1]",
    (bad) => packet(0x30, prefixed("a"), block(property(0x26, "n", bad))),
  ],
  ["PUBACK's Reason String", (bad) => packet(0x40, ID, Buffer.from([0]), block(property(0x1f, bad)))],
  ["PUBREL's User Property", (bad) => packet(0x62, ID, Buffer.from([0]), block(property(0x26, "n", bad)))],
  ["filter of SUBSCRIBE [MQTT-3.8.3-1]", (bad) => packet(0x82, ID, block(), prefixed(bad), Buffer.from([0]))],
  [
    "SUBSCRIBE's User Property",
    (bad) => packet(0x82, ID, block(property(0x26, bad, "v")), prefixed("a"), Buffer.from([0])),
  ],
  ["filter of UNSUBSCRIBE [MQTT-3.10.3-1]", (bad) => packet(0xa2, ID, block(), prefixed(bad))],
  ["DISCONNECT's Reason String", (bad) => packet(0xe0, Buffer.from([0]), block(property(0x1f, bad)))],
];

describe("strings", { skip: oursOnly }, () => {
  const suite = new BrokerUnderTest();

  for (const [field, encode] of FIELDS) {
    test(`5.0: ${field}: ill-formed UTF-8 and U+0000 are malformed [MQTT-1.5.4-1, -2]`, async () => {
      await Promise.all(
        ILL_FORMED.map(async ([what, bytes]) => {
          const client = await suite.connect({ version: 5 });
          client.send(encode(Buffer.from(bytes)));
          const answer = await client.next();
          assert.ok(
            answer?.cmd === "disconnect" && answer.code === 0x81,
            `${what}: ${JSON.stringify(answer)}`,
          );
          await client.expectClosed();
        }),
      );
    });
  }

  // [MQTT3-3.3.2-1, 3.8.3-1, 3.10.3-1]
  test("3.1.1: topics and filters: closed [MQTT3-1.5.3-1, -2]", async () => {
    await Promise.all(
      ILL_FORMED.flatMap(([, bytes]) => {
        const bad = prefixed(Buffer.from(bytes));
        return [packet(0x30, bad), packet(0x82, ID, bad, Buffer.from([0])), packet(0xa2, ID, bad)].map(
          async (wire) => {
            const client = await suite.connect({ version: 4 });
            client.send(wire);
            await client.expectClosed();
          },
        );
      }),
    );
  });

  for (const version of [4, 5] as const) {
    test(`version ${version}: topics and filters are compared as they are [MQTT-3.3.2-3, 4.7.3-4; MQTT3-4.7.3-4]`, async () => {
      const root = suite.name();
      const client = await suite.connect({ version });
      // Pairs that look alike, characters that some leave out, and those the specification only advises against.
      const ends = [
        "Ä",
        "A\u0308",
        "ﬁ",
        "fi",
        "a b",
        "ab",
        "\u00ad",
        "\u200b",
        "\u0001",
        "\u009f",
        "\ufffe",
        "\uffff",
        "\u{10ffff}",
        "\u{1f600}",
      ];
      for (const end of ends) {
        await client.subscribe(`${root}/${end}`, 1);
        for (const other of ends) await client.publish(`${root}/${other}`, "x", { qos: 1 });
        await client.receive({ topic: `${root}/${end}` });
        await client.expectNothing();
        await client.unsubscribe(`${root}/${end}`);
      }
    });

    test(`version ${version}: U+FEFF stays, also at the beginning [MQTT-1.5.4-3; MQTT3-1.5.3-3]`, async () => {
      const [name, topic] = [suite.name("c"), suite.name()];
      const lasting = { version, clean: false, properties: { sessionExpiryInterval: 60 } };
      const marked = await suite.connect({ ...lasting, clientId: BOM + name, username: `${BOM}user` });
      await marked.subscribe(BOM + topic, 1);
      // The client id names another session than without it [MQTT-3.1.3-2; MQTT3-3.1.3-2].
      const plain = await suite.connect({ ...lasting, clientId: name });
      assert.equal(plain.connack?.sessionPresent, false);
      await plain.subscribe(topic, 1);
      await plain.publish(BOM + topic, `${BOM}marked`, { qos: 1 });
      await plain.publish(topic, "plain", { qos: 1 });
      await marked.receive({ topic: BOM + topic, payload: `${BOM}marked` });
      await marked.expectNothing();
      await plain.receive({ topic, payload: "plain" });
      await plain.expectNothing();
      marked.destroy();
      assert.equal((await suite.connect({ ...lasting, clientId: BOM + name })).connack?.sessionPresent, true);
      const will = { topic: BOM + topic, payload: "gone", qos: 1 } as const;
      const watch = await suite.connect({ version });
      await watch.subscribe(BOM + topic, 1);
      (await suite.connect({ version, will })).destroy();
      await watch.receive({ topic: BOM + topic, payload: "gone" });
      await suite.broker.logged(
        new RegExp(String.raw`client \\u\{feff\}${name} connected .*user \\u\{feff\}user`),
      );
    });

    test(`version ${version}: topics and filters of 65,535 bytes [MQTT-4.7.3-3; MQTT3-4.7.3-3]`, async () => {
      const client = await suite.connect({ version });
      for (const one of ["x".repeat(65_535), `x${"ü".repeat(32_767)}`]) {
        assert.deepEqual(await client.subscribe(one, 1), [1]);
        await client.publish(one, "x", { qos: 1 });
        await client.receive({ topic: one });
        await client.unsubscribe(one);
      }
    });
  }

  test("5.0: U+FEFF and characters beyond the basic ones stay in properties", async () => {
    const topic = suite.name();
    const client = await suite.connect({ version: 5 });
    await client.subscribe(topic, 1);
    const properties = {
      contentType: `${BOM}type`,
      responseTopic: `${BOM}answer`,
      userProperties: [
        [`${BOM}name`, `${BOM}value\u{10ffff}`],
        ["\ufffe", "\u0001"],
      ] as [string, string][],
    };
    await client.publish(topic, "x", { qos: 1, properties });
    assert.deepEqual((await client.receive()).properties, properties);
  });
});
