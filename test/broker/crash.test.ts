/**
 * The broker is killed, again and again, under load; afterwards nothing that it acknowledged may be
 * missing, nothing at QoS 2 may have come twice, order and sessions must be as before.
 *
 * Seed: VERNEMQ_CRASH_SEED. Length: VERNEMQ_CRASH_SECONDS, or VERNEMQ_TEST_LONG=1 for ten minutes.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import type { Broker } from "../support/broker.ts";
import { DeliveryChecker } from "../support/delivery-checker.ts";
import { Random } from "../support/random.ts";
import { RawClient } from "../support/raw-client.ts";
import {
  ResumingPublisher,
  ResumingSubscriber,
  sequenceOf,
  WillHolder,
} from "../support/resuming-clients.ts";
import { startTarget } from "../support/suite.ts";

const long = process.env.VERNEMQ_TEST_LONG === "1";
const seconds = Number(process.env.VERNEMQ_CRASH_SECONDS ?? (long ? 600 : 45));

/** Everybody in the play. */
class Scene {
  readonly broker: Broker;
  readonly random: Random;
  readonly checker = new DeliveryChecker();
  readonly publishers: ResumingPublisher[] = [];
  readonly subscribers: ResumingSubscriber[] = [];
  readonly retainers: ResumingPublisher[] = [];
  /** How often a will has come, and how often it must come. */
  readonly wills = new Map<string, number>();
  readonly expectedWills = new Map<string, number>();
  #ticker: NodeJS.Timeout | undefined;
  #ticks = 0;

  constructor(broker: Broker, random: Random) {
    this.broker = broker;
    this.random = random;
  }

  #base(clientId: string, version: 4 | 5) {
    return { port: this.broker.port, clientId, version, checker: this.checker, random: this.random };
  }

  async enter(): Promise<void> {
    for (const version of [4, 5] as const) {
      for (const qos of [1, 2] as const) {
        for (const n of [0, 1]) {
          const name = `${version}${qos}${n}`;
          this.publishers.push(
            new ResumingPublisher({
              ...this.#base(`pub${name}`, version),
              topic: `s/q${qos}/${name}`,
              qos,
              window: 20,
            }),
          );
        }
      }
      this.retainers.push(
        new ResumingPublisher({
          ...this.#base(`ret${version}`, version),
          topic: `r/${version}`,
          qos: 1,
          retain: true,
          window: 5,
        }),
      );
    }
    const topics = this.publishers.map((publisher) => publisher.topic);
    const level = (topic: string): number => Number(topic[3]);
    for (const version of [4, 5] as const) {
      for (const name of ["steady", "flapping", "absent"]) {
        const clientId = `${name}${version}`;
        for (const topic of topics) this.checker.expect(clientId, topic, level(topic));
        this.#subscriber(clientId, version, [{ filter: "s/#", qos: 2 }]);
      }
      this.#subscriber(`member${version}`, version, [{ filter: "$share/g/s/q1/+", qos: 1 }], "group g");
      this.#subscriber(`once${version}`, version, [{ filter: "$share/h/s/q2/+", qos: 2 }], "group h");
    }
    for (const topic of topics) {
      if (level(topic) === 1) this.checker.expect("group g", topic, 1, false);
      else this.checker.expect("group h", topic, 2, false);
    }
    this.subscribers.push(
      new ResumingSubscriber({
        ...this.#base("wills", 5),
        filters: [{ filter: "will/#", qos: 2 }],
        aside: (packet) => {
          this.wills.set(packet.topic, (this.wills.get(packet.topic) ?? 0) + 1);
          return true;
        },
      }),
    );
    for (const subscriber of this.subscribers) subscriber.online();
    await Promise.all(this.subscribers.map(async (subscriber) => await subscriber.subscribed()));
    for (const publisher of this.everyPublisher) publisher.online();
    for (const subscriber of this.subscribers)
      if (subscriber.clientId.startsWith("absent")) subscriber.offline(true);
  }

  #subscriber(
    clientId: string,
    version: 4 | 5,
    filters: { filter: string; qos: number }[],
    receiver?: string,
  ): void {
    this.subscribers.push(
      new ResumingSubscriber({
        ...this.#base(clientId, version),
        filters,
        ...(receiver === undefined ? {} : { receiver }),
      }),
    );
  }

  get everyPublisher(): ResumingPublisher[] {
    return [...this.publishers, ...this.retainers];
  }

  /** Load: publishers send, some subscribers come and go, held acknowledgements leave at last. */
  play(): void {
    this.#ticker = setInterval(() => {
      this.#ticks += 1;
      for (const publisher of this.publishers) publisher.pump(this.random.below(8));
      for (const retainer of this.retainers) retainer.pump(1);
      if (this.#ticks % 10 === 0) for (const subscriber of this.subscribers) subscriber.flush();
      if (!this.random.chance(0.05)) return;
      const one = this.random.pick(this.subscribers);
      if (/^(flapping|member|once)/.test(one.clientId)) {
        if (one.connected && this.random.chance(0.5)) one.offline(this.random.chance(0.5));
        else one.online();
      } else if (one.clientId.startsWith("absent")) {
        // Away for long, back for a part of its queue.
        if (one.connected) one.offline(this.random.chance(0.5));
        else if (this.random.chance(0.2)) one.online();
      }
    }, 10);
  }

  pause(): void {
    clearInterval(this.#ticker);
  }

  async crash(orderly: number): Promise<void> {
    if (this.random.chance(orderly)) assert.equal(await this.broker.stop(), 0, "status of an orderly end");
    else await this.broker.kill();
    await this.broker.restart();
  }

  /** What a new client reads of the retained messages. */
  async readRetained(): Promise<void> {
    const reader = await RawClient.connect(this.broker.port, { clientId: "reader", version: 5 });
    const acknowledged = this.retainers.map(({ topic }) => this.checker.lastAcknowledged(topic));
    await reader.subscribe("r/#", 1);
    const seen = new Map<string, number>();
    reader.send({ cmd: "pingreq" });
    for (let packet = await reader.next(); packet?.cmd === "publish"; packet = await reader.next()) {
      if (packet.retain) seen.set(packet.topic, sequenceOf(packet));
    }
    this.retainers.forEach(({ topic }, index) => {
      this.checker.retained(topic, seen.get(topic), acknowledged[index] ?? -1);
    });
    await reader.disconnect();
  }

  async finish(): Promise<void> {
    for (const subscriber of this.subscribers) subscriber.online();
    let delivered = -1;
    let still = 0;
    while (still < 50) {
      await delay(100);
      for (const subscriber of this.subscribers) subscriber.flush();
      const open = this.everyPublisher.some((publisher) => publisher.unfinished > 0);
      if (!open && this.checker.missing(1).length === 0 && this.#willsCame()) break;
      still = this.checker.counts.delivered === delivered ? still + 1 : 0;
      delivered = this.checker.counts.delivered;
    }
    // Whatever else is on its way comes before these answers.
    await delay(300);
    for (const publisher of this.everyPublisher) {
      assert.equal(publisher.unfinished, 0, `${publisher.clientId} has unanswered messages`);
    }
    for (const client of [...this.subscribers, ...this.everyPublisher]) client.offline(true);
  }

  #willsCame(): boolean {
    return [...this.expectedWills].every(([topic, times]) => (this.wills.get(topic) ?? 0) >= times);
  }

  faults(): string[] {
    return [...this.subscribers, ...this.everyPublisher].flatMap((client) => client.faults);
  }
}

