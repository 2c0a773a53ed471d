import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Message } from "../mqtt/message.ts";
import { payloadOf } from "../store/store-test-support.ts";
import { ASLEEP, QueueState } from "./queue-state.ts";
import { ManualStore, newQueue, publish, restored, testContext, UNLIMITED } from "./queue-test-support.ts";
import type { Receiver } from "./receiver.ts";
import type { SubscriberQueue } from "./subscriber-queue.ts";

type Step =
  | { readonly kind: "publish"; readonly qos: number; readonly count: number }
  | { readonly kind: "attach"; readonly window: number }
  | { readonly kind: "detach" | "begin" | "complete" | "crash" | "answer" }
  | { readonly kind: "answerPubrel" | "acknowledge" | "acknowledgeAll"; readonly choice: number }
  | { readonly kind: "writable"; readonly value: boolean }
  | { readonly kind: "incoming"; readonly packetId: number; readonly count: number };

const IDS = 65_535;

/** What a client has, over all its connections: it never forgets, so it can say what it got twice. */
class Client {
  /** How often the application got each message. */
  readonly delivered = new Map<number, number>();
  /** What was sent to it at least once. */
  readonly seen = new Set<number>();
  /** QoS 2: packet ids for which PUBREL has not come, with their message. */
  readonly open = new Map<number, number>();
  readonly finished = new Set<number>();
}

/** One broker's run: queue, store, connection. Keeps every promise under watch. */
class World {
  readonly client = new Client();
  readonly lifo: boolean;
  readonly limits: typeof UNLIMITED;
  store = new ManualStore();
  context = testContext(this.store);
  queue: SubscriberQueue;
  connection: Connection | null = null;
  /** QoS of each message. */
  readonly qos: number[] = [];
  readonly settled = new Set<number>();
  /** QoS 1 messages that the client has acknowledged, in this run of the broker. */
  readonly acknowledged = new Set<number>();
  readonly messages = new Map<number, Message>();
  crashes = 0;
  readonly incoming = new Set<number>();

  constructor(lifo: boolean, start: number, page: number) {
    this.lifo = lifo;
    this.limits = { ...UNLIMITED, lifo };
    this.store.page = page;
    this.queue = newQueue(this.context, this.limits);
    const none = {
      doneBelow: start,
      next: start,
      sentBelow: start,
      stored: 0,
      done: [],
      released: [],
      incoming: [],
    };
    this.queue.restore(none);
  }

  live(): { readonly sequence: number; readonly message: Message }[] {
    return this.store.disk.live(this.queue.id);
  }

  publish(qos: number): void {
    const number = this.qos.push(qos) - 1;
    const listener = {
      settled: (ticket: number) => {
        assert.equal(ticket, number);
        assert.ok(!this.settled.has(number), "settled once");
        this.settled.add(number);
        const stored = this.live().some(({ message }) => payloadOf(message) === String(number));
        const safe = stored || (qos === 1 && this.acknowledged.has(number));
        assert.ok(safe, `message ${number} was settled and is neither stored nor acknowledged`);
      },
    };
    const kept = publish(this.queue, String(number), qos, listener, number);
    this.messages.set(number, kept);
    if (kept.unsettled === 0) {
      assert.ok(qos === 1 && this.acknowledged.has(number));
      this.settled.add(number);
    }
  }

  crash(): void {
    const { disk, page } = this.store;
    this.connection = null;
    this.crashes++;
    this.acknowledged.clear();
    this.store = new ManualStore(disk);
    this.store.page = page;
    this.context = testContext(this.store);
    this.queue = restored(this.queue, this.context, this.limits);
    this.incoming.clear();
    for (const id of this.queue.incoming.list()) this.incoming.add(id);
  }

  attach(window: number): void {
    this.detach();
    const connection = new Connection(this, window);
    this.connection = connection;
    this.queue.attach(connection);
    this.queue.pump();
  }

  detach(): void {
    if (this.connection === null) return;
    this.connection = null;
    this.queue.detach();
  }
}

