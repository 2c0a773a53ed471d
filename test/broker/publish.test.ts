/** PUBLISH and its acknowledgements in both directions: MQTT 3.1.1 and 5.0 sections 3.3 to 3.7, 4.3, 4.4, 4.6. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { BrokerUnderTest, onMosquitto, oursOnly } from "../support/suite.ts";
import type { QoS, Version } from "../support/wire.ts";

const versions: readonly Version[] = [3, 4, 5];
const levels: readonly QoS[] = [0, 1, 2];

describe("publish", () => {
  const suite = new BrokerUnderTest({
    configuration: { max_inflight_messages: 1000 },
    mosquitto: ["max_inflight_messages 1000"],
  });

  for (const from of versions) {
    for (const to of versions) {
      test(`version ${from} to ${to}: every QoS arrives at the lower of both [MQTT-3.8.4-8; MQTT3-3.8.4-6]`, async () => {
        const topic = suite.name();
        const publisher = await suite.connect({ version: from });
        for (const granted of levels) {
          const subscriber = await suite.connect({ version: to });
          assert.deepEqual(await subscriber.subscribe(topic, granted), [granted]);
          for (const qos of levels) {
            await publisher.publish(topic, `${qos}`, { qos });
            const lower = levels[Math.min(qos, granted)] ?? 0;
            await subscriber.receive({ topic, payload: `${qos}`, qos: lower, dup: false, retain: false });
          }
          await subscriber.expectNothing();
          await subscriber.disconnect();
        }
      });
    }
  }

  for (const version of versions) {
    test(`version ${version}: payloads from nothing to large`, async () => {
      const client = await suite.connect({ version });
      const topic = suite.name();
      await client.subscribe(topic, 2);
      for (const size of [0, 1, 126, 127, 128, 16_383, 16_384, 65_536, 300_000]) {
        const payload = Buffer.alloc(size, `${size};`);
        await client.publish(topic, payload, { qos: size % 2 === 0 ? 1 : 2 });
        const got = await client.receive({ topic });
        assert.ok(payload.equals(got.payload), `${size} bytes`);
      }
    });

    test(`version ${version}: a QoS 2 PUBLISH again before PUBREL is not delivered again [MQTT-4.3.3-8, -10 to -12; MQTT3-4.3.3-2]`, async () => {
      const topic = suite.name();
      const subscriber = await suite.connect({ version });
      await subscriber.subscribe(topic, 2);
      const client = await suite.connect({ version });
      const message = { cmd: "publish", topic, payload: "once", qos: 2, id: 77 } as const;
      client.send(message);
      await client.expect("pubrec", { id: 77, code: 0 });
      client.send({ ...message, dup: true });
      await client.expect("pubrec", { id: 77, code: 0 });
      client.send({ cmd: "pubrel", id: 77 });
      await client.expect("pubcomp", { id: 77, code: 0 });
      client.send({ ...message, payload: "new" });
      await client.expect("pubrec", { id: 77, code: 0 });
      client.send({ cmd: "pubrel", id: 77 });
      await client.expect("pubcomp", { id: 77 });
      await subscriber.receive({ payload: "once" });
      await subscriber.receive({ payload: "new" });
      await subscriber.expectNothing();
    });

    test(`version ${version}: order of one topic is kept, also with mixed QoS 1 and 2 [MQTT-4.6.0-5, -6; MQTT3-4.6.0-5, -6]`, async () => {
      const topic = suite.name();
      const subscriber = await suite.connect({ version });
      await subscriber.subscribe(topic, 1);
      const publisher = await suite.connect({ version });
      const packets = Array.from({ length: 300 }, (_, i) => ({
        cmd: "publish" as const,
        topic,
        payload: `${i}`,
        qos: i % 3 === 0 && !onMosquitto ? (2 as const) : (1 as const),
        id: i + 1,
      }));
      publisher.send(...packets);
      for (let i = 0; i < 300; i++) await subscriber.receive({ payload: `${i}` });
    });
  }

  for (const version of [4, 5] as const) {
    test(`version ${version}: acknowledgements come in the order of the publishes [MQTT-4.6.0-2, -3; MQTT3-4.6.0-2, -3]`, async () => {
      const publisher = await suite.connect({ version });
      const topic = suite.name();
      for (let id = 1; id <= 50; id++) {
        publisher.send({ cmd: "publish", topic, payload: "x", qos: id % 2 === 0 ? 2 : 1, id });
      }
      const pubacks: number[] = [];
      const pubrecs: number[] = [];
      for (let i = 0; i < 50; i++) {
        const packet = await publisher.next();
        if (packet?.cmd === "puback") pubacks.push(packet.id);
        if (packet?.cmd === "pubrec") pubrecs.push(packet.id);
      }
      assert.deepEqual(
        pubacks,
        Array.from({ length: 25 }, (_, i) => 2 * i + 1),
      );
      assert.deepEqual(
        pubrecs,
        Array.from({ length: 25 }, (_, i) => 2 * i + 2),
      );
    });
  }

  test("no matching subscribers: 0x10 in PUBACK and PUBREC (5.0 table 3-4, 3-5)", {
    skip: oursOnly,
  }, async () => {
    const client = await suite.connect({ version: 5 });
    const topic = suite.name();
    assert.equal((await client.publish(topic, "", { qos: 1 }))?.code, 0x10);
    assert.equal((await client.publish(topic, "", { qos: 2 }))?.code, 0x10);
    await client.subscribe(topic, 0);
    assert.equal((await client.publish(topic, "x", { qos: 1 }))?.code, 0);
  });

  test("PUBREL for an unknown packet id: PUBCOMP, in MQTT 5 with 0x92", async () => {
    const v4 = await suite.connect({ version: 4 });
    v4.send({ cmd: "pubrel", id: 999 });
    await v4.expect("pubcomp", { id: 999 });
    const v5 = await suite.connect({ version: 5 });
    v5.send({ cmd: "pubrel", id: 999 });
    await v5.expect("pubcomp", { id: 999, ...(oursOnly === false ? { code: 0x92 } : {}) });
    await v5.expectNothing();
  });

  test("MQTT 5: PUBREC for an unknown packet id: PUBREL 0x92; unknown PUBACK: ignored", {
    skip: oursOnly,
  }, async () => {
    const client = await suite.connect({ version: 5 });
    client.send({ cmd: "pubrec", id: 999 });
    await client.expect("pubrel", { id: 999, code: 0x92 });
    client.send({ cmd: "puback", id: 998 });
    await client.expectNothing();
  });

  test("MQTT 5: a packet id in use by a QoS 2 publish: 0x91 (5.0 section 2.2.1) [MQTT-3.11.3-2]", {
    skip: oursOnly,
  }, async () => {
    const client = await suite.connect({ version: 5 });
    const topic = suite.name();
    client.send({ cmd: "publish", topic, qos: 2, id: 5 });
    await client.expect("pubrec", { id: 5 });
    client.send({ cmd: "subscribe", id: 5, filters: [{ filter: topic }] });
    await client.expect("suback", { id: 5, codes: [0x91] });
    client.send({ cmd: "unsubscribe", id: 5, filters: [topic] });
    await client.expect("unsuback", { id: 5, codes: [0x91] });
    client.send({ cmd: "publish", topic, qos: 1, id: 5 });
    await client.expect("puback", { id: 5, code: 0x91 });
    client.send({ cmd: "pubrel", id: 5 });
    await client.expect("pubcomp", { id: 5, code: 0 });
  });

  test("MQTT 5: PUBREC with an error ends the delivery [MQTT-4.4.0-2]", async () => {
    const topic = suite.name();
    const clientId = suite.name("c");
    const options = {
      version: 5,
      clientId,
      clean: false,
      properties: { sessionExpiryInterval: 60 },
    } as const;
    const subscriber = await suite.connect(options);
    await subscriber.subscribe(topic, 2);
    const publisher = await suite.connect({ version: 5 });
    await publisher.publish(topic, "refused", { qos: 2 });
    const got = await subscriber.expect("publish");
    subscriber.send({ cmd: "pubrec", id: got.id, code: 0x83 });
    await subscriber.expectNothing();
    subscriber.destroy();
    await suite.nothingWaits(await suite.connect(options), topic);
  });

  for (const version of [4, 5] as const) {
    const lasting = { version, clean: false, properties: { sessionExpiryInterval: 60 } };

    test(`version ${version}: what was not acknowledged comes again first, same ids, DUP, in order [MQTT-3.3.1-1, 4.3.2-2, -3, 4.3.3-2, -3, 4.4.0-1, 4.6.0-1; MQTT3-3.3.1-1, 4.3.2-1, 4.4.0-1, 4.6.0-1]`, async () => {
      const topic = suite.name();
      const options = { ...lasting, clientId: suite.name("c") };
      const subscriber = await suite.connect(options);
      await subscriber.subscribe(topic, 2);
      const publisher = await suite.connect({ version });
      for (let i = 0; i < 6; i++) await publisher.publish(topic, `${i}`, { qos: i % 2 === 0 ? 1 : 2 });
      const first = [];
      for (let i = 0; i < 6; i++)
        first.push(await subscriber.expect("publish", { payload: `${i}`, dup: false }));
      subscriber.send({ cmd: "puback", id: first[0]?.id ?? 0 });
      await subscriber.expectNothing();
      await subscriber.disconnect();
      await publisher.publish(topic, "while away", { qos: 1 });
      const again = await suite.connect(options);
      for (const packet of first.slice(1)) {
        await again.expect("publish", { payload: packet.payload, id: packet.id, dup: true, qos: packet.qos });
      }
      await again.expect("publish", { payload: "while away", dup: false });
    });

    test(`version ${version}: after PUBREC only the PUBREL comes again [MQTT-4.3.3-4 to -6; MQTT3-4.3.3-1]`, async () => {
      const topic = suite.name();
      const options = { ...lasting, clientId: suite.name("c") };
      const subscriber = await suite.connect(options);
      await subscriber.subscribe(topic, 2);
      const publisher = await suite.connect({ version });
      await publisher.publish(topic, "x", { qos: 2 });
      const { id } = await subscriber.expect("publish");
      subscriber.send({ cmd: "pubrec", id });
      await subscriber.expect("pubrel", { id });
      subscriber.destroy();
      const again = await suite.connect(options);
      await again.expect("pubrel", { id });
      again.send({ cmd: "pubcomp", id });
      await again.expectNothing();
      again.destroy();
      await suite.nothingWaits(await suite.connect(options), topic);
    });

    test(`version ${version}: a resuming publisher's QoS 2 message is delivered once [MQTT-4.3.3-10]`, async () => {
      const topic = suite.name();
      const subscriber = await suite.connect({ version });
      await subscriber.subscribe(topic, 2);
      const options = { ...lasting, clientId: suite.name("c") };
      const publisher = await suite.connect(options);
      const message = { cmd: "publish", topic, payload: "once", qos: 2, id: 9 } as const;
      publisher.send(message);
      await publisher.expect("pubrec", { id: 9 });
      publisher.destroy();
      const again = await suite.connect(options);
      again.send({ ...message, dup: true });
      await again.expect("pubrec", { id: 9, code: 0 });
      again.send({ cmd: "pubrel", id: 9 });
      await again.expect("pubcomp", { id: 9, code: 0 });
      await subscriber.receive({ payload: "once" });
      await subscriber.expectNothing();
    });
  }

  for (const version of [4, 5] as const) {
    test(`version ${version}: DUP of the publisher is not passed on [MQTT-3.3.1-3; MQTT3-3.3.1-3]`, async () => {
      const client = await suite.connect({ version });
      const topic = suite.name();
      await client.subscribe(topic, 1);
      await client.publish(topic, "x", { qos: 1, dup: true });
      await client.receive({ dup: false });
    });
  }

  for (const version of [4, 5] as const) {
    // [MQTT-4.3.2-4, 4.3.3-8, -11, 3.10.4-4, -5; MQTT3-3.10.4-4, -5]
    test(`version ${version}: answers have the packet id of what they answer [MQTT-2.2.1-5, -6, 3.3.4-1, 3.8.4-1, -2; MQTT3-2.3.1-6, -7, 3.3.4-1, 3.8.4-1, -2]`, async () => {
      const topic = suite.name();
      const client = await suite.connect({ version });
      for (const id of [1, 255, 256, 32_768, 65_535]) {
        client.send({ cmd: "publish", topic, qos: 1, id });
        await client.expect("puback", { id });
        client.send({ cmd: "publish", topic, qos: 2, id });
        await client.expect("pubrec", { id });
        client.send({ cmd: "pubrel", id });
        await client.expect("pubcomp", { id });
        client.send({ cmd: "subscribe", id, filters: [{ filter: `${topic}/x` }] });
        await client.expect("suback", { id });
        for (let i = 0; i < 2; i++) {
          client.send({ cmd: "unsubscribe", id, filters: [`${topic}/x`] });
          await client.expect("unsuback", { id });
        }
        // QoS 0 has no packet id and no answer [MQTT-2.2.1-2, 4.3.1-1; MQTT3-2.3.1-5, 4.3.1-1].
        client.send({ cmd: "publish", topic, payload: "x", qos: 0 });
        await client.expectNothing();
      }
      await client.subscribe(topic, 2);
      client.send({ cmd: "publish", topic, payload: "x", qos: 0 });
      await client.expect("publish", { topic, payload: "x", qos: 0, dup: false });
    });

    test(`version ${version}: the broker's packet ids are not in use [MQTT-2.2.1-4, 4.3.2-1, 4.3.3-1; MQTT3-2.3.1-4, 4.3.2-1, 4.3.3-1]`, async () => {
      const topic = suite.name();
      const client = await suite.connect({ version });
      await client.subscribe(topic, 2);
      const publisher = await suite.connect({ version });
      const open = new Set<number>();
      for (let i = 0; i < 120; i++) {
        await publisher.publish(topic, `${i}`, { qos: i % 2 === 0 ? 1 : 2 });
        const packet = await client.expect("publish", { payload: `${i}`, dup: false });
        assert.ok(packet.id > 0 && !open.has(packet.id), `${packet.id}`);
        // Every third one stays open.
        if (i % 3 === 0) open.add(packet.id);
        else await client.acknowledge(packet);
      }
      await client.expectNothing();
    });

    test(`version ${version}: after PUBACK the same id is a new message, DUP or not [MQTT-4.3.2-5; MQTT3-4.3.2-2]`, async () => {
      const topic = suite.name();
      const client = await suite.connect({ version });
      await client.subscribe(topic, 1);
      for (const dup of [false, true, true]) {
        await client.publish(topic, "x", { qos: 1, id: 7, dup });
        await client.receive({ payload: "x", dup: false });
      }
      await client.expectNothing();
    });

    test(`version ${version}: PUBRELs come in the order of the PUBRECs [MQTT-4.6.0-4; MQTT3-4.6.0-4]`, async () => {
      const topic = suite.name();
      const client = await suite.connect({ version });
      await client.subscribe(topic, 2);
      const publisher = await suite.connect({ version });
      const ids: number[] = [];
      for (let i = 0; i < 6; i++) {
        await publisher.publish(topic, `${i}`, { qos: 2 });
        ids.push((await client.expect("publish", { payload: `${i}` })).id);
      }
      const order = [4, 1, 5, 0, 3, 2].map((i) => ids[i] ?? 0);
      client.send(...order.map((id) => ({ cmd: "pubrec", id }) as const));
      for (const id of order) await client.expect("pubrel", { id });
      // PUBREC again, or PUBACK in its place, changes nothing.
      const [first = 0] = order;
      client.send({ cmd: "pubrec", id: first });
      await client.expect("pubrel", { id: first });
      client.send(...order.map((id) => ({ cmd: "pubcomp", id }) as const));
      await client.expectNothing();
    });
  }

  test("MQTT 5: after a PUBREC with an error the same id is a new message [MQTT-4.3.3-9]", {
    skip: oursOnly,
  }, async () => {
    const topic = suite.name();
    const client = await suite.connect({ version: 5 });
    await client.subscribe(topic, 2);
    client.send({ cmd: "publish", topic: "$refused", payload: "no", qos: 2, id: 3 });
    await client.expect("pubrec", { id: 3, code: 0x87 });
    client.send({ cmd: "publish", topic, payload: "new", qos: 2, id: 3, dup: true });
    await client.take("pubrec", { id: 3, code: 0 });
    client.send({ cmd: "pubrel", id: 3 });
    await client.take("pubcomp", { id: 3, code: 0 });
    await client.receive({ payload: "new" });
  });

  test("MQTT 5: what was sent does not expire, and its exchange goes on [MQTT-4.3.3-7, -13]", {
    skip: oursOnly,
  }, async () => {
    const topic = suite.name();
    const options = {
      version: 5,
      clientId: suite.name("c"),
      clean: false,
      properties: { sessionExpiryInterval: 60 },
    } as const;
    const subscriber = await suite.connect(options);
    await subscriber.subscribe(topic, 2);
    const publisher = await suite.connect({ version: 5 });
    const properties = { messageExpiryInterval: 2 };
    publisher.send({ cmd: "publish", topic, payload: "sent", qos: 2, id: 1, properties });
    await publisher.expect("pubrec", { id: 1 });
    await publisher.publish(topic, "sent too", { qos: 1, id: 2, properties });
    const first = await subscriber.expect("publish", { payload: "sent" });
    const second = await subscriber.expect("publish", { payload: "sent too" });
    subscriber.destroy();
    await publisher.publish(topic, "not sent", { qos: 2, id: 3, properties });
    await delay(2_300);
    publisher.send({ cmd: "pubrel", id: 1 });
    await publisher.expect("pubcomp", { id: 1, code: 0 });
    const again = await suite.connect(options);
    await again.receive({ payload: "sent", id: first.id, dup: true });
    await again.receive({ payload: "sent too", id: second.id, dup: true });
    await again.expectNothing();
  });

  test("MQTT 5: a Message Expiry Interval of 0: nobody gets it later", { skip: oursOnly }, async () => {
    const topic = suite.name();
    const options = {
      version: 5,
      clientId: suite.name("c"),
      clean: false,
      properties: { sessionExpiryInterval: 60 },
    } as const;
    const away = await suite.connect(options);
    await away.subscribe(topic, 1);
    await away.disconnect();
    const client = await suite.connect({ version: 5 });
    await client.publish(topic, "now", { qos: 1, retain: true, properties: { messageExpiryInterval: 0 } });
    await suite.nothingWaits(await suite.connect(options), topic);
    await client.subscribe(topic, 1);
    await client.expectNothing();
  });

  test("many publishers to one subscriber: everything arrives, each in order", async () => {
    const root = suite.name();
    const subscriber = await suite.connect();
    await subscriber.subscribe(`${root}/+`, 1);
    const publishers = await Promise.all(Array.from({ length: 10 }, async () => await suite.connect()));
    for (const [p, publisher] of publishers.entries()) {
      for (let i = 0; i < 50; i++) {
        publisher.send({ cmd: "publish", topic: `${root}/${p}`, payload: `${i}`, qos: 1, id: i + 1 });
      }
    }
    const next = new Map<string, number>();
    for (let i = 0; i < 500; i++) {
      const packet = await subscriber.receive();
      const wanted = next.get(packet.topic) ?? 0;
      assert.equal(Number(Buffer.from(packet.payload).toString()), wanted);
      next.set(packet.topic, wanted + 1);
    }
  });
});

describe("retry", { skip: oursOnly }, () => {
  const suite = new BrokerUnderTest({ configuration: { retry_interval: 1 } });

  test("v3: DUP after retry_interval; MQTT 5: never on the same connection [MQTT-4.4.0-1]", async () => {
    const topic = suite.name();
    const [v4, v5, publisher] = [
      await suite.connect(),
      await suite.connect({ version: 5 }),
      await suite.connect(),
    ];
    await v4.subscribe(topic, 1);
    await v5.subscribe(topic, 1);
    await publisher.publish(topic, "x", { qos: 1 });
    const { id } = await v4.expect("publish", { dup: false });
    await v5.expect("publish", { dup: false });
    await v4.expect("publish", { id, dup: true, payload: "x" });
    await v4.expect("publish", { id, dup: true });
    v4.send({ cmd: "puback", id });
    await v4.expectNothing();
    await v5.expectNothing();
  });
});