/** One round: load, a will at stake, the end of the broker, its new start. */
async function round(scene: Scene, number: number, orderly: number): Promise<void> {
  const { random, broker, checker } = scene;
  const holder = new WillHolder({
    port: broker.port,
    clientId: `holder${number}`,
    version: 5,
    checker,
    random,
  });
  const topic = `will/${number}`;
  const returns = random.chance(0.3);
  const properties = { willDelayInterval: returns ? 60 : 1 };
  holder.setWill({ topic, payload: "gone", qos: 2, properties });
  holder.online();
  scene.play();
  // Short ones end while queues drain and publishers resume.
  await delay(random.chance(0.4) ? random.between(20, 200) : random.between(200, 1_500));
  const held = holder.connected;
  const crash = scene.crash(orderly);
  if (!returns) holder.offline(false);
  await crash;
  if (held) scene.expectedWills.set(topic, returns ? 0 : 1);
  if (returns && held) {
    const end = performance.now() + 10_000;
    while (!holder.connected && performance.now() < end) await delay(10);
    assert.ok(holder.connected, "the holder of the will comes back");
    holder.offline(true);
  } else holder.offline(false);
  scene.pause();
  await scene.readRetained();
}

async function survive(seedVariable: string, forMs: number, orderly: number): Promise<void> {
  const random = Random.fromEnvironment(seedVariable);
  await using broker = await startTarget({
    configuration: { max_offline_messages: -1, max_online_messages: -1 },
    mosquitto: ["max_queued_messages 0", "autosave_interval 1"],
    persistence: true,
  });
  const scene = new Scene(broker, random);
  const end = performance.now() + forMs;
  let rounds = 0;
  try {
    await scene.enter();
    while (performance.now() < end && scene.checker.violations.length === 0) {
      rounds += 1;
      await round(scene, rounds, orderly);
    }
    await scene.finish();
  } catch (error) {
    process.stderr.write(`${broker.log().split("\n").slice(-40).join("\n")}\n`);
    throw error;
  } finally {
    scene.pause();
    for (const client of [...scene.subscribers, ...scene.everyPublisher]) client.offline(false);
  }
  for (const [topic, times] of scene.expectedWills)
    scene.checker.will(topic, scene.wills.get(topic) ?? 0, times);
  const violations = scene.checker.finish();
  const { counts } = scene.checker;
  if (violations.length > 0) {
    const complaints = broker
      .log()
      .split("\n")
      .filter((line) => /\[(warning|error)\]/.test(line));
    process.stderr.write(
      `what the broker complained of:\n${[...new Set(complaints)].slice(-30).join("\n")}\n`,
    );
  }
  console.log(`${rounds} rounds, ${JSON.stringify(counts)}`);
  assert.deepEqual(scene.faults().slice(0, 20), []);
  assert.deepEqual(violations.slice(0, 20), []);
  assert.ok(counts.acknowledged > rounds * 10 && counts.delivered > counts.acknowledged, "there was load");
}

test("kill -9 under load: everything that was acknowledged is there", async () => {
  await survive("VERNEMQ_CRASH_SEED", seconds * 750, 0.2);
});

test("orderly restarts under load: the same", async () => {
  await survive("VERNEMQ_RESTART_SEED", seconds * 250, 1);
});