class Connection implements Receiver {
  writable = true;
  readonly leaving = false;
  readonly window: number;
  readonly retrySeconds = 0;
  readonly world: World;
  /** In flight on this connection: packet id to what the client may do next. */
  readonly inFlight = new Map<
    number,
    { readonly number: number; state: "puback" | "pubrec" | "wait" | "pubcomp" }
  >();
  last = -1;

  constructor(world: World, window: number) {
    this.world = world;
    this.window = window;
  }

  sendDirect(): void {}

  retryWanted(): void {}

  send(message: Message, qos: number, _retain: boolean, duplicate: boolean, packetId: number): boolean {
    const { client, lifo, qos: published, store, crashes } = this.world;
    const number = Number(payloadOf(message));
    assert.ok(this.writable, "sent while congested");
    assert.equal(qos, published[number]);
    assert.ok(packetId >= 1 && packetId <= IDS);
    assert.ok(!this.inFlight.has(packetId), `packet id ${packetId} used twice`);
    assert.ok(this.inFlight.size < this.window, "the window is exceeded");
    if (!lifo) assert.ok(number > this.last, `${number} after ${this.last}`);
    this.last = number;
    if (client.seen.has(number)) assert.ok(duplicate, `DUP is missing on ${number}`);
    else if (crashes === 0) assert.ok(!duplicate, `DUP on first delivery of ${number}`);
    client.seen.add(number);
    if (qos === 2) {
      const stored = this.world
        .live()
        .some(
          (reference) =>
            1 + (reference.sequence % IDS) === packetId && payloadOf(reference.message) === String(number),
        );
      assert.ok(stored, `QoS 2 message ${number} left before it was durable`);
      assert.ok(store.disk.heads.has(this.world.queue.id));
      const open = client.open.get(packetId);
      if (open === undefined) {
        assert.ok(!client.delivered.has(number), `${number} delivered twice`);
        client.open.set(packetId, number);
        client.delivered.set(number, 1);
      } else assert.equal(open, number, "a packet id that is in use got another message");
      this.inFlight.set(packetId, { number, state: "pubrec" });
    } else {
      client.delivered.set(number, (client.delivered.get(number) ?? 0) + 1);
      this.inFlight.set(packetId, { number, state: "puback" });
    }
    return true;
  }

  sendPubrel(packetId: number): void {
    const { client, queue, store } = this.world;
    const head = store.disk.heads.get(queue.id);
    const durable = head?.released.some((sequence) => 1 + (sequence % IDS) === packetId);
    assert.ok(durable === true, "PUBREL before it was durable that PUBREC was seen");
    const number = client.open.get(packetId) ?? -1;
    client.open.delete(packetId);
    const entry = this.inFlight.get(packetId);
    if (entry !== undefined) entry.state = "pubcomp";
    // The window is for PUBLISH alone: it delays no PUBREL [MQTT-3.3.4-10].
    else this.inFlight.set(packetId, { number, state: "pubcomp" });
  }

  /** Answers one of those that can be answered. False when there is none. */
  answer(choice: number): boolean {
    const able = [...this.inFlight].filter(([, { state }]) => state !== "wait");
    const chosen = able[choice % Math.max(1, able.length)];
    if (chosen === undefined) return false;
    const [packetId, entry] = chosen;
    const { queue, acknowledged, client } = this.world;
    if (entry.state === "pubrec") {
      entry.state = "wait";
      assert.ok(queue.onPubrec(packetId, 0));
      return true;
    }
    this.inFlight.delete(packetId);
    client.finished.add(entry.number);
    if (entry.state === "puback") {
      acknowledged.add(entry.number);
      assert.ok(queue.onPuback(packetId));
      assert.ok(!queue.onPuback(packetId) || this.inFlight.has(packetId));
    } else assert.ok(queue.onPubcomp(packetId));
    return true;
  }
}

