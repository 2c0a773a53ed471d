/** When plugins are called and with what, and how what they say of a CONNECT is carried out. */
import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { freePort, removeDirectory } from "../support/processes.ts";
import { type ConnectOptions, RawClient } from "../support/raw-client.ts";
import { bytes, type Doing, type Script, ScriptedPlugin, script } from "../support/scripted-plugin.ts";
import { BrokerUnderTest, oursOnly } from "../support/suite.ts";

const OFF = { allow_anonymous: "off", "plugins.vmq_acl": "off" };

describe("hooks", { skip: oursOnly }, async () => {
  const plugin = new ScriptedPlugin();
  const forwarding = await freePort();
  const suite = new BrokerUnderTest({
    configuration: {
      ...OFF,
      ...plugin.configuration,
      "listener.tcp.forwarding": `127.0.0.1:${forwarding}`,
      "listener.tcp.forwarding.forward_connection_opts": "on",
    },
  });
  after(() => removeDirectory(plugin.directory));

  const connect = (doing: Script, options: ConnectOptions = {}) =>
    suite.connect({ username: script(doing), ...options });
  const attempt = (doing: Script, options: ConnectOptions = {}) =>
    suite.attempt({ username: script(doing), ...options });
  const register = (modifiers: object): Script => ({ auth_on_register: { kind: "ok", modifiers } });

  for (const version of [4, 5] as const) {
    const m5 = version === 5 ? "_m5" : "";
    const v5 = <T extends object>(fields: T): T | object => (version === 5 ? fields : {});

    test(`version ${version}: every hook in its turn with its arguments`, async () => {
      const [clientId, topic] = [suite.name("c"), suite.name()];
      const options = {
        version,
        clientId,
        username: "alice",
        password: "secret",
        clean: false,
        properties: { sessionExpiryInterval: 3600 },
      };
      const client = await suite.connect(options);
      const userProperties: [string, string][] = [["a", "b"]];
      assert.deepEqual(
        await client.subscribe({ filter: topic, qos: 1, noLocal: false }, 1, v5({ userProperties })),
        [1],
      );
      await client.publish(topic, "hi", {
        qos: 1,
        ...v5({ properties: { contentType: "text", userProperties } }),
      });
      await client.receive({ payload: "hi" });
      await client.unsubscribe(topic);
      await client.subscribe(topic, 1);
      await client.disconnect();
      await plugin.called(clientId, "on_client_offline");
      const publisher = await suite.connect({ version });
      await publisher.publish(topic, "later", { qos: 2, retain: true });
      const again = await suite.connect({ ...options, clean: true, properties: {} });
      await again.disconnect();
      await plugin.called(clientId, "on_client_gone", 2);

      const subscriberId = { mountpoint: "", clientId };
      const who = { username: "alice", subscriberId };
      const message = { qos: 1, topic, payload: bytes("hi"), retain: false };
      const sent = {
        ...who,
        ...message,
        ...v5({ properties: { contentType: "text", userProperties: [["a", "b"]] } }),
      };
      const granted = {
        topic,
        qos: 1,
        ...v5({ noLocal: false, retainAsPublished: false, retainHandling: 0 }),
      };
      const subscribed = {
        ...who,
        topics: [granted],
        ...v5({ properties: { userProperties: [["a", "b"]] } }),
      };
      const plain = { ...who, topics: [granted], ...v5({ properties: {} }) };
      const peer = plugin.calls(clientId, `auth_on_register${m5}`).map(({ request }) => request.peer);
      const asked = (clean: boolean, properties: object) => ({
        ...who,
        password: bytes("secret"),
        ...(version === 5 ? { cleanStart: clean, properties } : { cleanSession: clean }),
      });
      assert.deepEqual(
        plugin.calls(clientId).map(({ hook, request: { peer: _, ...request } }) => [hook, request]),
        [
          [`auth_on_register${m5}`, asked(false, { sessionExpiryInterval: 3600 })],
          [`on_register${m5}`, { ...who, ...v5({ properties: { sessionExpiryInterval: 3600 } }) }],
          ["on_client_wakeup", { subscriberId }],
          [`auth_on_subscribe${m5}`, subscribed],
          [`on_subscribe${m5}`, subscribed],
          [`auth_on_publish${m5}`, sent],
          [`on_deliver${m5}`, sent],
          [`on_publish${m5}`, sent],
          [`on_unsubscribe${m5}`, { ...who, topics: [topic], ...v5({ properties: {} }) }],
          ["on_topic_unsubscribed", { subscriberId, topics: [topic] }],
          [`auth_on_subscribe${m5}`, plain],
          [`on_subscribe${m5}`, plain],
          ["on_client_offline", { subscriberId }],
          ["on_offline_message", { subscriberId, qos: 1, topic, payload: bytes("later"), retain: false }],
          [`auth_on_register${m5}`, asked(true, {})],
          ["on_topic_unsubscribed", { subscriberId, topics: "all_topics" }],
          ["on_client_gone", { subscriberId }],
          [`on_register${m5}`, { ...who, ...v5({ properties: {} }) }],
          ["on_client_wakeup", { subscriberId }],
          ["on_client_gone", { subscriberId }],
        ],
      );
      for (const one of peer) {
        assert.ok(typeof one === "object" && one !== null && "address" in one && "port" in one);
        assert.equal(one.address, "127.0.0.1");
        assert.ok(Number(one.port) > 0);
      }
    });

    test(`version ${version}: a hook may give another subscriber id and user name`, async () => {
      const [clientId, other, topic] = [suite.name("c"), suite.name("c"), suite.name()];
      const modifiers = { subscriberId: { mountpoint: "m", clientId: other }, username: "bob" };
      const client = await connect(register(modifiers), { version, clientId });
      assert.equal(client.connack?.properties.assignedClientIdentifier, undefined);
      await client.subscribe(topic, 1);
      const outside = await suite.connect();
      await outside.publish(topic, "outside", { qos: 1 });
      await client.publish(topic, "inside", { qos: 1 });
      await client.receiveExactly(["inside"]);
      const { username, subscriberId } = await plugin.called(other, `on_subscribe${m5}`);
      assert.deepEqual([username, subscriberId], ["bob", { mountpoint: "m", clientId: other }]);
      assert.deepEqual(plugin.hooks(clientId), [`auth_on_register${m5}`]);
      // The name it came with is free.
      const second = await suite.connect({ clientId });
      await client.expectNothing();
      await second.expectNothing();
    });

    test(`version ${version}: a hook may turn a clean session into a lasting one and back`, async () => {
      const properties = { sessionExpiryInterval: 60 };
      const options = { version, clientId: suite.name("c"), properties };
      const lasting = register({ cleanSession: false });
      assert.equal((await connect(lasting, { ...options, clean: true })).connack?.sessionPresent, false);
      assert.equal((await connect(lasting, { ...options, clean: true })).connack?.sessionPresent, true);
      const clean = register({ cleanSession: true });
      assert.equal((await connect(clean, { ...options, clean: false })).connack?.sessionPresent, false);
    });

    test(`version ${version}: a hook may set limits`, async () => {
      const large = await connect(register({ maxMessageSize: 10 }), { version });
      if (version === 5) assert.ok(Number(large.connack?.properties.maximumPacketSize) > 10);
      await large.publish("a", "x".repeat(10), { qos: 1 });
      large.send({ cmd: "publish", topic: "a", payload: "x".repeat(11), qos: 1, id: 5 });
      await large.expectDisconnect(0x95);

      const [clientId, topic] = [suite.name("c"), suite.name()];
      const session = { version, clientId, clean: false, properties: { sessionExpiryInterval: 60 } };
      const kept = await connect(register({ maxOfflineMessages: 2, queueType: "lifo" }), session);
      await kept.subscribe(topic, 1);
      await kept.disconnect();
      const publisher = await suite.connect();
      for (const payload of ["1", "2", "3"]) await publisher.publish(topic, payload, { qos: 1 });
      const drop = await plugin.called(clientId, "on_message_drop");
      const dropped = { qos: 1, topic, payload: bytes("1"), retain: false };
      assert.deepEqual(drop, {
        subscriberId: { mountpoint: "", clientId },
        reason: "queue_full",
        ...dropped,
      });
      const back = await connect(register({ queueType: "lifo" }), session);
      await back.receiveExactly(["3", "2"]);

      const upgraded = await connect(register({ upgradeQos: true }), { version });
      await upgraded.subscribe(topic, 2);
      await publisher.publish(topic, "up", { qos: 0 });
      await upgraded.receive({ payload: "up", qos: 2 });
    });

    test(`version ${version}: a hook may set rate and lifetime`, async () => {
      const started = performance.now();
      const topic = suite.name();
      const client = await connect(register({ maxMessageRate: 10, maxConnectionLifetime: 2 }), { version });
      for (let i = 0; i < 20; i++) await client.publish(topic, `${i}`, { qos: 1 });
      assert.ok(performance.now() - started >= 700, "20 messages at 10 a second, 10 of them at once");
      await client.expectDisconnect(0xa0);
      assert.ok(performance.now() - started >= 1900, "two seconds, with the grain of the timers");
    });
  }

  test("version 4: a hook may set window and retry interval", async () => {
    const topic = suite.name();
    const client = await connect(register({ maxInflightMessages: 2, retryInterval: 1000 }), { version: 4 });
    await client.subscribe(topic, 1);
    const publisher = await suite.connect();
    for (const payload of ["1", "2", "3"]) await publisher.publish(topic, payload, { qos: 1 });
    const started = performance.now();
    await client.expect("publish", { payload: "1", dup: false });
    await client.expect("publish", { payload: "2", dup: false });
    await client.receive({ payload: "1", dup: true });
    assert.ok(performance.now() - started < 4000, "the configured 20 seconds do not count");
    await client.take("publish", { dup: false });
  });

  test("version 5: properties for CONNACK; response information only for who asked, nothing too large [MQTT-3.1.2-28, 3.2.2-19, -20]", async () => {
    const properties = {
      userProperties: [["k", "v"]],
      sessionExpiryInterval: 7,
      maximumQoS: 1,
      retainAvailable: false,
      wildcardSubscriptionAvailable: false,
      sharedSubscriptionAvailable: false,
      subscriptionIdentifiersAvailable: false,
      responseInformation: "replies/",
    };
    const asking = await connect(register({ properties }), {
      version: 5,
      properties: { requestResponseInformation: 1 },
    });
    const flags = {
      sessionExpiryInterval: 7,
      maximumQoS: 1,
      retainAvailable: 0,
      wildcardSubscriptionAvailable: 0,
      sharedSubscriptionAvailable: 0,
      subscriptionIdentifierAvailable: 0,
    };
    assert.deepEqual(asking.connack?.properties, {
      ...flags,
      userProperties: [["k", "v"]],
      responseInformation: "replies/",
    });
    const terse = await connect(register({ properties }), {
      version: 5,
      properties: { requestProblemInformation: 0 },
    });
    assert.deepEqual(terse.connack?.properties, flags);
    const small = await connect(register({ properties: { userProperties: [["k", "v".repeat(200)]] } }), {
      version: 5,
      properties: { maximumPacketSize: 100 },
    });
    assert.deepEqual(small.connack?.properties, {});
  });

  test("version 5: the keep-alive of a hook counts, not the client's [MQTT-3.2.2-21]", async () => {
    const doing = register({ properties: { serverKeepAlive: 1 } });
    const clients = [
      await connect(doing, { version: 5, keepalive: 600 }),
      await connect(doing, { version: 5, keepalive: 0 }),
    ];
    for (const client of clients) {
      assert.equal(client.connack?.properties.serverKeepAlive, 1);
      await client.expectDisconnect(0x8d);
    }
  });

  test("refused CONNECTs: the codes of each version", async () => {
    const error = (more: object): Script => ({ auth_on_register: { kind: "error", reason: "why", ...more } });
    for (const [version, doing, code] of [
      [3, error({ reason: "invalid_credentials" }), 4],
      [4, error({ reason: "invalid_credentials" }), 4],
      [5, error({ reason: "invalid_credentials" }), 0x86],
      [4, error({}), 5],
      [4, error({ reasonCode: 0x8a }), 5],
      [5, error({}), 0x86],
      [5, error({ reasonCode: 0x8a }), 0x8a],
      [4, { auth_on_register: { kind: "next" } }, 5],
      [5, { auth_on_register: { kind: "next" } }, 0x86],
      [4, { auth_on_register: { $throw: "broken" } }, 5],
      [5, { auth_on_register: { $throw: "broken" } }, 0x86],
      [5, { auth_on_register: { $reject: "broken" } }, 0x86],
      [5, { auth_on_register: { $nonsense: true } }, 0x86],
      [5, { auth_on_register: { $nonsense: { kind: "yes" } } }, 0x86],
      [5, register({ unknownKey: 1 }), 0x86],
      [4, register({ maxInflightMessages: "2" }), 5],
      [4, register({ properties: {} }), 5],
    ] as const) {
      const client = await attempt(doing, { version });
      assert.equal(client.connack?.code, code, JSON.stringify(doing));
      await client.expectClosed();
    }
  });

  test("version 5: what a hook says to a refusal, if the client wants to hear it", async () => {
    const said = { reasonString: "full", serverReference: "other:1883", userProperties: [["k", "v"]] };
    const doing: Script = {
      auth_on_register: { kind: "error", reason: "moved", reasonCode: 0x9d, ...said },
    };
    const client = await attempt(doing, { version: 5 });
    assert.deepEqual([client.connack?.code, client.connack?.properties], [0x9d, said]);
    const terse = await attempt(doing, { version: 5, properties: { requestProblemInformation: 0 } });
    assert.deepEqual(terse.connack?.properties, { serverReference: "other:1883" });
  });

  test("a refused CONNECT leaves the session of that name alone", async () => {
    const [clientId, topic] = [suite.name("c"), suite.name()];
    const old = await suite.connect({ version: 5, clientId });
    await old.subscribe(topic, 1);
    const will = { topic: "w", payload: "gone", qos: 1 } as const;
    const no: Doing = { kind: "error", reason: "no" };
    const refused = await attempt({ auth_on_register: no }, { clientId });
    assert.equal(refused.connack?.code, 5);
    assert.equal((await attempt({ auth_on_publish: no }, { clientId, will })).connack?.code, 5);
    assert.equal(
      (await attempt({ auth_on_publish: no }, { version: 5, clientId, will })).connack?.code,
      0x87,
    );
    const coded = { auth_on_publish: { ...no, reasonCode: 0x90, reasonString: "bad" } };
    const told = await attempt(coded, { version: 5, clientId, will });
    assert.deepEqual([told.connack?.code, told.connack?.properties.reasonString], [0x90, "bad"]);
    await old.publish(topic, "still here", { qos: 1 });
    await old.receiveExactly(["still here"]);
  });

  test("the will is authorised at CONNECT, and changed, not when it is published", async () => {
    const [clientId, topic] = [suite.name("c"), suite.name()];
    const watcher = await suite.connect({ version: 5 });
    await watcher.subscribe({ filter: `${topic}/#`, qos: 2, retainAsPublished: true });
    const modifiers = { topic: `${topic}/new`, payload: bytes("changed"), qos: 2, retain: true };
    const properties = { contentType: "new", messageExpiryInterval: 100 };
    for (const version of [4, 5] as const) {
      const client = await connect(
        {
          auth_on_publish: {
            kind: "ok",
            modifiers: version === 5 ? { ...modifiers, properties } : modifiers,
          },
        },
        {
          version,
          clientId,
          will: { topic: `${topic}/old`, payload: "gone", qos: 1, properties: { responseTopic: "r" } },
        },
      );
      const asked = await plugin.called(clientId, `auth_on_publish${version === 5 ? "_m5" : ""}`);
      assert.deepEqual([asked.topic, asked.payload, asked.qos], [`${topic}/old`, bytes("gone"), 1]);
      client.destroy();
      const will = await watcher.receive({ topic: `${topic}/new`, payload: "changed", qos: 2, retain: true });
      assert.equal(will.properties.contentType, version === 5 ? "new" : undefined);
      assert.equal(will.properties.responseTopic, version === 5 ? "r" : undefined);
    }
    assert.equal(plugin.calls(clientId).filter(({ hook }) => hook.startsWith("auth_on_publish")).length, 2);
  });

  test("while a hook thinks about a CONNECT, others go on and what follows waits", async () => {
    const [clientId, topic] = [suite.name("c"), suite.name()];
    const client = suite.track(await RawClient.open(suite.port, { version: 5 }));
    const gate = suite.name("gate");
    client.sendConnect({
      clientId,
      username: script({ auth_on_register: { $gate: gate, answer: { kind: "ok" } } }),
    });
    client.send(
      { cmd: "subscribe", id: 1, filters: [{ filter: topic, qos: 1 }] },
      { cmd: "publish", topic, payload: "x", qos: 1, id: 2 },
    );
    await plugin.called(clientId, "auth_on_register_m5");
    const other = await suite.connect({ version: 5 });
    await other.publish(topic, "before", { qos: 1 });
    assert.deepEqual(plugin.hooks(clientId), ["auth_on_register_m5"]);
    plugin.open(gate);
    await client.expect("connack", { code: 0 });
    await client.expect("suback", { codes: [1] });
    await client.take("puback", { id: 2, code: 0 });
    await client.receiveExactly(["x"]);
  });

  test("a client that goes while a hook thinks about its CONNECT leaves nothing behind", async () => {
    const clientId = suite.name("c");
    const client = suite.track(await RawClient.open(suite.port, { version: 4 }));
    const gate = suite.name("gate");
    client.sendConnect({
      clientId,
      username: script({ auth_on_register: { $gate: gate, answer: { kind: "ok" } } }),
    });
    await plugin.called(clientId, "auth_on_register");
    client.destroy();
    plugin.open(gate);
    // The end is seen when the connection is read again.
    await suite.broker.logged(new RegExp(`client ${clientId} `));
    const next = await suite.connect({ clientId, clean: false });
    assert.equal(next.connack?.sessionPresent, false);
    const shown = await suite.broker.admin(["session", "show", "--client_id", `--client_id=${clientId}`]);
    assert.equal(shown.stdout.split("\n").filter((line) => line.includes(clientId)).length, 1);
  });

  test("hooks that never answer fail after their deadline, and nobody else waits for them", async () => {
    const hang: Doing = { $hang: true };
    const options = { version: 5, deadlineMs: 9000 } as const;
    const topic = suite.name();
    const started = performance.now();
    const cases = [
      async () => assert.equal((await attempt({ auth_on_register: hang }, options)).connack?.code, 0x86),
      async () => {
        const four = { ...options, version: 4 } as const;
        assert.equal((await attempt({ auth_on_register: hang }, four)).connack?.code, 5);
      },
      async () => {
        const client = await connect({ auth_on_publish: hang }, options);
        assert.equal((await client.publish(topic, "x", { qos: 1 }))?.code, 0x87);
      },
      async () => {
        const client = await connect({ auth_on_subscribe: hang }, options);
        assert.deepEqual(await client.subscribe(["a", "b"], 1), [0x87, 0x87]);
      },
      async () => {
        const client = await connect({ on_deliver: hang }, options);
        await client.subscribe(`${topic}/d`, 1);
        const publisher = await suite.connect();
        await publisher.publish(`${topic}/d`, "as it is", { qos: 1 });
        await client.receive({ payload: "as it is" });
      },
      async () => {
        const client = await connect({ on_unsubscribe: hang }, options);
        await client.subscribe(`${topic}/u`, 1);
        assert.deepEqual(await client.unsubscribe(`${topic}/u`), [0]);
      },
      async () => {
        const other = await suite.connect({ version: 5, deadlineMs: 2000 });
        await other.subscribe(`${topic}/o`, 1);
        while (performance.now() - started < 4000) {
          await other.publish(`${topic}/o`, "x", { qos: 1 });
          await other.receive();
        }
      },
    ];
    await Promise.all(cases.map((one) => one()));
    assert.ok(performance.now() - started >= 4900);
  });

  test("forward_connection_opts: hooks hear of the listener, and only then", async () => {
    const connection = {
      listenerAddress: "127.0.0.1",
      listenerPort: forwarding,
      listenerType: "mqtt",
    };
    for (const [port, version, wanted] of [
      [forwarding, 4, connection],
      [forwarding, 5, connection],
      [suite.port, 5, undefined],
    ] as const) {
      const clientId = suite.name("c");
      suite.track(await RawClient.connect(port, { version, clientId }));
      const asked = await plugin.called(clientId, `auth_on_register${version === 5 ? "_m5" : ""}`);
      assert.deepEqual(asked.connection, wanted);
    }
  });

  test("on_session_expired: after all subscriptions are told to be gone", async () => {
    const clientId = suite.name("c");
    const properties = { sessionExpiryInterval: 1 };
    const client = await suite.connect({ version: 5, clientId, clean: false, properties });
    await client.subscribe("a", 1);
    await client.disconnect();
    await plugin.called(clientId, "on_client_gone");
    assert.deepEqual(plugin.hooks(clientId).slice(-4), [
      "on_client_offline",
      "on_topic_unsubscribed",
      "on_session_expired",
      "on_client_gone",
    ]);
  });

  test("change_config tells what was set at run time", async () => {
    const result = await suite.broker.admin(["set", "max_inflight_messages=21"]);
    assert.equal(result.code, 0, result.stderr + result.stdout);
    assert.deepEqual((await plugin.called(undefined, "change_config")).changed, [
      ["max_inflight_messages", 21],
    ]);
  });
});
