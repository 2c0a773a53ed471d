/** What MQTT 5 passes from publisher to subscriber, and what it says about errors. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { BrokerUnderTest, onMosquitto, oursOnly } from "../support/suite.ts";
import { encode, encodePublishBody, frame } from "../support/wire.ts";

describe("properties", () => {
  const suite = new BrokerUnderTest();

  test("all of them arrive unchanged and in order [MQTT-3.3.2-4, -15 to -20]", async () => {
    const topic = suite.name();
    const client = await suite.connect({ version: 5 });
    await client.subscribe(topic, 2);
    const properties = {
      payloadFormatIndicator: 1,
      contentType: "application/json; ü",
      responseTopic: "answers/here",
      correlationData: Buffer.from([0, 1, 2, 255]),
      userProperties: [
        ["b", "2"],
        ["a", "1"],
        ["b", "2"],
        ["", ""],
        ["schlüssel", "\u{1f511}"],
      ] as [string, string][],
    };
    for (const qos of [0, 1, 2] as const) {
      await client.publish(topic, "{}", { qos, properties });
      assert.deepEqual((await client.receive({ qos })).properties, properties);
      // Also what says nothing.
      const empty = {
        payloadFormatIndicator: 0,
        contentType: "",
        correlationData: Buffer.alloc(0),
        userProperties: [["", ""]] as [string, string][],
      };
      await client.publish(topic, "{}", { qos, retain: true, properties: empty });
      assert.deepEqual((await client.receive({ qos })).properties, empty);
      await client.subscribe(topic, 2);
      assert.deepEqual((await client.receive({ qos, retain: true })).properties, empty);
    }
  });

  test("3.1.1 subscribers get the message without them, MQTT 5 ones of 3.1.1 publishers none [MQTT-2.2.2-1]", async () => {
    const topic = suite.name();
    const [v4, v5] = [await suite.connect({ version: 4 }), await suite.connect({ version: 5 })];
    await v4.subscribe(topic, 1);
    await v5.subscribe(topic, 1);
    await v5.publish(topic, "a", { qos: 1, properties: { contentType: "x", userProperties: [["k", "v"]] } });
    await v4.receive({ topic, payload: "a" });
    await v5.receive({ payload: "a" });
    await v4.publish(topic, "b", { qos: 1 });
    assert.deepEqual((await v5.receive({ payload: "b" })).properties, {});
  });

  test("a thousand user properties", async () => {
    const topic = suite.name();
    const client = await suite.connect({ version: 5 });
    await client.subscribe(topic, 1);
    const userProperties = Array.from({ length: 1000 }, (_, i): [string, string] => [`k${i % 7}`, `${i}`]);
    await client.publish(topic, "x", { qos: 1, properties: { userProperties } });
    assert.deepEqual((await client.receive()).properties.userProperties, userProperties);
  });

  test("properties are kept for an absent session", async () => {
    const topic = suite.name();
    const options = {
      version: 5,
      clientId: suite.name("c"),
      clean: false,
      properties: { sessionExpiryInterval: 60 },
    } as const;
    const first = await suite.connect(options);
    await first.subscribe(topic, 1, { subscriptionIdentifiers: [4] });
    await first.disconnect();
    const publisher = await suite.connect({ version: 5 });
    const properties = { contentType: "x", userProperties: [["k", "v"]] as [string, string][] };
    await publisher.publish(topic, "x", { qos: 1, properties });
    const again = await suite.connect(options);
    assert.deepEqual((await again.receive()).properties, { ...properties, subscriptionIdentifiers: [4] });
  });

  test("wrong properties: 0x81 or 0x82", { skip: oursOnly }, async () => {
    const one = (...bytes: number[]) => Buffer.from(bytes);
    const publish = (block: Buffer) => frame(0x32, encodePublishBody("a", 1, block));
    const cases: [string, Buffer][] = [
      ["twice", publish(one(0x02, 0, 0, 0, 1, 0x02, 0, 0, 0, 1))],
      ["unknown", publish(one(0x7f, 0))],
      ["of another packet", publish(one(0x21, 0, 5))],
      ["format indicator 2", publish(one(0x01, 2))],
      ["cut off", publish(one(0x02, 0, 0))],
      ["response topic with wildcard [MQTT-3.3.2-14]", publish(one(0x08, 0, 1, 0x23))],
      ["content type not UTF-8 [MQTT-3.3.2-19]", publish(one(0x03, 0, 1, 0xff))],
      ["user property key with U+0000", publish(one(0x26, 0, 1, 0, 0, 1, 97))],
      ["block longer than the packet", frame(0x32, Buffer.from([0, 1, 97, 0, 1, 50, 0]))],
      ["length of five bytes", frame(0x32, Buffer.from([0, 1, 97, 0, 1, 0x80, 0x80, 0x80, 0x80, 1]))],
    ];
    for (const [what, bytes] of cases) {
      const client = await suite.connect({ version: 5 });
      client.send(bytes);
      const answer = await client.next();
      assert.ok(
        answer?.cmd === "disconnect" && [0x81, 0x82, 0x90].includes(answer.code),
        `${what}: ${JSON.stringify(answer)}`,
      );
      await client.expectClosed();
    }
  });

  test("request problem information 0: no reason strings in acknowledgements [MQTT-3.1.2-29]", async () => {
    const client = await suite.connect({ version: 5, properties: { requestProblemInformation: 0 } });
    const topic = suite.name();
    const ack = await client.publish(topic, "x", { qos: 1 });
    assert.deepEqual(ack?.properties, {});
    client.send({ cmd: "pubrel", id: 700 });
    assert.deepEqual((await client.expect("pubcomp", { id: 700 })).properties, {});
  });

  test("AUTH without enhanced authentication: a protocol error [MQTT-4.12.0-7]", {
    skip: oursOnly,
  }, async () => {
    const client = await suite.connect({ version: 5 });
    client.send({ cmd: "auth", code: 0x19, properties: { authenticationMethod: "X" } });
    await client.expectDisconnect(0x82);
  });
});

describe("malformed packets", () => {
  const suite = new BrokerUnderTest();

  for (const version of [4, 5] as const) {
    const none = version === 5 ? [0] : [];
    const cases: [string, Buffer, number[]][] = [
      [
        "PUBLISH with QoS 3 [MQTT-3.3.1-4; MQTT3-3.3.1-4]",
        frame(0x36, Buffer.from([0, 1, 97, 0, 1, ...none])),
        [0x81, 0x82],
      ],
      [
        "PUBLISH QoS 0 with DUP [MQTT-3.3.1-2; MQTT3-3.3.1-2]",
        frame(0x38, Buffer.from([0, 1, 97, ...none])),
        [0x81, 0x82],
      ],
      [
        "PUBLISH with packet id 0 [MQTT-2.2.1-3; MQTT3-2.3.1-1]",
        frame(0x32, Buffer.from([0, 1, 97, 0, 0, ...none])),
        [0x81, 0x82],
      ],
      ["PUBLISH without packet id", frame(0x32, Buffer.from([0, 1, 97])), [0x81]],
      ["PUBLISH with a topic longer than itself", frame(0x30, Buffer.from([0, 9, 97])), [0x81]],
      [
        "PUBLISH to a filter [MQTT-3.3.2-2, 4.7.0-1; MQTT3-3.3.2-2, 4.7.1-1]",
        encode({ cmd: "publish", topic: "a/#", qos: 1, id: 1 }, version),
        [0x90],
      ],
      [
        "PUBLISH to a filter [MQTT-3.3.2-2, 4.7.0-1; MQTT3-3.3.2-2, 4.7.1-1]",
        encode({ cmd: "publish", topic: "a/+/b" }, version),
        [0x90],
      ],
      [
        "topic with U+0000 [MQTT-4.7.3-2; MQTT3-4.7.3-2]",
        frame(0x30, Buffer.from([0, 2, 97, 0, ...none])),
        [0x81, 0x90],
      ],
      [
        "topic not UTF-8 [MQTT-3.3.2-1; MQTT3-3.3.2-1]",
        frame(0x30, Buffer.from([0, 2, 0xc0, 0x80, ...none])),
        [0x81, 0x90],
      ],
      ["topic with a surrogate", frame(0x30, Buffer.from([0, 3, 0xed, 0xbf, 0xbf, ...none])), [0x81, 0x90]],
      ["PUBACK too short", frame(0x40, Buffer.from([0])), [0x81]],
      ["PUBREL with flags 0 [MQTT-3.6.1-1; MQTT3-3.6.1-1]", frame(0x60, Buffer.from([0, 1])), [0x81]],
      ["PINGREQ with a body", frame(0xc0, Buffer.from([1])), [0x81]],
      [
        "PINGREQ with flags [MQTT-2.1.3-1, 4.13.1-1; MQTT3-2.2.2-1, -2, 4.8.0-1]",
        frame(0xc1, Buffer.from([])),
        [0x81],
      ],
      ["type 0", frame(0x00, Buffer.from([])), [0x81, 0x82]],
      ["length of five bytes", Buffer.from([0x30, 0x80, 0x80, 0x80, 0x80, 1]), [0x81]],
    ];
    for (const [what, bytes, codes] of cases) {
      test(`version ${version}: ${what}: closed`, {
        skip: version === 5 || what.includes("DUP") ? oursOnly : false,
      }, async () => {
        const client = await suite.connect({ version });
        client.send(bytes);
        const answer = await client.next();
        if (version === 5) {
          assert.ok(answer?.cmd === "disconnect" && codes.includes(answer.code), JSON.stringify(answer));
          await client.expectClosed();
        } else if (!onMosquitto) assert.equal(answer, undefined);
      });
    }
  }

  test("type 15 is an error before MQTT 5", async () => {
    const client = await suite.connect({ version: 4 });
    client.send(frame(0xf0, Buffer.from([])));
    await client.expectClosed();
  });

  test("DISCONNECT with wrong flags or a body in 3.1.1: closed, will sent [MQTT3-3.14.1-1]", {
    skip: oursOnly,
  }, async () => {
    const topic = suite.name();
    const watch = await suite.connect();
    await watch.subscribe(topic, 1);
    const client = await suite.connect({ will: { topic, payload: "gone", qos: 1 } });
    client.send(frame(0xe1, Buffer.from([])));
    await client.expectClosed();
    await watch.receive({ payload: "gone" });
  });
});