async function run(steps: readonly Step[], lifo: boolean, start: number, page: number): Promise<void> {
  const world = new World(lifo, start, page);
  for (const step of steps) {
    switch (step.kind) {
      case "publish":
        for (let i = 0; i < step.count; i++) world.publish(step.qos);
        break;
      case "attach":
        world.attach(step.window);
        break;
      case "detach":
        world.detach();
        break;
      case "begin":
        world.store.begin();
        break;
      case "complete":
        world.store.complete();
        break;
      case "answer":
        await world.store.answer();
        break;
      case "crash":
        world.crash();
        break;
      case "acknowledge":
      case "answerPubrel":
        world.connection?.answer(step.choice);
        break;
      case "acknowledgeAll":
        for (let i = 0; i < step.choice && world.connection?.answer(step.choice) === true; i++);
        break;
      case "writable":
        if (world.connection !== null) {
          world.connection.writable = step.value;
          if (step.value) world.queue.pump();
        }
        break;
      case "incoming":
        for (let packetId = step.packetId; packetId < step.packetId + step.count; packetId++) {
          if (world.incoming.delete(packetId)) world.queue.incoming.delete(packetId, 0);
          else {
            world.incoming.add(packetId);
            world.queue.incoming.add(packetId, 0);
          }
        }
        break;
    }
    const { connection, queue } = world;
    if (connection !== null) {
      assert.ok(queue.inflight >= connection.inFlight.size, "inflight");
      // Otherwise a PUBREL may wait for its commit: in flight again, with nothing sent on this connection.
      if (world.store.idle) assert.equal(queue.inflight, connection.inFlight.size, "inflight");
    }
  }
  await finish(world);
}

/** Everything that was settled arrives in the end, and nothing remains. */
async function finish(world: World): Promise<void> {
  world.attach(3);
  for (let turns = 0; ; turns++) {
    assert.ok(turns < 10_000, "it does not come to an end");
    await world.store.settle();
    if (world.connection?.answer(turns) !== true) break;
  }
  const { client, queue, store } = world;
  world.qos.forEach((qos, number) => {
    const times = client.delivered.get(number) ?? 0;
    if (world.settled.has(number)) assert.ok(times > 0, `message ${number} was settled and is lost`);
    if (qos === 2) assert.ok(times <= 1);
  });
  assert.equal(queue.waiting, 0, "waiting");
  assert.equal(queue.inflight, 0, "inflight");
  assert.equal(store.uncommittedBytes, 0, "uncommitted bytes");
  const head = store.disk.heads.get(queue.id);
  if (head !== undefined) {
    assert.equal(head.stored, 0, "stored");
    assert.equal(head.doneBelow, head.next);
    const again = restored(queue, testContext(store), world.limits);
    assert.deepEqual([...again.incoming.list()].sort(), [...world.incoming].sort());
    assert.deepEqual([head.done, head.released], [[], []]);
  }
  for (const message of world.messages.values()) assert.ok(message.unsettled >= 0);
  assert.deepEqual(ASLEEP, new QueueState(0));
}

const choice = fc.nat({ max: 20 });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant("publish"),
      qos: fc.integer({ min: 1, max: 2 }),
      count: fc.constantFrom(1, 1, 2, 5),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant("attach"), window: fc.integer({ min: 1, max: 6 }) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("detach") }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("begin") }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("complete") }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("answer") }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("crash") }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("acknowledge"), choice }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("acknowledgeAll"), choice }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("writable"), value: fc.boolean() }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("incoming"),
      packetId: fc.constantFrom(1, 2, 3, 400),
      count: fc.constantFrom(1, 1, 1, 300),
    }),
  },
);

const start = fc.constantFrom(0, IDS - 3, 2 * IDS - 1);
const page = fc.constantFrom(1, 2, 1000);
const long = process.env.VERNEMQ_TEST_LONG === "1";
const numRuns = Number(process.env.VERNEMQ_TEST_RUNS ?? (long ? 40_000 : 1_500));

for (const lifo of [false, true]) {
  test(`a ${lifo ? "lifo" : "fifo"} queue against its model, with crashes`, async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 5, maxLength: 80, size: "max" }),
        start,
        page,
        (steps, from, at) => run(steps, lifo, from, at),
      ),
      { numRuns },
    );
  });
}
