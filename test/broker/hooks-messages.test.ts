/** What plugins may do to PUBLISH, SUBSCRIBE, UNSUBSCRIBE and deliveries. */
import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { removeDirectory } from "../support/processes.ts";
import type { ConnectOptions } from "../support/raw-client.ts";
import { bytes, type Doing, type Script, ScriptedPlugin, script } from "../support/scripted-plugin.ts";
import { BrokerUnderTest, oursOnly } from "../support/suite.ts";

describe("hooks about messages", { skip: oursOnly }, () => {
  const plugin = new ScriptedPlugin();
  const suite = new BrokerUnderTest({
    configuration: { allow_anonymous: "off", "plugins.vmq_acl": "off", ...plugin.configuration },
  });
  after(() => removeDirectory(plugin.directory));

  const connect = (doing: Script, options: ConnectOptions = {}) =>
    suite.connect({ username: script(doing), ...options });
  const ok = (modifiers: object): Doing => ({ kind: "ok", modifiers });
  const no = (more: object = {}): Doing => ({ kind: "error", reason: "no", ...more });

  for (const version of [4, 5] as const) {
    const m5 = version === 5 ? "_m5" : "";

    test(`version ${version}: auth_on_publish may change all of a message`, async () => {
      const [clientId, topic] = [suite.name("c"), suite.name()];
      const watcher = await suite.connect({ version: 5 });
      await watcher.subscribe({ filter: `${topic}/#`, qos: 2, retainAsPublished: true });
      const modifiers = { topic: `${topic}/new`, payload: bytes("changed"), qos: 2, retain: true };
      const properties = { contentType: "new", userProperties: [["k", "v"]], messageExpiryInterval: 50 };
      const client = await connect(
        { auth_on_publish: ok(version === 5 ? { ...modifiers, properties } : modifiers) },
        { version, clientId },
      );
      for (const qos of [0, 1, 2] as const) {
        // The client is answered for what it sent.
        const answer = await client.publish(`${topic}/old`, "x", {
          qos,
          properties: { contentType: "old", responseTopic: "r" },
        });
        assert.equal(answer?.cmd, qos === 0 ? undefined : qos === 1 ? "puback" : "pubrec");
        const got = await watcher.receive({
          topic: `${topic}/new`,
          payload: "changed",
          qos: 2,
          retain: true,
        });
        if (version === 5) {
          assert.deepEqual(got.properties, { ...properties, responseTopic: "r" });
          const told = await plugin.called(clientId, "on_publish_m5", qos + 1);
          assert.deepEqual(told.properties, { ...properties, responseTopic: "r" });
        }
        const {
          subscriberId: _,
          username: __,
          properties: ___,
          ...told
        } = await plugin.called(clientId, `on_publish${m5}`, qos + 1);
        assert.deepEqual(told, modifiers);
      }
      const late = await suite.connect();
      await late.subscribe(`${topic}/#`, 0);
      await late.receive({ topic: `${topic}/new`, payload: "changed", retain: true });
      await late.expectNothing();
    });

    test(`version ${version}: auth_on_publish may send a message to another mountpoint`, async () => {
      const topic = suite.name();
      const there = await connect(
        { auth_on_register: ok({ subscriberId: { mountpoint: "other", clientId: suite.name("c") } }) },
        {},
      );
      const here = await suite.connect();
      for (const one of [here, there]) await one.subscribe(topic, 1);
      const client = await connect({ auth_on_publish: ok({ mountpoint: "other" }) }, { version });
      await client.publish(topic, "x", { qos: 1 });
      await there.receiveExactly(["x"]);
      await here.expectNothing();
    });

    test(`version ${version}: throttle leaves the client unread for its time, the others not`, async () => {
      const topic = suite.name();
      const client = await connect({ auth_on_publish: ok({ throttle: 600 }) }, { version, keepalive: 1 });
      const other = await suite.connect();
      await client.publish(topic, "1", { qos: 1 });
      const started = performance.now();
      client.send({ cmd: "pingreq" });
      await other.publish(topic, "2", { qos: 1 });
      assert.ok(performance.now() - started < 500);
      await client.expect("pingresp");
      assert.ok(performance.now() - started >= 500);
    });

    test(`version ${version}: while auth_on_publish thinks, the packets behind it wait in order`, async () => {
      const [clientId, topic, gate] = [suite.name("c"), suite.name(), suite.name("gate")];
      const slow: Doing = { $gate: gate, answer: ok({ payload: bytes("slow") }) };
      const client = await connect(
        { auth_on_publish: { $when: { wait: slow, no: no() }, otherwise: { kind: "ok" } } },
        { version, clientId },
      );
      await client.subscribe(topic, 1);
      const other = await suite.connect({ version });
      client.send(
        { cmd: "publish", topic, payload: "first", qos: 1, id: 1 },
        { cmd: "publish", topic, payload: "wait", qos: 2, id: 2 },
        { cmd: "publish", topic, payload: "third", qos: 1, id: 3 },
        { cmd: "subscribe", id: 4, filters: [{ filter: `${topic}/2`, qos: 1 }] },
        { cmd: "pingreq" },
      );
      await plugin.called(clientId, `auth_on_publish${m5}`, 2);
      await client.take("puback", { id: 1 });
      await client.receive({ payload: "first" });
      await other.publish(topic, "other", { qos: 1 });
      await client.receive({ payload: "other" });
      assert.equal(plugin.calls(clientId, `auth_on_publish${m5}`).length, 2);
      assert.deepEqual(client.pending, []);
      plugin.open(gate);
      const answers: string[] = [];
      const payloads: string[] = [];
      while (answers.length < 4 || payloads.length < 2) {
        const packet = await client.next();
        assert.ok(packet !== undefined);
        if (packet.cmd === "publish") payloads.push(Buffer.from(packet.payload).toString());
        else answers.push(packet.cmd);
      }
      assert.deepEqual(payloads, ["slow", "third"]);
      assert.deepEqual(answers, ["pubrec", "puback", "suback", "pingresp"]);
    });

    test(`version ${version}: a client may go, or be replaced, while auth_on_publish thinks`, async () => {
      const [clientId, topic, gate] = [suite.name("c"), suite.name(), suite.name("gate")];
      const watcher = await suite.connect();
      await watcher.subscribe(topic, 1);
      const doing = { auth_on_publish: { $gate: gate, answer: { kind: "ok" } } } as const;
      const first = await connect(doing, { version, clientId });
      first.send({ cmd: "publish", topic, payload: "lost", qos: 1, id: 1 });
      await plugin.called(clientId, `auth_on_publish${m5}`);
      const second = await suite.connect({ version, clientId });
      await first.expectDisconnect(0x8e);
      plugin.open(gate);
      await second.publish(topic, "new", { qos: 1 });
      await watcher.receiveExactly(["new"]);
    });

    test(`version ${version}: subscribe modifiers decide about each filter`, async () => {
      const [clientId, topic] = [suite.name("c"), suite.name()];
      const topics = [
        { topic: `${topic}/a`, qos: 0 },
        { topic: `${topic}/b`, qos: 128 },
        { topic: `${topic}/changed`, qos: 2 },
      ];
      const client = await connect({ auth_on_subscribe: ok({ topics }) }, { version, clientId });
      const no = version === 5 ? 0x87 : 0x80;
      assert.deepEqual(await client.subscribe([`${topic}/a`, `${topic}/b`, `${topic}/c`], 1), [0, no, 2]);
      const options = { noLocal: false, retainAsPublished: false, retainHandling: 0 };
      assert.deepEqual(
        (await plugin.called(clientId, `on_subscribe${m5}`)).topics,
        [0, no, 2].map((qos, index) => ({
          topic: topics[index]?.topic,
          qos,
          ...(version === 5 ? options : {}),
        })),
      );
      const publisher = await suite.connect();
      for (const end of ["a", "b", "c", "changed"])
        await publisher.publish(`${topic}/${end}`, end, { qos: 2 });
      await client.receive({ payload: "a", qos: 0 });
      await client.receive({ payload: "changed", qos: 2 });
      await client.expectNothing();
    });

    test(`version ${version}: refused and failing subscriptions`, async () => {
      const two = [
        { topic: "a", qos: 1 },
        { topic: "b", qos: 1 },
      ];
      const no87 = version === 5 ? 0x87 : 0x80;
      for (const [doing, codes] of [
        [no(), [no87, no87]],
        [no({ reasonCode: 0x97 }), version === 5 ? [0x97, 0x97] : [0x80, 0x80]],
        [{ kind: "next" }, [no87, no87]],
        [{ $throw: "broken" }, [no87, no87]],
        [{ $reject: "broken" }, [no87, no87]],
        [ok({ topics: [two[0], null] }), [1, no87]],
        [ok({ topics: [two[0]] }), [no87, no87]],
        [ok({ topics: [{ topic: "a/#/b", qos: 1 }, two[1]] }), [no87, no87]],
        [ok({ topics: [{ topic: "a", qos: 3 }, two[1]] }), [no87, no87]],
      ] as const) {
        const client = await connect({ auth_on_subscribe: doing }, { version });
        assert.deepEqual(await client.subscribe(["a", "b"], 1), codes, JSON.stringify(doing));
      }
    });

    test(`version ${version}: on_unsubscribe may rewrite the filters; its errors do not count`, async () => {
      const topic = suite.name();
      const client = await connect(
        {
          on_unsubscribe: ok({ topics: [`${topic}/b`, `${topic}/none`] }),
          auth_on_publish: { kind: "ok" },
        },
        { version },
      );
      await client.subscribe([`${topic}/a`, `${topic}/b`], 1);
      assert.deepEqual(
        await client.unsubscribe(`${topic}/a`, `${topic}/c`),
        version === 5 ? [0x00, 0x11] : [],
      );
      await client.publish(`${topic}/b`, "b", { qos: 1 });
      await client.publish(`${topic}/a`, "a", { qos: 1 });
      await client.receiveExactly(["a"]);
      for (const doing of [
        no(),
        { $throw: "broken" },
        ok({ topics: [] }),
        ok({ topics: ["a/#/b"] }),
      ] as const) {
        const other = await connect({ on_unsubscribe: doing }, { version });
        await other.subscribe(topic, 1);
        assert.deepEqual(await other.unsubscribe(topic), version === 5 ? [0x00] : []);
        await other.publish(topic, "x", { qos: 1 });
        await other.expectNothing();
      }
    });

    test(`version ${version}: on_deliver may change topic, payload and properties; its errors do not count`, async () => {
      const [clientId, topic] = [suite.name("c"), suite.name()];
      const properties = { contentType: "new", userProperties: [["k", "v"]] };
      const modifiers = { topic: "elsewhere", payload: bytes("changed") };
      const client = await connect(
        {
          on_deliver: {
            $when: {
              plain: { kind: "next" },
              error: no(),
              broken: { $throw: "broken" },
              wrong: ok({ payload: "text" }),
            },
            otherwise: ok(version === 5 ? { ...modifiers, properties } : modifiers),
          },
        },
        { version, clientId },
      );
      await client.subscribe(topic, 2);
      const publisher = await suite.connect({ version: 5 });
      const given = { contentType: "old", responseTopic: "r", messageExpiryInterval: 100 };
      for (const qos of [0, 1, 2] as const) {
        await publisher.publish(topic, "x", { qos, properties: given });
        const got = await client.receive({ topic: "elsewhere", payload: "changed", qos });
        if (version === 5) assert.deepEqual(got.properties, { ...given, ...properties });
        const asked = await plugin.called(clientId, `on_deliver${m5}`, qos + 1);
        assert.deepEqual([asked.topic, asked.payload, asked.qos], [topic, bytes("x"), qos]);
        if (version === 5) assert.deepEqual(asked.properties, given);
      }
      for (const payload of ["plain", "error", "broken", "wrong"]) {
        await publisher.publish(topic, payload, { qos: 1 });
        await client.receive({ topic, payload });
      }
      await client.expectNothing();
    });

    test(`version ${version}: a slow on_deliver keeps the order and holds up nobody else`, async () => {
      for (const qos of [0, 1, 2] as const) {
        const [topic, gate] = [suite.name(), suite.name("gate")];
        const slow = (payload: string): Doing => ({ $gate: gate, answer: ok({ payload: bytes(payload) }) });
        const client = await connect(
          { on_deliver: { $when: { 0: slow("zero"), 3: slow("three") }, otherwise: { kind: "ok" } } },
          { version },
        );
        const other = await suite.connect({ version });
        for (const one of [client, other]) await one.subscribe(topic, 2);
        const publisher = await suite.connect();
        for (let i = 0; i < 6; i++) await publisher.publish(topic, `${i}`, { qos });
        for (let i = 0; i < 6; i++) await other.receive({ payload: `${i}` });
        await client.expectNothing();
        plugin.open(gate);
        for (const payload of ["zero", "1", "2", "three", "4", "5"]) await client.receive({ payload, qos });
        await client.expectNothing();
      }
    });
  }

  test("refused publishes: codes, closing, and what the plugin says", async () => {
    for (const [doing, code] of [
      [no(), 0x87],
      [no({ reasonCode: 0x97 }), 0x97],
      [{ kind: "next" }, 0x87],
      [{ $throw: "broken" }, 0x87],
      [{ $reject: "broken" }, 0x87],
      [ok({ qos: 3 }), 0x87],
      [ok({ topic: "a/#" }), 0x87],
      [ok({ payload: "text" }), 0x87],
      [ok({ throttle: -1 }), 0x87],
    ] as const) {
      const five = await connect({ auth_on_publish: doing }, { version: 5 });
      for (const qos of [1, 2] as const) {
        assert.equal((await five.publish("a", "x", { qos }))?.code, code, JSON.stringify(doing));
      }
      await five.publish("a", "x");
      const four = await connect({ auth_on_publish: doing }, { version: 4 });
      four.send({ cmd: "publish", topic: "a", qos: 1, id: 1 });
      await four.expectClosed();
      const three = await connect({ auth_on_publish: doing }, { version: 3 });
      await three.publish("a", "x", { qos: 1 });
      await three.publish("a", "x", { qos: 2 });
    }
  });

  test("version 5: reason string and user properties in acknowledgements, if they are wanted and fit", async () => {
    const said = { reasonString: "too long", userProperties: [["k", "v".repeat(100)]] };
    const doing = {
      auth_on_publish: no({ reasonCode: 0x97, ...said }),
      auth_on_subscribe: no({ reasonCode: 0x97, ...said }),
    };
    for (const [properties, heard] of [
      [{}, said],
      [{ requestProblemInformation: 0 }, {}],
      [{ maximumPacketSize: 60 }, {}],
    ] as const) {
      const client = await connect(doing, { version: 5, properties });
      assert.deepEqual((await client.publish("a", "x", { qos: 1 }))?.properties, heard);
      assert.deepEqual((await client.publish("a", "x", { qos: 2 }))?.properties, heard);
      client.send({ cmd: "subscribe", id: 9, filters: [{ filter: "a", qos: 1 }] });
      const suback = await client.expect("suback", { id: 9, codes: [0x97] });
      assert.deepEqual(suback.properties, heard);
    }
  });

  test("version 5: a slow acceptance before a refusal: both answers in order, each its own", async () => {
    const gate = suite.name("gate");
    const client = await connect(
      {
        auth_on_publish: {
          $when: { slow: { $gate: gate, answer: { kind: "ok" } } },
          otherwise: no({ reasonString: "no" }),
        },
      },
      { version: 5 },
    );
    client.send(
      { cmd: "publish", topic: "a", payload: "slow", qos: 1, id: 1 },
      { cmd: "publish", topic: "a", payload: "x", qos: 1, id: 2 },
    );
    plugin.open(gate);
    await client.expect("puback", { id: 1, code: 0x10 });
    const refused = await client.expect("puback", { id: 2, code: 0x87 });
    assert.equal(refused.properties.reasonString, "no");
  });

  test("version 5: subscribe modifiers may set options and any reason code", async () => {
    const topic = suite.name();
    const topics = [
      { topic: `${topic}/a`, qos: 1, noLocal: true },
      { topic: `${topic}/b`, qos: 1, retainAsPublished: true },
      { topic: `${topic}/c`, qos: 0x91 },
    ];
    const client = await connect({ auth_on_subscribe: ok({ topics }) }, { version: 5 });
    assert.deepEqual(await client.subscribe(["x", "y", "z"], 1), [1, 1, 0x91]);
    await client.publish(`${topic}/a`, "own", { qos: 1 });
    const publisher = await suite.connect();
    await publisher.publish(`${topic}/b`, "retained", { qos: 1, retain: true });
    await client.receive({ payload: "retained", retain: true });
    await client.expectNothing();
  });

  test("on_message_drop: expired, and too large for the client", async () => {
    const [clientId, topic] = [suite.name("c"), suite.name()];
    const publisher = await suite.connect({ version: 5 });
    const session = {
      version: 5,
      clientId,
      clean: false,
      properties: { sessionExpiryInterval: 60 },
    } as const;
    const client = await suite.connect({
      ...session,
      properties: { ...session.properties, maximumPacketSize: 50 },
    });
    await client.subscribe(topic, 1);
    const large = "x".repeat(60);
    for (const qos of [0, 1] as const) {
      await publisher.publish(topic, large, { qos });
      const drop = await plugin.called(clientId, "on_message_drop", qos + 1);
      assert.deepEqual(
        [drop.reason, drop.topic, drop.payload, drop.qos],
        ["max_packet_size_exceeded", topic, bytes(large), qos],
      );
    }
    await client.disconnect();
    await publisher.publish(topic, "short", { qos: 1, properties: { messageExpiryInterval: 1 } });
    await publisher.publish(topic, "long", { qos: 1, properties: { messageExpiryInterval: 100 } });
    await delay(1100);
    const back = await suite.connect(session);
    await back.receiveExactly(["long"]);
    const drop = await plugin.called(clientId, "on_message_drop", 3);
    assert.deepEqual([drop.reason, drop.payload], ["expired", bytes("short")]);
  });

  test("a late on_deliver that makes the message too large: dropped, and the window moves on", async () => {
    const [clientId, topic, gate] = [suite.name("c"), suite.name(), suite.name("gate")];
    plugin.open(gate);
    const large: Doing = { $gate: gate, answer: ok({ payload: bytes("x".repeat(100)) }) };
    const client = await connect(
      { on_deliver: { $when: { grow: large }, otherwise: { kind: "ok" } } },
      { version: 5, clientId, properties: { maximumPacketSize: 60, receiveMaximum: 1 } },
    );
    await client.subscribe(topic, 2);
    const publisher = await suite.connect();
    for (const qos of [0, 1, 2] as const) {
      await publisher.publish(topic, "grow", { qos });
      const drop = await plugin.called(clientId, "on_message_drop", qos + 1);
      assert.equal(drop.reason, "max_packet_size_exceeded");
      await publisher.publish(topic, `after ${qos}`, { qos: 2 });
      await client.receive({ payload: `after ${qos}` });
    }
    await client.expectNothing();
  });
});
