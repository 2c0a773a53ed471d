/** Clients that want too much: each attack runs while a fresh client must be served and memory stays bounded. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { Crowd } from "../support/crowd.ts";
import { RawClient } from "../support/raw-client.ts";
import { BrokerUnderTest, oursOnly } from "../support/suite.ts";
import { encode } from "../support/wire.ts";
import { patienceMs, Watch } from "./watch.ts";

const memoryBound = 700 * 1_048_576;

describe("resources", () => {
  const suite = new BrokerUnderTest({
    configuration: { mqtt_connect_timeout: 1000, "listener.max_connections": 5000 },
    mosquitto: ["max_queued_messages 1000"],
  });

  async function attack(run: () => Promise<void>): Promise<void> {
    const watch = new Watch(suite.broker);
    watch.start();
    try {
      await run();
    } finally {
      await watch.end(memoryBound);
    }
  }

  test("a frozen reader delays nobody and costs bounded memory", async () => {
    await attack(async () => {
      const topic = suite.name();
      const frozen = await suite.connect({ version: 5 });
      const reader = await suite.connect({ version: 5, deadlineMs: 10_000 });
      await frozen.subscribe(topic, 0);
      await reader.subscribe(topic, 0);
      frozen.socket.pause();
      const publisher = await suite.connect();
      const payload = Buffer.alloc(20_000, "x");
      const deadline = performance.now() + 15_000;
      let longest = 0;
      for (let i = 0; i < 3000 && performance.now() < deadline; i++) {
        const from = performance.now();
        publisher.send({ cmd: "publish", topic, payload });
        await reader.expect("publish", { topic });
        longest = Math.max(longest, performance.now() - from);
      }
      assert.ok(longest < patienceMs, `a delivery to the healthy reader took ${Math.round(longest)} ms`);
    });
  });

  test("a QoS 1 reader that never acknowledges, and one in a shared group", async () => {
    await attack(async () => {
      const topic = suite.name();
      const [mute, member, good] = [await suite.connect(), await suite.connect(), await suite.connect()];
      await mute.subscribe(topic, 1);
      await member.subscribe(`$share/g/${topic}`, 1);
      await good.subscribe(topic, 1);
      const publisher = await suite.connect();
      for (let i = 0; i < 3000; i++) {
        publisher.send({ cmd: "publish", topic, payload: `${i}`, qos: 1, id: i + 1 });
        await good.receive({ payload: `${i}` });
      }
      for (let i = 0; i < 3000; i++) await publisher.expect("puback");
    });
  });

  test("QoS 2 messages that are never released", async () => {
    await attack(async () => {
      const client = await suite.connect({ version: 4 });
      for (let id = 1; id <= 20_000; id++) client.send({ cmd: "publish", topic: "q2/open", qos: 2, id });
      for (let id = 1; id <= 20_000; id++) await client.expect("pubrec", { id });
    });
  });

  test("connections that say nothing are closed in time", async () => {
    await attack(async () => {
      const sockets = await Promise.all(
        Array.from({ length: 1000 }, async () => await RawClient.open(suite.port)),
      );
      if (oursOnly === false) for (const socket of sockets) await socket.expectClosed(5_000);
      for (const socket of sockets) socket.destroy();
    });
  });

  test("connecting and leaving, thousands of times", async () => {
    await attack(async () => {
      for (let round = 0; round < 30; round++) {
        const clients = await Promise.all(
          Array.from(
            { length: 50 },
            async (_, i) =>
              await RawClient.connect(suite.port, { clientId: `flap${i}`, clean: round % 2 === 0 }),
          ),
        );
        for (const [i, client] of clients.entries()) {
          if (i % 2 === 0) client.destroy();
          else client.send({ cmd: "disconnect" });
          client.destroy();
        }
      }
    });
  });

  test("two clients fight for one id", async () => {
    await attack(async () => {
      const end = performance.now() + 1_500;
      const fight = async () => {
        while (performance.now() < end) {
          const client = await RawClient.open(suite.port, { version: 5 });
          client.sendConnect({
            clientId: "contested",
            clean: false,
            properties: { sessionExpiryInterval: 60 },
          });
          await client.next();
          await client.next(50).catch(() => undefined);
          client.destroy();
        }
      };
      await Promise.all([fight(), fight(), fight()]);
    });
  });

  test("a subscribe and unsubscribe storm with overlapping filters", async () => {
    await attack(async () => {
      const clients = await Promise.all(
        Array.from({ length: 10 }, async () => await suite.connect({ deadlineMs: 20_000 })),
      );
      await Promise.all(
        clients.map(async (client, c) => {
          for (let round = 0; round < 5; round++) {
            const filters = Array.from({ length: 1000 }, (_, i) => `storm/${i % 100}/+/${c}/${i}/#`);
            await client.subscribe(filters, 1);
            await client.unsubscribe(...filters);
          }
        }),
      );
    });
  });

  test("many wills at once", async () => {
    await attack(async () => {
      const topic = suite.name();
      const watcher = await suite.connect({ deadlineMs: 20_000 });
      await watcher.subscribe(topic, 0);
      const dying = await Promise.all(
        Array.from(
          { length: 500 },
          async (_, i) =>
            await RawClient.connect(suite.port, { clientId: `dying${i}`, will: { topic, payload: `${i}` } }),
        ),
      );
      for (const client of dying) client.destroy();
      for (let i = 0; i < 500; i++) await watcher.expect("publish", { topic });
    });
  });

  test("thousands of connections are lost at once, and some of their clients are back before the broker knows", async () => {
    const count = 4_000;
    const crowd = await Crowd.connect(suite.port, count);
    const watcher = await suite.connect({ deadlineMs: 20_000 });
    await watcher.subscribe("crowd/+", 0);
    await attack(async () => {
      await crowd.kill();
      const back = await Promise.all(
        Array.from(
          { length: 100 },
          async (_, i) => await suite.connect({ clientId: `crowd${count - 1 - i}`, clean: i % 2 === 1 }),
        ),
      );
      const gone = new Set<string>();
      for (let i = 0; i < count; i++) gone.add((await watcher.receive({ payload: "gone" })).topic);
      assert.equal(gone.size, count);
      await watcher.expectNothing();
      for (const client of back) await client.disconnect();
    });
  });

  test("retained messages by the ten thousand, read by frozen and by quick readers", async () => {
    await attack(async () => {
      const root = suite.name();
      const publisher = await suite.connect({ deadlineMs: 20_000 });
      const packets = Array.from({ length: 10_000 }, (_, i) =>
        encode(
          {
            cmd: "publish",
            topic: `${root}/${i % 100}/${i}`,
            payload: "x".repeat(100),
            retain: true,
            qos: 1,
            id: i + 1,
          },
          4,
        ),
      );
      publisher.send(...packets);
      for (let i = 0; i < 10_000; i++) await publisher.expect("puback");
      for (let i = 0; i < 20; i++) {
        const frozen = await suite.connect();
        frozen.send({ cmd: "subscribe", id: 1, filters: [{ filter: `${root}/#` }] });
        frozen.socket.pause();
      }
      const reader = await suite.connect({ deadlineMs: 20_000 });
      await reader.subscribe(`${root}/#`, 0);
      if (oursOnly === false)
        for (let i = 0; i < 10_000; i++) await reader.expect("publish", { retain: true });
    });
  });

  test("offline queues fill up to their limit and no further", { skip: oursOnly }, async () => {
    await attack(async () => {
      const topic = suite.name();
      const ids = Array.from({ length: 5 }, () => suite.name("bomb"));
      for (const clientId of ids) {
        const client = await suite.connect({ clientId, clean: false });
        await client.subscribe(topic, 1);
        await client.disconnect();
      }
      const publisher = await suite.connect({ deadlineMs: 20_000 });
      const payload = Buffer.alloc(1000, "x");
      for (let i = 0; i < 3000; i++) publisher.send({ cmd: "publish", topic, payload, qos: 1, id: i + 1 });
      for (let i = 0; i < 3000; i++) await publisher.expect("puback");
      for (const clientId of ids) {
        const client = await suite.connect({ clientId, clean: false, deadlineMs: 20_000 });
        for (let i = 0; i < 1000; i++) await client.receive();
        await client.expectNothing();
      }
    });
  });

  test("a fan-out that is larger than everybody's pace", async () => {
    await attack(async () => {
      const topic = suite.name();
      const readers = await Promise.all(Array.from({ length: 120 }, async () => await suite.connect()));
      for (const reader of readers) await reader.subscribe(topic, 0);
      for (const reader of readers.slice(20)) reader.socket.pause();
      // Those who read look at nothing: they share this process with the fresh clients, which must not wait for that.
      for (const reader of readers.slice(0, 20)) {
        reader.socket.removeAllListeners("data");
        reader.socket.resume();
      }
      const publisher = await suite.connect();
      const payload = Buffer.alloc(10_000, "x");
      for (let i = 0; i < 300; i++) {
        publisher.send({ cmd: "publish", topic, payload });
        if (i % 20 === 0) await delay(5);
      }
      await publisher.publish(suite.name(), "", { qos: 1 });
    });
  });
});
