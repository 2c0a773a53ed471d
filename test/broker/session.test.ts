/** Sessions that outlive their connections: MQTT 3.1.1 section 3.1.2.4, 5.0 sections 3.1.2.11.2, 4.1. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { BrokerUnderTest, oursOnly } from "../support/suite.ts";

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();

describe("session", () => {
  const suite = new BrokerUnderTest({ persistence: true });

  for (const version of [3, 4, 5] as const) {
    const lasting = { version, clean: false, properties: { sessionExpiryInterval: 300 } };

    test(`version ${version}: subscriptions and QoS 1 and 2 messages wait, QoS 0 ones do not [MQTT-3.1.2-5, 4.5.0-1; MQTT3-3.1.2-4, -5, 4.5.0-1]`, async () => {
      const topic = suite.name();
      const options = { ...lasting, clientId: suite.name("c") };
      const subscriber = await suite.connect(options);
      await subscriber.subscribe(topic, 2);
      await subscriber.disconnect();
      const publisher = await suite.connect({ version });
      for (let i = 0; i < 9; i++)
        await publisher.publish(topic, `${i}`, { qos: i % 3 === 0 ? 0 : i % 3 === 1 ? 1 : 2 });
      const again = await suite.connect(options);
      for (const i of [1, 2, 4, 5, 7, 8])
        await again.receive({ payload: `${i}`, qos: i % 3 === 1 ? 1 : 2, dup: false });
      await again.expectNothing();
      await publisher.publish(topic, "live", { qos: 1 });
      await again.receive({ payload: "live" });
    });

    test(`version ${version}: a clean start wipes everything [MQTT-3.1.2-4, 3.1.4-4; MQTT3-3.1.2-6, 3.1.4-3]`, async () => {
      const topic = suite.name();
      const options = { ...lasting, clientId: suite.name("c") };
      const first = await suite.connect(options);
      await first.subscribe(topic, 1);
      await first.disconnect();
      const publisher = await suite.connect({ version });
      await publisher.publish(topic, "waiting", { qos: 1 });
      const clean = await suite.connect({ ...options, clean: true });
      await clean.expectNothing();
      await publisher.publish(topic, "live", { qos: 1 });
      await clean.expectNothing();
      await clean.disconnect();
    });

    test(`version ${version}: everything survives a restart [MQTT3-4.1.0-1]`, {
      skip: oursOnly,
    }, async () => {
      const topic = suite.name();
      const options = { ...lasting, clientId: suite.name("c") };
      const subscriber = await suite.connect(options);
      await subscriber.subscribe([
        { filter: `${topic}/+`, qos: 2 },
        { filter: `${topic}/dropped`, qos: 1 },
      ]);
      await subscriber.unsubscribe(`${topic}/dropped`);
      const publisherId = suite.name("c");
      const publisher = await suite.connect({ ...lasting, clientId: publisherId });
      await publisher.publish(`${topic}/a`, "unacknowledged 1", { qos: 1 });
      await publisher.publish(`${topic}/a`, "unacknowledged 2", { qos: 2 });
      const first = await subscriber.expect("publish", { payload: "unacknowledged 1" });
      const second = await subscriber.expect("publish", { payload: "unacknowledged 2" });
      await subscriber.disconnect();
      for (let i = 0; i < 30; i++)
        await publisher.publish(`${topic}/a`, `${i}`, { qos: i % 2 === 0 ? 1 : 2 });
      publisher.send({ cmd: "publish", topic: `${topic}/a`, payload: "half", qos: 2, id: 500 });
      await publisher.take("pubrec", { id: 500 });
      assert.equal(await suite.broker.stop(), 0);
      await suite.broker.restart();
      const again = await suite.connect(options);
      assert.equal(again.connack?.sessionPresent, version !== 3);
      await again.receive({ payload: "unacknowledged 1", id: first.id, dup: true });
      await again.receive({ payload: "unacknowledged 2", id: second.id, dup: true, qos: 2 });
      for (let i = 0; i < 30; i++)
        await again.receive({ payload: `${i}`, qos: i % 2 === 0 ? 1 : 2, dup: false });
      await again.receive({ payload: "half", qos: 2 });
      const publisherAgain = await suite.connect({ ...lasting, clientId: publisherId });
      publisherAgain.send({
        cmd: "publish",
        topic: `${topic}/a`,
        payload: "half",
        qos: 2,
        id: 500,
        dup: true,
      });
      await publisherAgain.expect("pubrec", { id: 500, code: 0 });
      publisherAgain.send({ cmd: "pubrel", id: 500 });
      await publisherAgain.expect("pubcomp", { id: 500, code: 0 });
      await publisherAgain.publish(`${topic}/b`, "after", { qos: 2 });
      await again.receive({ topic: `${topic}/b`, payload: "after", qos: 2 });
      await again.expectNothing();
    });
  }

  test("a publish to a session whose queue is just being read from disk is acknowledged", {
    skip: oursOnly,
  }, async () => {
    const topic = suite.name();
    const options = { clientId: suite.name("c"), clean: false } as const;
    const subscriber = await suite.connect(options);
    await subscriber.subscribe(topic, 1);
    await subscriber.disconnect();
    const publisher = await suite.connect();
    const waiting = Array.from({ length: 30 }, (_, i) => `${i}`);
    for (const payload of waiting) await publisher.publish(topic, payload, { qos: 1 });
    await suite.broker.restart();
    const again = await suite.connect(options);
    await (await suite.connect()).publish(topic, "new", { qos: 1 });
    await again.receiveExactly([...waiting, "new"]);
  });

  test("MQTT 5: no session expiry: the session ends with the connection [MQTT-3.1.2-23]", async () => {
    const clientId = suite.name("c");
    for (const properties of [{}, { sessionExpiryInterval: 0 }]) {
      await (await suite.connect({ version: 5, clientId, clean: false, properties })).disconnect();
      const again = await suite.connect({ version: 5, clientId, clean: false });
      assert.equal(again.connack?.sessionPresent, false);
      await again.disconnect();
    }
  });

  test("MQTT 5: the session expires after its interval, not before [MQTT-3.1.2-23, 4.1.0-2]", async () => {
    const topic = suite.name();
    const options = {
      version: 5,
      clientId: suite.name("c"),
      clean: false,
      properties: { sessionExpiryInterval: 1 },
    } as const;
    const first = await suite.connect(options);
    await first.subscribe(topic, 1);
    await first.disconnect();
    const second = await suite.connect(options);
    assert.equal(second.connack?.sessionPresent, true);
    await second.disconnect();
    await delay(oursOnly === false ? 2_200 : 6_000);
    const third = await suite.connect(options);
    assert.equal(third.connack?.sessionPresent, false);
  });

  test("MQTT 5: DISCONNECT changes the expiry; from 0 it must stay 0", {
    skip: oursOnly,
  }, async () => {
    const clientId = suite.name("c");
    const options = { version: 5, clientId, clean: false } as const;
    const first = await suite.connect({ ...options, properties: { sessionExpiryInterval: 300 } });
    await first.disconnect(0, { sessionExpiryInterval: 0 });
    const second = await suite.connect({ ...options, properties: { sessionExpiryInterval: 300 } });
    assert.equal(second.connack?.sessionPresent, false);
    await second.disconnect(0, { sessionExpiryInterval: 600 });
    const third = await suite.connect({ ...options, properties: { sessionExpiryInterval: 0 } });
    assert.equal(third.connack?.sessionPresent, true);
    third.send({ cmd: "disconnect", properties: { sessionExpiryInterval: 10 } });
    await third.expectDisconnect(0x82);
  });

  test("MQTT 5: expiry goes on counting while the broker is down", { skip: oursOnly }, async () => {
    const clientId = suite.name("c");
    const short = { version: 5, clientId, clean: false, properties: { sessionExpiryInterval: 1 } } as const;
    const long = {
      ...short,
      clientId: suite.name("c"),
      properties: { sessionExpiryInterval: 1000 },
    } as const;
    await (await suite.connect(short)).disconnect();
    await (await suite.connect(long)).disconnect();
    await suite.broker.stop();
    await delay(2_100);
    await suite.broker.restart();
    assert.equal((await suite.connect(short)).connack?.sessionPresent, false);
    assert.equal((await suite.connect(long)).connack?.sessionPresent, true);
  });

  test("a session made by 3.1.1 can be taken up by 5 and the other way round", async () => {
    const topic = suite.name();
    const clientId = suite.name("c");
    const v4 = await suite.connect({ version: 4, clientId, clean: false });
    await v4.subscribe(topic, 1);
    await v4.disconnect();
    const publisher = await suite.connect();
    await publisher.publish(topic, "1", { qos: 1 });
    const v5 = await suite.connect({
      version: 5,
      clientId,
      clean: false,
      properties: { sessionExpiryInterval: 300 },
    });
    assert.equal(v5.connack?.sessionPresent, true);
    await v5.receive({ payload: "1" });
    await v5.disconnect();
    await publisher.publish(topic, "2", { qos: 1 });
    const again = await suite.connect({ version: 4, clientId, clean: false });
    assert.equal(again.connack?.sessionPresent, true);
    await again.receive({ payload: "2" });
  });

  test("MQTT 5: message expiry is counted down and expired messages do not arrive [MQTT-3.3.2-5, -6]", async () => {
    const topic = suite.name();
    const options = {
      version: 5,
      clientId: suite.name("c"),
      clean: false,
      properties: { sessionExpiryInterval: 300 },
    } as const;
    const subscriber = await suite.connect(options);
    await subscriber.subscribe(topic, 1);
    await subscriber.disconnect();
    const publisher = await suite.connect({ version: 5 });
    await publisher.publish(topic, "long", { qos: 1, properties: { messageExpiryInterval: 100 } });
    await publisher.publish(topic, "short", { qos: 1, properties: { messageExpiryInterval: 1 } });
    await publisher.publish(topic, "ever", { qos: 1 });
    await delay(2_100);
    const again = await suite.connect(options);
    const { properties } = await again.receive({ payload: "long" });
    const left = properties.messageExpiryInterval ?? 0;
    assert.ok(left >= 90 && left <= 98, `${left}`);
    assert.deepEqual((await again.receive({ payload: "ever" })).properties, {});
    await again.expectNothing();
  });

  test("MQTT 5: message expiry counts on over a restart", { skip: oursOnly }, async () => {
    const topic = suite.name();
    const options = {
      version: 5,
      clientId: suite.name("c"),
      clean: false,
      properties: { sessionExpiryInterval: 300 },
    } as const;
    const subscriber = await suite.connect(options);
    await subscriber.subscribe(topic, 1);
    await subscriber.disconnect();
    const publisher = await suite.connect({ version: 5 });
    await publisher.publish(topic, "long", { qos: 1, properties: { messageExpiryInterval: 100 } });
    await publisher.publish(topic, "short", { qos: 1, properties: { messageExpiryInterval: 1 } });
    await suite.broker.stop();
    await delay(2_000);
    await suite.broker.restart();
    const again = await suite.connect(options);
    const { properties } = await again.receive({ payload: "long" });
    assert.ok((properties.messageExpiryInterval ?? 0) <= 98);
    await again.expectNothing();
  });

  test("MQTT 5: options and identifiers of subscriptions, flags and expiry of messages survive a restart", {
    skip: oursOnly,
  }, async () => {
    const topic = suite.name();
    const options = {
      version: 5,
      clientId: suite.name("c"),
      clean: false,
      properties: { sessionExpiryInterval: 300 },
    } as const;
    const client = await suite.connect(options);
    await client.subscribe({ filter: topic, qos: 1, noLocal: true, retainAsPublished: true }, 1, {
      subscriptionIdentifiers: [77],
    });
    await client.subscribe({ filter: `$share/g/${topic}/s`, qos: 1 }, 1, { subscriptionIdentifiers: [78] });
    await client.disconnect();
    const publisher = await suite.connect({ version: 5 });
    const publish = async (end: string, payload: string, expiry: number, retain = false) =>
      await publisher.publish(`${topic}${end}`, payload, {
        qos: 1,
        retain,
        properties: { messageExpiryInterval: expiry },
      });
    await publish("", "retained", 100, true);
    await publish("", "plain", 100);
    await publish("", "short", 1, true);
    await publish("/s", "shared", 100);
    await publish("/s", "short", 1);
    await publish("/kept", "retained", 100, true);
    await publish("/gone", "retained", 1, true);
    await suite.broker.stop();
    await delay(1_200);
    await suite.broker.restart();
    const again = await suite.connect(options);
    assert.equal(again.connack?.sessionPresent, true);
    const received = new Map<string, boolean>();
    for (let i = 0; i < 3; i++) {
      const { payload, retain, properties } = await again.receive();
      received.set(text(payload), retain);
      const shared = text(payload) === "shared";
      assert.deepEqual(properties.subscriptionIdentifiers, [shared ? 78 : 77]);
      const left = properties.messageExpiryInterval ?? 0;
      assert.ok(left > 80 && left < 100, `${left}`);
    }
    assert.deepEqual([...received].sort(), [
      ["plain", false],
      ["retained", true],
      ["shared", false],
    ]);
    await again.publish(topic, "mine", { qos: 1 });
    // Retain handling 1: the subscription was there all the time.
    await again.subscribe({ filter: topic, qos: 1, noLocal: true, retainHandling: 1 });
    await again.expectNothing();
    await again.subscribe(`${topic}/+`, 1);
    const kept = await again.receive({ topic: `${topic}/kept`, retain: true });
    assert.ok((kept.properties.messageExpiryInterval ?? 100) < 100);
    await again.expectNothing();
  });

  test("MQTT 5: an assigned client id is as good as the client's own [MQTT-3.1.3-7]", {
    skip: oursOnly,
  }, async () => {
    const topic = suite.name();
    const properties = { sessionExpiryInterval: 300 };
    const first = await suite.connect({ version: 5, clientId: "", clean: false, properties });
    const clientId = first.connack?.properties.assignedClientIdentifier ?? "";
    await first.subscribe(topic, 1);
    await first.disconnect();
    await (await suite.connect()).publish(topic, "waiting", { qos: 1 });
    const again = await suite.connect({ version: 5, clientId, clean: false, properties });
    assert.deepEqual([again.connack?.sessionPresent, again.connack?.properties], [true, {}]);
    await again.receive({ payload: "waiting" });
  });

  test("live messages pass their expiry on", async () => {
    const topic = suite.name();
    const client = await suite.connect({ version: 5 });
    await client.subscribe(topic, 1);
    await client.publish(topic, "x", { qos: 1, properties: { messageExpiryInterval: 100 } });
    const { properties } = await client.receive();
    const left = properties.messageExpiryInterval ?? 0;
    assert.ok(left === 100 || left === 99, `${left}`);
  });

  test("a long offline queue comes back complete and in order, while new messages arrive", async () => {
    const topic = suite.name();
    const options = { clientId: suite.name("c"), clean: false } as const;
    const subscriber = await suite.connect(options);
    await subscriber.subscribe(topic, 1);
    await subscriber.disconnect();
    const publisher = await suite.connect();
    const publishes = (from: number, to: number) =>
      Array.from({ length: to - from }, (_, i) => ({
        cmd: "publish" as const,
        topic,
        payload: `${from + i}`,
        qos: 1 as const,
        id: from + i + 1,
      }));
    publisher.send(...publishes(0, 800));
    for (let i = 0; i < 800; i++) await publisher.expect("puback", { id: i + 1 });
    const again = await suite.connect(options);
    publisher.send(...publishes(800, 900));
    for (let i = 0; i < 900; i++) assert.equal(text((await again.receive()).payload), `${i}`);
    await again.expectNothing();
  });
});

describe("session with persistent_client_expiration", { skip: oursOnly }, () => {
  const suite = new BrokerUnderTest({ configuration: { persistent_client_expiration: "1s" } });

  test("3.1.1 sessions expire, MQTT 5 ones by their own interval", async () => {
    const v4 = { version: 4, clientId: suite.name("c"), clean: false } as const;
    const v5 = {
      version: 5,
      clientId: suite.name("c"),
      clean: false,
      properties: { sessionExpiryInterval: 300 },
    } as const;
    await (await suite.connect(v4)).disconnect();
    await (await suite.connect(v5)).disconnect();
    // Who is connected keeps its session [MQTT-4.1.0-1; MQTT3-4.1.0-2].
    const topic = suite.name();
    const open = [
      await suite.connect({ ...v4, clientId: suite.name("c") }),
      await suite.connect({ ...v5, clientId: suite.name("c"), properties: { sessionExpiryInterval: 1 } }),
      await suite.connect({ version: 5 }),
    ];
    for (const client of open) await client.subscribe(topic, 1);
    await delay(2_200);
    await (await suite.connect()).publish(topic, "still there", { qos: 1 });
    for (const client of open) await client.receive({ payload: "still there" });
    assert.equal((await suite.connect(v4)).connack?.sessionPresent, false);
    assert.equal((await suite.connect(v5)).connack?.sessionPresent, true);
  });
});

describe("session with persistent_client_expiration that is set at run time", { skip: oursOnly }, () => {
  const suite = new BrokerUnderTest();

  test("those that are away already expire by it", async () => {
    const clientId = suite.name("c");
    await (await suite.connect({ clientId, clean: false })).disconnect();
    const { code } = await suite.broker.admin(["set", "persistent_client_expiration=1s"]);
    assert.equal(code, 0);
    await suite.broker.logged(new RegExp(`session of client ${clientId} expired`));
  });
});
