/** Enhanced authentication of MQTT 5: section 4.12 of its specification. */
import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { removeDirectory } from "../support/processes.ts";
import { RawClient } from "../support/raw-client.ts";
import { bytes, type Doing, ScriptedPlugin, script } from "../support/scripted-plugin.ts";
import { BrokerUnderTest, oursOnly } from "../support/suite.ts";
import type { OutPacket, Properties } from "../support/wire.ts";

const METHOD = "M";
const data = (on_auth: Doing): Properties => ({
  authenticationMethod: METHOD,
  authenticationData: Buffer.from(script({ on_auth })),
});
const auth = (code: number, on_auth: Doing): OutPacket => ({ cmd: "auth", code, properties: data(on_auth) });
const step = (reasonCode: number, authenticationData: string): Doing => ({
  kind: "ok",
  modifiers: { reasonCode, properties: { authenticationData: bytes(authenticationData) } },
});
const DONE = step(0, "welcome");

describe("enhanced authentication", { skip: oursOnly }, () => {
  const plugin = new ScriptedPlugin();
  const suite = new BrokerUnderTest({
    configuration: {
      allow_anonymous: "off",
      "plugins.vmq_acl": "off",
      mqtt_connect_timeout: 1500,
      ...plugin.configuration,
    },
  });
  after(() => removeDirectory(plugin.directory));

  /** Sends a CONNECT whose first step the hook answers so. */
  async function begin(
    on_auth: Doing,
    more: Properties = {},
    clientId = suite.name("c"),
  ): Promise<RawClient> {
    const client = suite.track(await RawClient.open(suite.port, { version: 5 }));
    client.sendConnect({ clientId, username: "alice", properties: { ...data(on_auth), ...more } });
    return client;
  }

  /** A client that is through. */
  async function authenticated(clientId = suite.name("c")): Promise<RawClient> {
    const client = await begin(DONE, {}, clientId);
    await client.expect("connack", { code: 0 });
    return client;
  }

  test("one step: CONNACK has method and data, and the other hooks are asked afterwards [MQTT-4.12.0-5]", async () => {
    const clientId = suite.name("c");
    const client = await begin(DONE, {}, clientId);
    const { code, properties } = await client.expect("connack");
    assert.equal(code, 0);
    assert.deepEqual(properties, {
      authenticationMethod: METHOD,
      authenticationData: Buffer.from("welcome"),
    });
    assert.deepEqual(plugin.hooks(clientId).slice(0, 3), [
      "on_auth_m5",
      "auth_on_register_m5",
      "on_register_m5",
    ]);
    const asked = await plugin.called(clientId, "on_auth_m5");
    assert.equal(asked.username, null, "nobody has looked at the user name yet");
    assert.deepEqual(asked.properties, {
      authenticationMethod: METHOD,
      authenticationData: bytes(script({ on_auth: DONE })),
    });
  });

  test("several steps before CONNACK, then a usual session [MQTT-3.15.2-1, 4.12.0-2, -5]", async () => {
    const [clientId, topic] = [suite.name("c"), suite.name()];
    const client = await begin(step(24, "1"), {}, clientId);
    const challenge = await client.expect("auth", { code: 0x18 });
    assert.deepEqual(challenge.properties, {
      authenticationMethod: METHOD,
      authenticationData: Buffer.from("1"),
    });
    client.send(auth(0x18, step(24, "2")));
    await client.expect("auth", { code: 0x18, properties: { authenticationData: Buffer.from("2") } });
    assert.deepEqual(plugin.hooks(clientId), ["on_auth_m5", "on_auth_m5"]);
    client.send(auth(0x18, DONE));
    await client.expect("connack", { code: 0 });
    await client.subscribe(topic, 1);
    await client.publish(topic, "x", { qos: 1 });
    await client.receiveExactly(["x"]);
  });

  test("slow answers of the hook: nothing is lost and nothing overtakes", async () => {
    const [gate, clientId] = [suite.name("gate"), suite.name("c")];
    const client = await begin({ $gate: gate, answer: step(24, "1") }, {}, clientId);
    await plugin.called(clientId, "on_auth_m5");
    client.send(auth(0x18, { $gate: gate, answer: DONE }));
    plugin.open(gate);
    await client.expect("auth", { code: 0x18 });
    await client.expect("connack", { code: 0 });
    await client.expectNothing();
  });

  test("an exchange that the client does not go on with ends with the connect time-out", async () => {
    const client = await begin(step(24, "1"));
    await client.expect("auth");
    await client.expectClosed();
  });

  test("refusals before CONNACK are told by it, and leave the session of that name alone [MQTT-4.12.0-4]", async () => {
    const clientId = suite.name("c");
    const old = await suite.connect({ version: 5, clientId });
    const error = (more: object = {}): Doing => ({ kind: "error", reason: "no", ...more });
    for (const [doing, code, properties] of [
      [error(), 0x87, {}],
      [error({ reasonCode: 0x86, reasonString: "who" }), 0x86, { reasonString: "who" }],
      [error({ reasonCode: 0x9c, serverReference: "o:1" }), 0x9c, { serverReference: "o:1" }],
      [{ kind: "next" }, 0x8c, {}],
      [{ $throw: "broken" }, 0x87, {}],
      [{ kind: "ok", modifiers: { reasonCode: 1 } }, 0x87, {}],
      [{ kind: "ok", modifiers: {} }, 0x87, {}],
    ] as const) {
      const first = await begin(doing, {}, clientId);
      assert.deepEqual(
        (await first.expect("connack", { code })).properties,
        properties,
        JSON.stringify(doing),
      );
      await first.expectClosed();
      const later = await begin(step(24, "1"), {}, clientId);
      await later.expect("auth");
      later.send(auth(0x18, doing));
      assert.deepEqual(
        (await later.expect("connack", { code })).properties,
        properties,
        JSON.stringify(doing),
      );
      await later.expectClosed();
    }
    await old.expectNothing();
  });

  test("the wrong packets before CONNACK: 0x82, and never DISCONNECT [MQTT-3.1.2-30, 3.14.0-1, 4.12.0-3]", async () => {
    const other = { authenticationMethod: "other" };
    const packets: OutPacket[] = [
      { cmd: "pingreq" },
      { cmd: "publish", topic: "a", qos: 1, id: 1 },
      { cmd: "puback", id: 1 },
      { cmd: "pubrec", id: 1 },
      { cmd: "pubrel", id: 1 },
      { cmd: "pubcomp", id: 1 },
      { cmd: "subscribe", id: 1, filters: [{ filter: "a" }] },
      { cmd: "unsubscribe", id: 1, filters: ["a"] },
      auth(0x19, DONE),
      auth(0x00, DONE),
      { cmd: "auth", code: 0x18, properties: other },
      { cmd: "auth", code: 0x18 },
    ];
    for (const packet of packets) {
      const client = await begin(step(24, "1"));
      await client.expect("auth");
      client.send(packet);
      await client.expect("connack", { code: 0x82 });
      await client.expectClosed();
    }
  });

  test("a client may give up before CONNACK", async () => {
    const client = await begin(step(24, "1"));
    await client.expect("auth");
    await client.disconnect();
  });

  test("re-authentication: AUTH 0x00, with more steps if the hook wants them; the session goes on", async () => {
    const [clientId, topic] = [suite.name("c"), suite.name()];
    const client = await authenticated(clientId);
    await client.subscribe(topic, 1);
    client.send(auth(0x19, step(24, "1")));
    await client.expect("auth", { code: 0x18, properties: { authenticationData: Buffer.from("1") } });
    // Section 4.12.1: the session goes on while that is under way.
    await client.publish(topic, "meanwhile", { qos: 1 });
    await client.receive({ payload: "meanwhile" });
    client.send(auth(0x18, DONE));
    const { properties } = await client.expect("auth", { code: 0 });
    assert.deepEqual(properties, {
      authenticationMethod: METHOD,
      authenticationData: Buffer.from("welcome"),
    });
    assert.equal((await plugin.called(clientId, "on_auth_m5", 3)).username, "alice");
    assert.equal(plugin.calls(clientId, "auth_on_register_m5").length, 1);
  });

  test("a failed re-authentication ends with DISCONNECT, and the will is published [MQTT-4.12.1-2]", async () => {
    const topic = suite.name();
    const watcher = await suite.connect();
    await watcher.subscribe(topic, 1);
    for (const [doing, code, reasonString] of [
      [{ kind: "error", reason: "no", reasonCode: 0x97, reasonString: "who" }, 0x97, "who"],
      // DISCONNECT has no 0x86 [MQTT-3.14.2-1].
      [{ kind: "error", reason: "no", reasonCode: 0x86, reasonString: "who" }, 0x87, "who"],
      [{ kind: "error", reason: "no" }, 0x87, undefined],
      [{ $reject: "broken" }, 0x87, undefined],
    ] as const) {
      const client = suite.track(await RawClient.open(suite.port, { version: 5 }));
      const will = { topic, payload: "gone", qos: 1 } as const;
      client.sendConnect({ clientId: suite.name("c"), will, properties: data(DONE) });
      await client.expect("connack", { code: 0 });
      client.send(auth(0x19, doing));
      const { properties } = await client.expect("disconnect", { code });
      assert.equal(properties.reasonString, reasonString);
      await client.expectClosed();
      await watcher.receive({ payload: "gone" });
    }
  });

  test("another method, or none from the start: DISCONNECT 0x82 [MQTT-4.12.0-7, 4.12.1-1]", async () => {
    const changed = await authenticated();
    changed.send({ cmd: "auth", code: 0x19, properties: { authenticationMethod: "other" } });
    await changed.expectDisconnect(0x82);
    const plain = await suite.connect({ version: 5 });
    plain.send(auth(0x19, DONE));
    await plain.expectDisconnect(0x82);
  });

  test("no method and no AUTH for those who did not ask [MQTT-4.12.0-6]", async () => {
    const clientId = suite.name("c");
    const client = await suite.connect({ version: 5, clientId });
    assert.deepEqual(client.connack?.properties, {});
    await client.expectNothing();
    assert.ok(!plugin.hooks(clientId).includes("on_auth_m5"));
  });

  test("AUTH does not exist before MQTT 5", async () => {
    const client = await suite.connect({ version: 4 });
    client.send(Buffer.from([0xf0, 0x00]));
    await client.expectClosed();
  });
});

describe("enhanced authentication that nobody knows", { skip: oursOnly }, () => {
  const suite = new BrokerUnderTest();

  test("0x8c, also where anonymous clients are allowed", async () => {
    const client = await suite.attempt({ version: 5, properties: data(DONE) });
    assert.equal(client.connack?.code, 0x8c);
    await client.expectClosed();
  });
});
