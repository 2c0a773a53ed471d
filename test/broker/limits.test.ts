/** Limits and other settings that change how messages are delivered. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { BrokerUnderTest, oursOnly } from "../support/suite.ts";

const session = (clientId: string) => ({ clientId, clean: false }) as const;

async function offline(suite: BrokerUnderTest, topic: string): Promise<string> {
  const clientId = suite.name("c");
  const client = await suite.connect(session(clientId));
  await client.subscribe(topic, 1);
  await client.disconnect();
  return clientId;
}

describe("queue limits, fifo", { skip: oursOnly }, () => {
  const suite = new BrokerUnderTest({
    configuration: { max_offline_messages: 3, max_online_messages: 5, max_inflight_messages: 2 },
  });

  test("offline: the first messages stay, later ones are dropped", async () => {
    const topic = suite.name();
    const clientId = await offline(suite, topic);
    const publisher = await suite.connect();
    for (let i = 0; i < 6; i++) await publisher.publish(topic, `${i}`, { qos: 1 });
    await suite.broker.logged(
      new RegExp(`the queue of client ${clientId} is full with 3 messages.*raise max_offline_messages`),
    );
    const again = await suite.connect(session(clientId));
    for (const payload of ["0", "1", "2"]) await again.receive({ payload });
    await publisher.publish(topic, "live", { qos: 1 });
    await again.receiveExactly(["live"]);
  });

  test("online: the window and as many as the limit; one slow reader costs others nothing", async () => {
    const topic = suite.name();
    const [slow, quick] = [await suite.connect(), await suite.connect()];
    await slow.subscribe(topic, 1);
    await quick.subscribe(topic, 1);
    const publisher = await suite.connect();
    for (let i = 0; i < 20; i++) {
      await publisher.publish(topic, `${i}`, { qos: 1 });
      await quick.receive({ payload: `${i}` });
    }
    const first = [
      await slow.expect("publish", { payload: "0" }),
      await slow.expect("publish", { payload: "1" }),
    ];
    for (const packet of first) await slow.acknowledge(packet);
    for (const payload of ["2", "3", "4", "5", "6"]) await slow.receive({ payload });
    await publisher.publish(topic, "live", { qos: 1 });
    await slow.receiveExactly(["live"]);
  });
});

describe("queue limits, lifo", { skip: oursOnly }, () => {
  const suite = new BrokerUnderTest({ configuration: { max_offline_messages: 3, queue_type: "lifo" } });

  test("offline: the newest messages stay and come newest first", async () => {
    const topic = suite.name();
    const clientId = await offline(suite, topic);
    const publisher = await suite.connect();
    for (let i = 0; i < 6; i++) await publisher.publish(topic, `${i}`, { qos: 1 });
    const again = await suite.connect(session(clientId));
    for (const payload of ["5", "4", "3"]) await again.receive({ payload });
    await publisher.publish(topic, "live", { qos: 1 });
    await again.receiveExactly(["live"]);
  });
});

describe("no offline messages", { skip: oursOnly }, () => {
  const suite = new BrokerUnderTest({ configuration: { max_offline_messages: 0 } });

  test("max_offline_messages = 0 keeps none, the subscription stays", async () => {
    const topic = suite.name();
    const clientId = await offline(suite, topic);
    const publisher = await suite.connect();
    await publisher.publish(topic, "lost", { qos: 1 });
    const again = await suite.connect(session(clientId));
    assert.equal(again.connack?.sessionPresent, true);
    await publisher.publish(topic, "live", { qos: 1 });
    await again.receiveExactly(["live"]);
  });
});

describe("unlimited queues", { skip: oursOnly }, () => {
  const suite = new BrokerUnderTest({
    configuration: { max_offline_messages: -1, max_online_messages: -1, max_inflight_messages: 0 },
  });

  test("-1 keeps everything", async () => {
    const topic = suite.name();
    const clientId = await offline(suite, topic);
    const publisher = await suite.connect();
    for (let i = 0; i < 3000; i++) {
      publisher.send({ cmd: "publish", topic, payload: `${i}`, qos: 1, id: i + 1 });
    }
    for (let i = 0; i < 3000; i++) await publisher.expect("puback", { id: i + 1 });
    await (await suite.connect(session(clientId))).receiveExactly(
      Array.from({ length: 3000 }, (_, i) => `${i}`),
    );
  });
});

describe("upgrade_outgoing_qos", { skip: oursOnly }, () => {
  const suite = new BrokerUnderTest({ configuration: { upgrade_outgoing_qos: "on" } });

  test("deliveries have the QoS of the subscription", async () => {
    const topic = suite.name();
    const client = await suite.connect();
    await client.subscribe(topic, 1);
    await client.publish(topic, "0", { qos: 0 });
    await client.receive({ payload: "0", qos: 1 });
    await client.publish(topic, "2", { qos: 2 });
    await client.receive({ payload: "2", qos: 1 });
  });
});

describe("max_message_rate", { skip: oursOnly }, () => {
  const suite = new BrokerUnderTest({ configuration: { max_message_rate: 10 } });

  test("a client over its rate is read later, nothing is lost, others are not slowed", async () => {
    const topic = suite.name();
    const subscriber = await suite.connect();
    await subscriber.subscribe(topic, 1);
    const [fast, calm] = [await suite.connect({ deadlineMs: 15_000 }), await suite.connect()];
    const from = performance.now();
    for (let id = 1; id <= 30; id++) fast.send({ cmd: "publish", topic, payload: `${id}`, qos: 1, id });
    await calm.publish(suite.name(), "x", { qos: 1 });
    assert.ok(performance.now() - from < 900, "the calm client waited");
    for (let id = 1; id <= 30; id++) await fast.expect("puback", { id });
    const took = performance.now() - from;
    assert.ok(took > 1_000 && took < 9_000, `${took} ms for 30 messages at 10 a second`);
    for (let id = 1; id <= 30; id++) await subscriber.receive({ payload: `${id}` });
  });
});

describe("listener.max_connections", { skip: oursOnly }, () => {
  const suite = new BrokerUnderTest({ configuration: { "listener.max_connections": 2 } });

  test("a third client does not get in while two are there", async () => {
    /** Over TLS and WebSocket whoever is turned away does not come as far as MQTT. */
    const opened = async () => {
      const client = await suite.open().catch(() => undefined);
      client?.sendConnect({ clientId: suite.name("c") });
      return client;
    };
    /** A place that was freed may be given out a moment later. */
    const admitted = async () => {
      const end = performance.now() + 5_000;
      while (performance.now() < end) {
        const client = await opened();
        if (client !== undefined && (await client.next())?.cmd === "connack") return client;
      }
      return assert.fail("there is room and nobody gets in");
    };
    const first = await admitted();
    await admitted();
    const third = await opened();
    // It is turned away at once, and may try again.
    await third?.expectClosed();
    await first.disconnect();
    await admitted();
  });
});
