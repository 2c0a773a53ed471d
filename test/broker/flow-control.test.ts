/** Windows, packet sizes and topic aliases: MQTT 5.0 sections 3.3.2.3.4, 3.3.4, 4.9, 3.1.2.11.4. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { BrokerUnderTest, onMosquitto, oursOnly } from "../support/suite.ts";

describe("flow control", () => {
  const suite = new BrokerUnderTest({
    configuration: {
      max_inflight_messages: 3,
      receive_max_broker: 3,
      topic_alias_max_client: 5,
      topic_alias_max_broker: 5,
      max_message_size: 1000,
    },
    mosquitto: ["max_inflight_messages 3", "max_packet_size 1030"],
  });

  for (const version of [4, 5] as const) {
    test(`version ${version}: no more than the window is in flight [MQTT-3.3.4-9, -10, 4.9.0-1 to -3]`, async () => {
      const topic = suite.name();
      const subscriber = await suite.connect({ version, properties: { receiveMaximum: 3 } });
      await subscriber.subscribe(topic, 2);
      const publisher = await suite.connect();
      for (let i = 0; i < 8; i++) await publisher.publish(topic, `${i}`, { qos: i % 2 === 0 ? 1 : 2 });
      const got = [];
      for (let i = 0; i < 3; i++) got.push(await subscriber.expect("publish", { payload: `${i}` }));
      await subscriber.expectNothing();
      subscriber.send({ cmd: "puback", id: got[0]?.id ?? 0 });
      await subscriber.expect("publish", { payload: "3" });
      if (onMosquitto) return; // It sends more after a PUBREC.
      // A QoS 2 delivery keeps its place until PUBCOMP.
      subscriber.send({ cmd: "pubrec", id: got[1]?.id ?? 0 });
      await subscriber.expect("pubrel");
      await subscriber.expectNothing();
      subscriber.send({ cmd: "pubcomp", id: got[1]?.id ?? 0 });
      await subscriber.expect("publish", { payload: "4" });
      await subscriber.expectNothing();
    });
  }

  test("MQTT 5: the client's receive maximum counts, not max_inflight_messages", {
    skip: oursOnly,
  }, async () => {
    const topic = suite.name();
    const subscriber = await suite.connect({ version: 5, properties: { receiveMaximum: 6 } });
    await subscriber.subscribe(topic, 1);
    const publisher = await suite.connect();
    for (let i = 0; i < 8; i++) await publisher.publish(topic, `${i}`, { qos: 1 });
    for (let i = 0; i < 6; i++) await subscriber.expect("publish", { payload: `${i}` });
    await subscriber.expectNothing();
  });

  test("MQTT 5: over the broker's receive maximum: 0x93 [MQTT-3.3.4-7]", async () => {
    const client = await suite.connect({ version: 5 });
    assert.equal(client.connack?.properties.receiveMaximum, 3);
    const topic = suite.name();
    for (let id = 1; id <= 3; id++) client.send({ cmd: "publish", topic, qos: 2, id });
    for (let id = 1; id <= 3; id++) await client.expect("pubrec", { id });
    client.send({ cmd: "pubrel", id: 1 });
    await client.expect("pubcomp", { id: 1 });
    client.send({ cmd: "publish", topic, qos: 2, id: 4 });
    await client.expect("pubrec", { id: 4 });
    client.send({ cmd: "publish", topic, qos: 2, id: 5 });
    if (!onMosquitto) await client.expectDisconnect(0x93);
  });

  test("MQTT 5: exchanges nobody began make no room in the receive maximum", { skip: oursOnly }, async () => {
    const client = await suite.connect({ version: 5 });
    const topic = suite.name();
    for (let id = 1; id <= 2; id++) client.send({ cmd: "publish", topic, qos: 2, id });
    for (let id = 1; id <= 2; id++) await client.expect("pubrec", { id });
    for (let id = 101; id <= 105; id++) client.send({ cmd: "pubrec", id });
    for (let id = 101; id <= 105; id++) await client.expect("pubrel", { id, code: 0x92 });
    client.send({ cmd: "publish", topic, qos: 2, id: 3 });
    await client.expect("pubrec", { id: 3 });
    client.send({ cmd: "publish", topic, qos: 2, id: 4 });
    await client.expectDisconnect(0x93);
    const other = await suite.connect({ version: 5 });
    for (let id = 101; id <= 105; id++) other.send({ cmd: "pubrel", id });
    for (let id = 101; id <= 105; id++) await other.expect("pubcomp", { id, code: 0x92 });
    for (let id = 1; id <= 4; id++) other.send({ cmd: "publish", topic, qos: 2, id });
    for (let id = 1; id <= 3; id++) await other.expect("pubrec", { id });
    await other.expectDisconnect(0x93);
  });

  test("MQTT 5: a client that takes no CONNACK of its size is disconnected [MQTT-3.1.2-24]", {
    skip: oursOnly,
  }, async () => {
    const client = await suite.open(5);
    client.sendConnect({ clientId: suite.name("c"), properties: { maximumPacketSize: 4 } });
    await client.expectClosed();
    await suite.broker.logged(/its Maximum Packet Size of 4 takes no CONNACK/);
  });

  test("MQTT 5: what is larger than the client's maximum is dropped, the rest goes on [MQTT-3.1.2-24, -25]", async () => {
    const topic = suite.name();
    const subscriber = await suite.connect({ version: 5, properties: { maximumPacketSize: 100 } });
    const other = await suite.connect({ version: 5 });
    await subscriber.subscribe(topic, 1);
    await other.subscribe(topic, 1);
    const publisher = await suite.connect({ version: 5 });
    for (const [payload, properties] of [
      ["1", {}],
      ["x".repeat(200), {}],
      ["2", { userProperties: [["k", "v".repeat(150)]] as [string, string][] }],
      ["3", {}],
    ] as const) {
      const ack = await publisher.publish(topic, payload, { qos: 1, properties });
      assert.equal(ack?.code, 0);
    }
    await subscriber.receive({ payload: "1" });
    await subscriber.receive({ payload: "3" });
    await subscriber.expectNothing();
    for (const payload of ["1", "x".repeat(200), "2", "3"]) await other.receive({ payload });
  });

  test("a payload over max_message_size: closed, in MQTT 5 with 0x95", { skip: oursOnly }, async () => {
    for (const version of [4, 5] as const) {
      const topic = suite.name();
      const client = await suite.connect({ version });
      await client.subscribe(topic, 1);
      await client.publish(topic, "x".repeat(1000), { qos: 1 });
      await client.receive();
      client.send({ cmd: "publish", topic, payload: "x".repeat(1001), qos: 1, id: 9 });
      await client.expectDisconnect(0x95);
    }
  });

  test("a huge announced length is refused before the bytes come", { skip: oursOnly }, async () => {
    const client = await suite.connect({ version: 5 });
    client.send(Buffer.from([0x30, 0xff, 0xff, 0xff, 0x7f, 0, 1, 97, 0]));
    await client.expectDisconnect(0x95);
  });

  test("topic aliases of the client [MQTT-3.3.2-12]", async () => {
    const root = suite.name();
    const client = await suite.connect({ version: 5 });
    const maximum = client.connack?.properties.topicAliasMaximum ?? 0;
    assert.equal(maximum, onMosquitto ? 10 : 5);
    const subscriber = await suite.connect({ version: 5 });
    await subscriber.subscribe(`${root}/+`, 1);
    const send = async (topic: string, topicAlias: number) =>
      await client.publish(topic, "x", { qos: 1, properties: { topicAlias } });
    await send(`${root}/a`, 1);
    await send(`${root}/b`, maximum);
    await send("", 1);
    await send("", maximum);
    await send(`${root}/c`, 1);
    await send("", 1);
    for (const end of ["a", "b", "a", "b", "c", "c"]) {
      const got = await subscriber.receive({ topic: `${root}/${end}` });
      assert.equal(got.properties.topicAlias, undefined);
    }
  });

  test("wrong topic aliases: 0x94 for 0 and above the maximum, 0x82 for one not set [MQTT-3.3.2-8, -9]", {
    skip: oursOnly,
  }, async () => {
    for (const [topic, topicAlias, code] of [
      ["a", 0, 0x94],
      ["a", 6, 0x94],
      ["", 2, 0x82],
    ] as const) {
      const client = await suite.connect({ version: 5 });
      client.send({ cmd: "publish", topic, qos: 1, id: 1, properties: { topicAlias } });
      await client.expectDisconnect(code);
    }
  });

  test("aliases end with the connection [MQTT-3.3.2-7]", { skip: oursOnly }, async () => {
    const options = {
      version: 5,
      clientId: suite.name("c"),
      clean: false,
      properties: { sessionExpiryInterval: 60 },
    } as const;
    const client = await suite.connect(options);
    await client.publish(suite.name(), "x", { qos: 1, properties: { topicAlias: 1 } });
    await client.disconnect();
    const again = await suite.connect(options);
    again.send({ cmd: "publish", topic: "", qos: 1, id: 1, properties: { topicAlias: 1 } });
    await again.expectDisconnect(0x82);
  });

  test("topic aliases of the broker: only up to the client's maximum [MQTT-3.1.2-26, -27, 3.3.2-11]", {
    skip: oursOnly,
  }, async () => {
    const root = suite.name();
    const client = await suite.connect({ version: 5, properties: { topicAliasMaximum: 2 } });
    const plain = await suite.connect({ version: 5 });
    await client.subscribe(`${root}/+`, 0);
    await plain.subscribe(`${root}/+`, 0);
    const publisher = await suite.connect();
    const known = new Map<number, string>();
    let withoutTopic = 0;
    for (const end of ["a", "b", "c", "a", "b", "c", "a"]) {
      await publisher.publish(`${root}/${end}`, end);
      const got = await client.expect("publish", { payload: end });
      const alias = got.properties.topicAlias;
      assert.ok(alias === undefined || (alias >= 1 && alias <= 2), `alias ${alias}`);
      if (got.topic === "") withoutTopic += 1;
      else if (alias !== undefined) known.set(alias, got.topic);
      assert.equal(got.topic === "" ? known.get(alias ?? 0) : got.topic, `${root}/${end}`);
      const other = await plain.expect("publish", { topic: `${root}/${end}` });
      assert.equal(other.properties.topicAlias, undefined);
    }
    assert.ok(withoutTopic >= 2, "it uses its aliases");
  });

  test("MQTT 5: PUBACK and PUBREC with an error make room, in any order [MQTT-3.3.4-9, 4.4.0-2]", {
    skip: oursOnly,
  }, async () => {
    const topic = suite.name();
    const options = {
      version: 5,
      clientId: suite.name("c"),
      clean: false,
      properties: { sessionExpiryInterval: 60, receiveMaximum: 2 },
    } as const;
    const subscriber = await suite.connect(options);
    await subscriber.subscribe(topic, 2);
    const publisher = await suite.connect();
    for (let i = 0; i < 8; i++) await publisher.publish(topic, `${i}`, { qos: i % 2 === 0 ? 1 : 2 });
    const next = async (payload: string) => await subscriber.expect("publish", { payload, dup: false });
    const refuse = (packet: { qos: number; id: number }) =>
      subscriber.send({ cmd: packet.qos === 1 ? "puback" : "pubrec", id: packet.id, code: 0x97 });
    const open = [await next("0"), await next("1")];
    for (let i = 2; i < 8; i++) {
      await subscriber.expectNothing();
      // The younger one first, then the older one.
      const [packet] = open.splice(i % 2 === 0 ? 1 : 0, 1);
      assert.ok(packet !== undefined);
      refuse(packet);
      open.push(await next(`${i}`));
    }
    for (const packet of open) refuse(packet);
    await subscriber.expectNothing();
    subscriber.destroy();
    await suite.nothingWaits(await suite.connect(options), topic);
  });

  test("MQTT 5: a smaller receive maximum on return holds for what is sent again, and delays no PUBREL [MQTT-3.3.4-9, -10]", {
    skip: oursOnly,
  }, async () => {
    const topic = suite.name();
    const options = { version: 5, clientId: suite.name("c"), clean: false } as const;
    const properties = { sessionExpiryInterval: 60 };
    const subscriber = await suite.connect({ ...options, properties });
    await subscriber.subscribe(topic, 2);
    const publisher = await suite.connect();
    for (let i = 0; i < 5; i++) await publisher.publish(topic, `${i}`, { qos: 2 });
    const ids: number[] = [];
    for (let i = 0; i < 5; i++) ids.push((await subscriber.expect("publish", { payload: `${i}` })).id);
    const [first = 0, second = 0, third = 0] = ids;
    for (const id of [first, second]) {
      subscriber.send({ cmd: "pubrec", id });
      await subscriber.expect("pubrel", { id });
    }
    subscriber.destroy();
    const again = await suite.connect({ ...options, properties: { ...properties, receiveMaximum: 1 } });
    await again.expect("pubrel", { id: first });
    await again.expect("pubrel", { id: second });
    await again.expectNothing();
    again.send({ cmd: "pubcomp", id: second }, { cmd: "pubcomp", id: first });
    for (let i = 2; i < 5; i++) {
      const packet = await again.expect("publish", { payload: `${i}`, id: ids[i] ?? 0, dup: true });
      await again.expectNothing();
      await again.acknowledge(packet);
    }
    assert.notEqual(third, 0);
    await again.expectNothing();
  });

  test("MQTT 5: messages that wait for room expire too [MQTT-3.3.2-5, -6]", { skip: oursOnly }, async () => {
    const topic = suite.name();
    const subscriber = await suite.connect({ version: 5, properties: { receiveMaximum: 1 } });
    await subscriber.subscribe(topic, 1);
    const publisher = await suite.connect({ version: 5 });
    const publish = async (payload: string, messageExpiryInterval: number) =>
      await publisher.publish(topic, payload, { qos: 1, properties: { messageExpiryInterval } });
    await publish("sent", 100);
    await publish("short", 1);
    await publish("long", 100);
    const first = await subscriber.expect("publish", { payload: "sent" });
    await delay(1_200);
    await subscriber.acknowledge(first);
    const { properties } = await subscriber.receive({ payload: "long" });
    const left = properties.messageExpiryInterval ?? 0;
    assert.ok(left > 90 && left <= 99, `${left}`);
    await subscriber.expectNothing();
  });

  test("MQTT 5: an expiry interval of 0 reaches who is there, at every QoS, and nobody later [MQTT-3.3.2-5]", {
    skip: oursOnly,
  }, async () => {
    const topic = suite.name();
    const lasting = { version: 5, clean: false, properties: { sessionExpiryInterval: 60 } } as const;
    const present = await suite.connect({ ...lasting, clientId: suite.name("c") });
    const absent = { ...lasting, clientId: suite.name("c") };
    const away = await suite.connect(absent);
    for (const client of [present, away]) await client.subscribe(topic, 2);
    await away.disconnect();
    const publisher = await suite.connect({ version: 5 });
    for (const qos of [0, 1, 2] as const) {
      await publisher.publish(topic, `${qos}`, {
        qos,
        retain: true,
        properties: { messageExpiryInterval: 0 },
      });
      const { properties } = await present.receive({ payload: `${qos}`, qos });
      assert.deepEqual(properties, { messageExpiryInterval: 0 });
    }
    await publisher.publish(topic, "ever", { qos: 1 });
    const back = await suite.connect(absent);
    await back.receive({ payload: "ever" });
    const late = await suite.connect({ version: 5 });
    await late.subscribe(topic, 2);
    await late.expectNothing();
  });

  test("MQTT 5: a PUBREC with an error makes room in the broker's receive maximum [MQTT-3.3.4-7]", {
    skip: oursOnly,
  }, async () => {
    const client = await suite.connect({ version: 5 });
    for (let id = 1; id <= 20; id++) {
      client.send({ cmd: "publish", topic: "$refused", qos: 2, id });
      await client.expect("pubrec", { id, code: 0x87 });
    }
    const topic = suite.name();
    for (let id = 1; id <= 3; id++) client.send({ cmd: "publish", topic, qos: 2, id });
    for (let id = 1; id <= 3; id++) await client.expect("pubrec", { id });
    // QoS 0, and what is open already, need no room.
    client.send({ cmd: "publish", topic, qos: 0 });
    client.send({ cmd: "publish", topic, qos: 2, id: 2, dup: true });
    await client.expect("pubrec", { id: 2, code: 0 });
    await client.expectNothing();
  });

  test("MQTT 5: too large retained and waiting messages are passed over, of every QoS [MQTT-3.1.2-24, -25]", {
    skip: oursOnly,
  }, async () => {
    const root = suite.name();
    const options = { version: 5, clientId: suite.name("c"), clean: false } as const;
    const properties = { sessionExpiryInterval: 60 };
    const subscriber = await suite.connect({ ...options, properties });
    await subscriber.subscribe(`${root}/live`, 2);
    await subscriber.disconnect();
    const publisher = await suite.connect();
    for (let i = 0; i < 9; i++) {
      const payload = `${i}`.padEnd(i % 3 === 1 ? 300 : 2);
      const qos = i < 3 ? 0 : i < 6 ? 1 : 2;
      await publisher.publish(`${root}/live`, payload, { qos });
      await publisher.publish(`${root}/retained/${i}`, payload, { qos, retain: true });
    }
    const again = await suite.connect({ ...options, properties: { ...properties, maximumPacketSize: 100 } });
    for (const i of [3, 5, 6, 8]) await again.receive({ topic: `${root}/live`, payload: `${i} ` });
    await again.expectNothing();
    await again.subscribe(`${root}/retained/+`, 2);
    const got: string[] = [];
    while (got.length < 6) got.push(Buffer.from((await again.receive({ retain: true })).payload).toString());
    assert.deepEqual(got.sort(), ["0 ", "2 ", "3 ", "5 ", "6 ", "8 "]);
    await again.expectNothing();
  });

  test("MQTT 5: the broker's topic aliases end with the connection, and so does the client's maximum [MQTT-3.3.2-7, -11]", {
    skip: oursOnly,
  }, async () => {
    const topic = suite.name();
    const options = { version: 5, clientId: suite.name("c"), clean: false } as const;
    const properties = { sessionExpiryInterval: 60, topicAliasMaximum: 2 };
    const publisher = await suite.connect();
    const client = await suite.connect({ ...options, properties });
    await client.subscribe(topic, 1);
    await publisher.publish(topic, "1", { qos: 1 });
    await client.receive({ topic, payload: "1" });
    await publisher.publish(topic, "2", { qos: 1 });
    await client.expect("publish", { topic: "", payload: "2" });
    client.destroy();
    const again = await suite.connect({ ...options, properties });
    await again.receive({ topic, payload: "2", dup: true });
    again.destroy();
    const none = await suite.connect({ ...options, properties: { sessionExpiryInterval: 60 } });
    await publisher.publish(topic, "3", { qos: 1 });
    assert.equal((await none.receive({ topic, payload: "3" })).properties.topicAlias, undefined);
  });

  test("MQTT 5: an alias is learnt from a publish that is refused, too", { skip: oursOnly }, async () => {
    const topic = suite.name();
    const client = await suite.connect({ version: 5 });
    await client.subscribe(topic, 1);
    const properties = { topicAlias: 1 };
    client.send({ cmd: "publish", topic: "$refused", qos: 1, id: 1, properties });
    await client.expect("puback", { id: 1, code: 0x87 });
    client.send({ cmd: "publish", topic: "", qos: 1, id: 2, properties });
    await client.expect("puback", { id: 2, code: 0x87 });
    client.send({
      cmd: "publish",
      topic,
      payload: Buffer.from([0xff]),
      qos: 1,
      id: 3,
      properties: { ...properties, payloadFormatIndicator: 1 },
    });
    await client.expect("puback", { id: 3, code: 0x99 });
    client.send({ cmd: "publish", topic: "", payload: "x", qos: 1, id: 4, properties });
    await client.take("puback", { id: 4, code: 0 });
    await client.receive({ topic, payload: "x" });
  });

  test("empty topic without an alias: a protocol error [MQTT-4.7.3-1; MQTT3-4.7.3-1]", {
    skip: oursOnly,
  }, async () => {
    for (const version of [4, 5] as const) {
      const client = await suite.connect({ version });
      client.send({ cmd: "publish", topic: "", qos: 1, id: 1 });
      await client.expectDisconnect(0x82);
    }
  });
});
