/** The reason codes of MQTT 5: which ones a client may send in which packet, and which ones the broker sends. */
import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { removeDirectory } from "../support/processes.ts";
import { bytes, type Doing, ScriptedPlugin, script } from "../support/scripted-plugin.ts";
import { BrokerUnderTest, oursOnly } from "../support/suite.ts";
import { frame } from "../support/wire.ts";

/** Every code there is (table 2-6), and two that there are not. */
const ALL: readonly number[] = [
  ...[0x00, 0x01, 0x02, 0x03, 0x04, 0x10, 0x11, 0x18, 0x19],
  ...Array.from({ length: 0xa3 - 0x80 }, (_, i) => 0x80 + i),
  0xff,
];
const PUBACK = [0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99];
const PUBREL = [0x00, 0x92];
const DISCONNECT = [...[0x00, 0x04, 0x80, 0x81, 0x82, 0x83, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99]];
const hex = (code: number): string => `0x${code.toString(16)}`;

describe("reason codes from a client", { skip: oursOnly }, () => {
  const suite = new BrokerUnderTest();

  for (const [name, first, allowed] of [
    ["PUBACK [MQTT-3.4.2-1]", 0x40, PUBACK],
    ["PUBREC [MQTT-3.5.2-1]", 0x50, PUBACK],
    ["PUBREL [MQTT-3.6.2-1]", 0x62, PUBREL],
    ["PUBCOMP [MQTT-3.7.2-1]", 0x70, PUBREL],
  ] as const) {
    test(`${name}: those of its table are taken, others are protocol errors`, async () => {
      const one = async (code: number): Promise<void> => {
        const client = await suite.connect({ version: 5 });
        client.send(frame(first, Buffer.from([0x03, 0xe7, code])), { cmd: "pingreq" });
        let answer = await client.next();
        if (answer?.cmd === "pubcomp" || answer?.cmd === "pubrel") {
          assert.equal(answer.code, 0x92, `${name} ${hex(code)}`);
          answer = await client.next();
        }
        if (allowed.includes(code)) assert.equal(answer?.cmd, "pingresp", `${name} ${hex(code)}`);
        else assert.ok(answer?.cmd === "disconnect" && answer.code === 0x82, `${name} ${hex(code)}`);
      };
      await Promise.all(ALL.map(one));
    });
  }

  test("DISCONNECT [MQTT-3.14.2-1]: those of its table are taken, others are protocol errors", async () => {
    const one = async (code: number): Promise<void> => {
      const client = await suite.connect({ version: 5 });
      client.send({ cmd: "disconnect", code, properties: {} });
      if (DISCONNECT.includes(code)) await client.expectClosed();
      else await client.expectDisconnect(0x82);
    };
    await Promise.all(ALL.map(one));
  });

  test("the short forms: no code and no properties mean 0x00", async () => {
    const topic = suite.name();
    const client = await suite.connect({ version: 5 });
    const publisher = await suite.connect({ version: 5 });
    await client.subscribe(topic, 2);
    const id = (first: number, packet: { id: number }, ...more: number[]): Buffer =>
      frame(first, Buffer.from([packet.id >> 8, packet.id & 0xff, ...more]));
    for (const more of [[], [0x00], [0x00, 0x00]]) {
      await publisher.publish(topic, "1", { qos: 1 });
      client.send(id(0x40, await client.expect("publish", { qos: 1 }), ...more));
      await publisher.publish(topic, "2", { qos: 2 });
      const packet = await client.expect("publish", { qos: 2 });
      client.send(id(0x50, packet, ...more));
      await client.expect("pubrel", { id: packet.id, code: 0 });
      client.send(id(0x70, packet, ...more));
      client.send({ cmd: "publish", topic, payload: "3", qos: 2, id: 8 });
      await client.take("pubrec", { id: 8, code: 0 });
      client.send(id(0x62, { id: 8 }, ...more));
      await client.take("pubcomp", { id: 8, code: 0 });
      await client.receive({ payload: "3" });
      await client.expectNothing();
    }
  });
});

