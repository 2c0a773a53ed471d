/** Retained messages: MQTT 5.0 section 3.3.1.3, 3.8.3.1. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { BrokerUnderTest, oursOnly } from "../support/suite.ts";

describe("retained", () => {
  const suite = new BrokerUnderTest({ persistence: true });

  for (const version of [3, 4, 5] as const) {
    test(`version ${version}: stored, replaced, sent on subscribe with retain 1, removed [MQTT-3.3.1-5 to -8; MQTT3-3.3.1-5, -6, -8 to -12]`, async () => {
      const topic = suite.name();
      const publisher = await suite.connect({ version });
      await publisher.publish(topic, "old", { retain: true, qos: 1 });
      await publisher.publish(topic, "new", { retain: true, qos: 1 });
      const subscriber = await suite.connect({ version });
      await subscriber.subscribe(topic, 1);
      await subscriber.receive({ topic, payload: "new", retain: true, qos: 1 });
      await publisher.publish(topic, "live", { retain: true, qos: 1 });
      await subscriber.receive({ payload: "live", retain: false });
      // Not retained: leaves the stored one alone.
      await publisher.publish(topic, "passing", { qos: 1 });
      await subscriber.receive({ payload: "passing", retain: false });
      await subscriber.subscribe(topic, 1);
      await subscriber.receive({ payload: "live", retain: true });
      await publisher.publish(topic, "", { retain: true, qos: 1 });
      await subscriber.receive({ payload: "", retain: false });
      await subscriber.subscribe(topic, 1);
      await subscriber.expectNothing();
    });
  }

  test("QoS is the lower of stored and subscribed [MQTT-3.8.4-8]", async () => {
    const root = suite.name();
    const client = await suite.connect({ version: 5 });
    for (const qos of [0, 1, 2] as const) await client.publish(`${root}/${qos}`, "x", { qos, retain: true });
    await client.subscribe(`${root}/0`, 2);
    await client.receive({ qos: 0 });
    await client.subscribe(`${root}/2`, 1);
    await client.receive({ qos: 1 });
    await client.subscribe(`${root}/1`, 2);
    await client.receive({ qos: 1 });
  });

  for (const version of [4, 5] as const) {
    test(`version ${version}: one of QoS 0 replaces an older one; they outlive their publisher [MQTT3-3.1.2-7, 3.3.1-7]`, async () => {
      const topic = suite.name();
      const publisher = await suite.connect({ version });
      await publisher.publish(topic, "old", { qos: 2, retain: true });
      await publisher.publish(topic, "new", { qos: 0, retain: true });
      await publisher.disconnect();
      const subscriber = await suite.connect({ version });
      await subscriber.subscribe(topic, 2);
      await subscriber.receive({ payload: "new", qos: 0, retain: true });
      await subscriber.expectNothing();
    });
  }

  test("no-local holds back what the client itself has retained, also in an earlier session [MQTT-3.8.3-3]", {
    skip: oursOnly,
  }, async () => {
    const topic = suite.name();
    const clientId = suite.name();
    const client = await suite.connect({ version: 5, clientId });
    const other = await suite.connect({ version: 5 });
    await client.publish(`${topic}/mine`, "mine", { qos: 1, retain: true });
    await client.publish(`${topic}/was mine`, "mine", { qos: 1, retain: true });
    await other.publish(`${topic}/was mine`, "theirs", { qos: 1, retain: true });
    await client.disconnect();
    const again = await suite.connect({ version: 5, clientId });
    await again.subscribe({ filter: `${topic}/#`, qos: 1, noLocal: true });
    await again.receive({ topic: `${topic}/was mine`, payload: "theirs", retain: true });
    await again.publish(`${topic}/mine`, "mine again", { qos: 1, retain: true });
    await again.expectNothing();
    await again.subscribe({ filter: `${topic}/mine`, qos: 1, noLocal: false });
    await again.receive({ payload: "mine again", retain: true });
  });

  test("wildcards find all of them, but none below `$` from the first level", async () => {
    const root = suite.name();
    const client = await suite.connect();
    for (const end of ["a", "a/b", "a/c", "b/b"])
      await client.publish(`${root}/${end}`, end, { retain: true, qos: 1 });
    const read = async (filter: string, count: number): Promise<string[]> => {
      await client.subscribe(filter, 1);
      const got: string[] = [];
      for (let i = 0; i < count; i++)
        got.push(Buffer.from((await client.receive({ retain: true })).payload).toString());
      await client.expectNothing();
      await client.unsubscribe(filter);
      return got.sort();
    };
    assert.deepEqual(await read(`${root}/#`, 4), ["a", "a/b", "a/c", "b/b"]);
    assert.deepEqual(await read(`${root}/+/b`, 2), ["a/b", "b/b"]);
    assert.deepEqual(await read(`${root}/a/#`, 3), ["a", "a/b", "a/c"]);
    assert.deepEqual(await read(`+/a/c`, 1), ["a/c"]);
    assert.deepEqual(await read(`${root}/+`, 1), ["a"]);
  });

  test("retain as published keeps the flag of live messages [MQTT-3.3.1-12, -13]", async () => {
    const topic = suite.name();
    const [as, plain, publisher] = [
      await suite.connect({ version: 5 }),
      await suite.connect({ version: 5 }),
      await suite.connect({ version: 5 }),
    ];
    await as.subscribe({ filter: topic, qos: 1, retainAsPublished: true });
    await plain.subscribe({ filter: topic, qos: 1 });
    await publisher.publish(topic, "r", { qos: 1, retain: true });
    await publisher.publish(topic, "n", { qos: 1 });
    await as.receive({ payload: "r", retain: true });
    await as.receive({ payload: "n", retain: false });
    await plain.receive({ payload: "r", retain: false });
    await plain.receive({ payload: "n", retain: false });
  });

  test("retain handling 0, 1, 2 [MQTT-3.3.1-9 to -11]", async () => {
    const topic = suite.name();
    const client = await suite.connect({ version: 5 });
    await client.publish(topic, "r", { qos: 1, retain: true });
    const subscribe = async (retainHandling: number) =>
      await client.subscribe({ filter: topic, qos: 1, retainHandling });
    await subscribe(2);
    await client.expectNothing();
    await subscribe(1); // the subscription exists already
    await client.expectNothing();
    await subscribe(0);
    await client.receive({ payload: "r" });
    await client.unsubscribe(topic);
    await subscribe(1);
    await client.receive({ payload: "r" });
  });

  test("properties are kept; expiry counts down and removes [MQTT-3.3.2-5, -6]", async () => {
    const root = suite.name();
    const client = await suite.connect({ version: 5 });
    await client.publish(`${root}/long`, "r", {
      qos: 1,
      retain: true,
      properties: {
        messageExpiryInterval: 100,
        contentType: "text/plain",
        responseTopic: "answer",
        correlationData: Buffer.from([1, 0, 255]),
        payloadFormatIndicator: 1,
        userProperties: [
          ["a", "1"],
          ["a", "2"],
        ],
      },
    });
    await client.publish(`${root}/short`, "r", {
      qos: 1,
      retain: true,
      properties: { messageExpiryInterval: 1 },
    });
    await delay(1_300);
    await client.subscribe(`${root}/#`, 1);
    const { properties } = await client.receive({ topic: `${root}/long` });
    const { messageExpiryInterval = 0, ...rest } = properties;
    assert.ok(messageExpiryInterval >= 95 && messageExpiryInterval <= 99, `${messageExpiryInterval}`);
    assert.deepEqual(rest, {
      contentType: "text/plain",
      responseTopic: "answer",
      correlationData: Buffer.from([1, 0, 255]),
      payloadFormatIndicator: 1,
      userProperties: [
        ["a", "1"],
        ["a", "2"],
      ],
    });
    await client.expectNothing();
  });

  test("shared subscriptions get none (5.0 section 4.8.2)", { skip: oursOnly }, async () => {
    const topic = suite.name();
    const client = await suite.connect({ version: 5 });
    await client.publish(topic, "r", { qos: 1, retain: true });
    await client.subscribe(`$share/g/${topic}`, 1);
    await client.expectNothing();
  });

  test("an old value never follows a newer live one", async () => {
    const topic = suite.name();
    const publisher = await suite.connect();
    await publisher.publish(topic, "0", { qos: 1, retain: true });
    for (let round = 1; round <= 20; round++) {
      const subscriber = await suite.connect();
      publisher.send({ cmd: "publish", topic, payload: `${round}`, qos: 1, id: round, retain: true });
      subscriber.send({ cmd: "subscribe", id: 1, filters: [{ filter: topic, qos: 1 }] });
      await publisher.take("puback", { id: round });
      await subscriber.take("suback");
      let last = -1;
      while (last < round) {
        const value = Number(Buffer.from((await subscriber.receive()).payload).toString());
        assert.ok(value > last || value === round, `${value} after ${last}`);
        last = value;
      }
      await subscriber.disconnect();
    }
  });

  test("they survive a restart, with properties", { skip: oursOnly }, async () => {
    const root = suite.name();
    const client = await suite.connect({ version: 5 });
    await client.publish(`${root}/kept`, "k", {
      qos: 1,
      retain: true,
      properties: { userProperties: [["x", "y"]], messageExpiryInterval: 1000 },
    });
    await client.publish(`${root}/gone`, "g", { qos: 1, retain: true });
    await client.publish(`${root}/gone`, "", { qos: 1, retain: true });
    await suite.broker.restart();
    const again = await suite.connect({ version: 5 });
    await again.subscribe(`${root}/#`, 1);
    const got = await again.receive({ topic: `${root}/kept`, payload: "k", retain: true, qos: 1 });
    assert.deepEqual(got.properties.userProperties, [["x", "y"]]);
    assert.ok((got.properties.messageExpiryInterval ?? 0) > 900);
    await again.expectNothing();
  });
});
