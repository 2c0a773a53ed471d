/** CONNECT field by field, and what is refused before a session comes of it: MQTT 3.1.1 and 5.0, section 3.1. */
import { describe, test } from "node:test";
import { prefixed } from "../support/properties.ts";
import { BrokerUnderTest, oursOnly } from "../support/suite.ts";
import { encode, frame } from "../support/wire.ts";

const TEXT = Buffer.from("text");
const NOT_UTF8 = Buffer.from([0xff]);
const NUL = Buffer.from([0]);
/** Where the properties of the will stand in MQTT 5: none. */
const WILL = "will properties";

type Part = string | Uint8Array;

function connect(version: 4 | 5, flags: number, parts: readonly Part[]): Buffer {
  const none = version === 5 ? [Buffer.from([0])] : [];
  const fields = parts.flatMap((part) => (part === WILL ? none : [prefixed(part)]));
  return frame(
    0x10,
    Buffer.concat([prefixed("MQTT"), Buffer.from([version, flags, 0, 0]), ...none, ...fields]),
  );
}

describe("the form of CONNECT", { skip: oursOnly }, () => {
  const suite = new BrokerUnderTest();

  /** What, connect flags, fields of the payload, and the code of MQTT 5. */
  const cases: readonly (readonly [string, number, readonly Part[], number])[] = [
    ["reserved flag [MQTT-3.1.2-3; MQTT3-3.1.2-3]", 0x03, ["c"], 0x81],
    ["will QoS 3 [MQTT-3.1.2-12; MQTT3-3.1.2-14]", 0x1e, ["c", WILL, "w", TEXT], 0x81],
    ["will QoS without will [MQTT-3.1.2-11; MQTT3-3.1.2-11, -13]", 0x0a, ["c"], 0x81],
    ["will retain without will [MQTT-3.1.2-13; MQTT3-3.1.2-15]", 0x22, ["c"], 0x81],
    ["will without fields [MQTT-3.1.2-9; MQTT3-3.1.2-9]", 0x06, ["c"], 0x81],
    ["will without payload [MQTT-3.1.2-9; MQTT3-3.1.2-9]", 0x06, ["c", WILL, "w"], 0x81],
    ["will fields without will [MQTT3-3.1.2-11]", 0x02, ["c", WILL, "w", TEXT], 0x81],
    ["user name without its flag [MQTT-3.1.2-16; MQTT3-3.1.2-18]", 0x02, ["c", "user"], 0x81],
    ["no user name with its flag [MQTT-3.1.2-17; MQTT3-3.1.2-19]", 0x82, ["c"], 0x81],
    ["password without its flag [MQTT-3.1.2-18; MQTT3-3.1.2-20]", 0x82, ["c", "user", "word"], 0x81],
    ["no password with its flag [MQTT-3.1.2-19; MQTT3-3.1.2-21]", 0xc2, ["c", "user"], 0x81],
    ["no client id [MQTT-3.1.3-3; MQTT3-3.1.3-3]", 0x02, [], 0x81],
    ["client id not UTF-8 [MQTT-3.1.3-4; MQTT3-3.1.3-4]", 0x02, [NOT_UTF8], 0x81],
    ["client id with U+0000", 0x02, [NUL], 0x81],
    ["will topic not UTF-8 [MQTT-3.1.3-11; MQTT3-3.1.3-10]", 0x06, ["c", WILL, NOT_UTF8, TEXT], 0x81],
    ["will topic with U+0000", 0x06, ["c", WILL, NUL, TEXT], 0x81],
    ["empty will topic [MQTT-4.7.3-1; MQTT3-4.7.3-1]", 0x06, ["c", WILL, "", TEXT], 0x90],
    ["will topic with a wildcard [MQTT-4.7.0-1; MQTT3-4.7.1-1]", 0x06, ["c", WILL, "a/#", TEXT], 0x90],
    ["user name not UTF-8 [MQTT-3.1.3-12; MQTT3-3.1.3-11]", 0x82, ["c", NOT_UTF8], 0x81],
    ["user name with U+0000", 0x82, ["c", NUL], 0x81],
    ["bytes behind the last field", 0x02, ["c", ""], 0x81],
  ];

  for (const [what, flags, parts, code] of cases) {
    test(`${what}: 3.1.1 closed without CONNACK [MQTT3-3.1.4-1, 3.2.2-6], 5.0 with a code [MQTT-3.1.4-1]`, async () => {
      const v4 = await suite.open(4);
      v4.send(connect(4, flags, parts), encode({ cmd: "pingreq" }, 4));
      await v4.expectClosed();
      const v5 = await suite.open(5);
      v5.send(connect(5, flags, parts), encode({ cmd: "pingreq" }, 5));
      await v5.expect("connack", { code, sessionPresent: false });
      await v5.expectClosed();
    });
  }

  for (const version of [4, 5] as const) {
    const both = version === 5 ? "5.0" : "3.1.1";

    test(`${both}: a password without user name is allowed in 5.0 alone [MQTT3-3.1.2-22]`, async () => {
      const client = await suite.open(version);
      client.send(connect(version, 0x42, [suite.name("c"), "word"]));
      if (version === 5) await client.expect("connack", { code: 0 });
      else await client.expectClosed();
    });

    test(`${both}: all fields in their order [MQTT-3.1.3-1; MQTT3-3.1.3-1]`, async () => {
      const [clientId, topic] = [suite.name("c"), suite.name()];
      const watch = await suite.connect();
      await watch.subscribe(topic, 1);
      const client = await suite.open(version);
      client.send(connect(version, 0xce, [clientId, WILL, topic, "gone", "the user", "word"]));
      await client.expect("connack", { code: 0 });
      await suite.broker.logged(new RegExp(`client ${clientId} connected .*user the user`));
      client.destroy();
      await watch.receive({ topic, payload: "gone" });
    });

    test(`${both}: another protocol name: closed [MQTT-3.1.2-1; MQTT3-3.1.2-1]`, async () => {
      for (const protocolName of ["MQXX", "mqtt", "", "MQTT "]) {
        const client = await suite.open(version);
        client.sendConnect({ protocolName, clientId: "c" });
        await client.expectClosed();
      }
    });

    test(`${both}: nothing after a refused CONNECT is worked on [MQTT-3.1.4-6, 3.2.2-7; MQTT3-3.1.4-5, 3.2.2-4, -5]`, async () => {
      const topic = suite.name();
      const watch = await suite.connect();
      await watch.subscribe(topic, 1);
      const client = await suite.open(version);
      client.send(
        { cmd: "connect", clientId: "x".repeat(101), clean: false },
        { cmd: "publish", topic, payload: "no", qos: 1, id: 1 },
        { cmd: "pingreq" },
      );
      await client.expect("connack", { code: version === 5 ? 0x85 : 2, sessionPresent: false });
      await client.expectClosed();
      await watch.expectNothing();
    });
  }

  test("protocol levels nobody speaks: 1, from level 5 on 0x84 [MQTT-3.1.2-2; MQTT3-3.1.2-2]", async () => {
    for (const [level, version, code] of [
      [0, 4, 1],
      [2, 4, 1],
      [3, 4, 1],
      [6, 5, 0x84],
      [0x7f, 5, 0x84],
    ] as const) {
      const client = await suite.open(version);
      client.sendConnect({ level, clientId: "x" });
      await client.expect("connack", { code, sessionPresent: false });
      await client.expectClosed();
    }
  });
});

describe("client ids", () => {
  const suite = new BrokerUnderTest({ schemaDefaults: true, mosquitto: [] });

  test("of 1 to 23 letters and digits are allowed [MQTT-3.1.3-5; MQTT3-3.1.3-5]", async () => {
    const letters = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    for (const clientId of ["0", "z", letters.slice(0, 23), letters.slice(23, 46), letters.slice(39)]) {
      await suite.connect({ version: 4, clientId });
    }
  });
});