describe("reason codes that plugins choose", { skip: oursOnly }, () => {
  const plugin = new ScriptedPlugin();
  const suite = new BrokerUnderTest({
    configuration: { allow_anonymous: "off", "plugins.vmq_acl": "off", ...plugin.configuration },
  });
  after(() => removeDirectory(plugin.directory));

  const REFUSALS = ALL.filter((code) => code >= 0x80);
  const CONNACK = [
    ...[0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x8c, 0x90, 0x95, 0x97, 0x99],
    ...[0x9a, 0x9b, 0x9c, 0x9d, 0x9f],
  ];
  const SUBACK = [0x83, 0x87, 0x8f, 0x91, 0x97, 0x9e, 0xa1, 0xa2];
  const SERVER_DISCONNECT = [
    ...[0x80, 0x81, 0x82, 0x83, 0x87, 0x89, 0x8b, 0x8d, 0x8e, 0x8f, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97],
    ...[0x98, 0x99, 0x9a, 0x9b, 0x9c, 0x9d, 0x9e, 0x9f, 0xa0, 0xa1, 0xa2],
  ];
  const no = (reasonCode: number): Doing => ({ kind: "error", reason: "no", reasonCode });
  /** By the payload or the topic, which is the code. */
  const byCode: Doing = {
    $when: Object.fromEntries(REFUSALS.map((code) => [`${code}`, no(code)])),
    otherwise: { kind: "ok" },
  };

  test("CONNACK has only those of its table [MQTT-3.2.2-6 to -8]", async () => {
    const will = { topic: "w", payload: "x", qos: 1 } as const;
    await Promise.all(
      REFUSALS.flatMap((code) => [
        { code, otherwise: 0x86, options: { username: script({ auth_on_register: no(code) }) } },
        { code, otherwise: 0x87, options: { username: script({ auth_on_publish: no(code) }), will } },
      ]).map(async ({ code, otherwise, options }) => {
        const client = await suite.attempt({ version: 5, ...options });
        assert.equal(client.connack?.code, CONNACK.includes(code) ? code : otherwise, hex(code));
        assert.equal(client.connack?.sessionPresent, false);
        await client.expectClosed();
      }),
    );
  });

  test("PUBACK and PUBREC have only those of their tables [MQTT-3.4.2-1, 3.5.2-1]", async () => {
    const client = await suite.connect({ version: 5, username: script({ auth_on_publish: byCode }) });
    for (const code of REFUSALS) {
      for (const qos of [1, 2] as const) {
        const answer = await client.publish("t", `${code}`, { qos });
        assert.equal(answer?.code, PUBACK.includes(code) ? code : 0x87, hex(code));
      }
    }
  });

  test("SUBACK has only those of its table [MQTT-3.9.3-2]", async () => {
    for (const code of REFUSALS) {
      const topics = [{ topic: "t", qos: code }];
      const granting = await suite.connect({
        version: 5,
        username: script({ auth_on_subscribe: { kind: "ok", modifiers: { topics } } }),
      });
      assert.deepEqual(await granting.subscribe("t", 1), [SUBACK.includes(code) ? code : 0x87], hex(code));
      const refusing = await suite.connect({
        version: 5,
        username: script({ auth_on_subscribe: no(code) }),
      });
      assert.deepEqual(await refusing.subscribe("t", 1), [SUBACK.includes(code) ? code : 0x87], hex(code));
    }
  });

  test("DISCONNECT and CONNACK of enhanced authentication have only those of their tables [MQTT-3.14.2-1]", async () => {
    const data = (on_auth: Doing) => ({
      authenticationMethod: "M",
      authenticationData: Buffer.from(script({ on_auth })),
    });
    const done: Doing = {
      kind: "ok",
      modifiers: { reasonCode: 0, properties: { authenticationData: bytes("x") } },
    };
    await Promise.all(
      REFUSALS.map(async (code) => {
        const client = await suite.connect({ version: 5, properties: data(done) });
        client.send({ cmd: "auth", code: 0x19, properties: data(no(code)) });
        await client.expectDisconnect(SERVER_DISCONNECT.includes(code) ? code : 0x87);
        const refused = await suite.attempt({ version: 5, properties: data(no(code)) });
        assert.equal(refused.connack?.code, CONNACK.includes(code) ? code : 0x87, hex(code));
      }),
    );
  });

  // [MQTT-3.2.2-19, -20, 3.4.2-2, -3, 3.5.2-2, -3, 3.9.2-1, -2, 3.14.2-3, -4, 3.15.2-2, -3]
  test("what plugins say is left out where the packet would be too large, or nobody wants it [MQTT-3.1.2-24, -29]", async () => {
    const said = {
      reasonString: "r".repeat(100),
      userProperties: [["name", "v".repeat(100)]] as [string, string][],
    };
    const no: Doing = { kind: "error", reason: "no", reasonCode: 0x97, ...said };
    const authenticate = (on_auth: Doing) => ({
      authenticationMethod: "M",
      authenticationData: Buffer.from(script({ on_auth })),
    });
    const step = (reasonCode: number): Doing => ({ kind: "ok", modifiers: { reasonCode, properties: said } });
    for (const [limits, talks] of [
      [{}, true],
      [{ maximumPacketSize: 150 }, false],
      [{ requestProblemInformation: 0 }, false],
    ] as const) {
      const expected = talks ? said : {};
      const client = await suite.connect({
        version: 5,
        properties: limits,
        username: script({ auth_on_publish: no, auth_on_subscribe: no }),
      });
      for (const qos of [1, 2] as const) {
        assert.deepEqual((await client.publish("t", "", { qos }))?.properties, expected);
      }
      client.send({ cmd: "subscribe", id: 9, filters: [{ filter: "t" }] });
      assert.deepEqual((await client.expect("suback", { id: 9, codes: [0x97] })).properties, expected);

      // CONNACK and DISCONNECT may explain even to who does not ask for it; here they do not.
      const refused = await suite.attempt({
        version: 5,
        properties: limits,
        username: script({ auth_on_register: no }),
      });
      assert.deepEqual(refused.connack?.properties, expected);
      const steps = await suite.open(5);
      steps.sendConnect({
        clientId: suite.name("c"),
        properties: { ...limits, ...authenticate(step(0x18)) },
      });
      assert.deepEqual((await steps.expect("auth", { code: 0x18 })).properties, {
        ...expected,
        authenticationMethod: "M",
      });
      steps.send({ cmd: "auth", code: 0x18, properties: authenticate(step(0)) });
      await steps.expect("connack", { code: 0 });
      steps.send({ cmd: "auth", code: 0x19, properties: authenticate(no) });
      assert.deepEqual((await steps.expect("disconnect", { code: 0x97 })).properties, expected);
      await steps.expectClosed();
    }
  });

  test("the server's DISCONNECT has no Session Expiry Interval [MQTT-3.14.2-2]", async () => {
    const options = {
      version: 5,
      clientId: suite.name("c"),
      properties: { sessionExpiryInterval: 60 },
    } as const;
    const client = await suite.connect(options);
    await suite.connect(options);
    assert.deepEqual((await client.expect("disconnect", { code: 0x8e })).properties, {});
  });
});
