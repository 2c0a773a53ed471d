/** PUBLISH and its acknowledgements in both directions: MQTT 3.1.1 and 5.0 sections 3.3 to 3.7, 4.3, 4.4, 4.6. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
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
      test(`version ${from} to ${to}: every QoS arrives at the lower of both [MQTT-3.8.4-8]`, async () => {
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

    test(`version ${version}: a QoS 2 PUBLISH again before PUBREL is not delivered again [MQTT-4.3.3-10]`, async () => {
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

    test(`version ${version}: order of one topic is kept, also with mixed QoS 1 and 2 [MQTT-4.6.0-5]`, async () => {
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

  test("acknowledgements come in the order of the publishes [MQTT-4.6.0-2, -3]", async () => {
    const publisher = await suite.connect({ version: 5 });
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

  test("MQTT 5: a packet id in use by a QoS 2 publish: 0x91 (5.0 section 2.2.1)", {
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

  test("MQTT 5: PUBREC with an error ends the delivery [MQTT-4.3.3-4]", async () => {
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
    await (await suite.connect(options)).expectNothing();
  });

  for (const version of [4, 5] as const) {
    const lasting = { version, clean: false, properties: { sessionExpiryInterval: 60 } };

    test(`version ${version}: what was not acknowledged comes again first, same ids, DUP, in order [MQTT-4.4.0-1]`, async () => {
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

    test(`version ${version}: after PUBREC only the PUBREL comes again [MQTT-4.3.3-6]`, async () => {
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
      await (await suite.connect(options)).expectNothing();
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

  test("DUP of the publisher is not passed on [MQTT-3.3.1-3]", async () => {
    const client = await suite.connect();
    const topic = suite.name();
    await client.subscribe(topic, 1);
    await client.publish(topic, "x", { qos: 1, dup: true });
    await client.receive({ dup: false });
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
