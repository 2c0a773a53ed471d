import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import type { Message } from "../mqtt/message.ts";
import { readHead } from "./head.ts";
import { headKey, keyNumber, segmentKey } from "./keys.ts";
import { MemoryDatabase } from "./memory-database-test-support.ts";
import { openMemoryStore } from "./memory-store-test-support.ts";
import type { CommitBatch } from "./participant.ts";
import { readReferences } from "./reference-record.ts";
import { BodyReader, isSegment } from "./segment.ts";
import type { DurableStore } from "./store.ts";
import {
  durable,
  eventually,
  message,
  payloadOf,
  payloads,
  quickTimers,
  readAll,
  TestQueue,
  topics,
} from "./store-test-support.ts";

/** What must be found after a crash: per queue its payloads by sequence number; absent when removed. */
type Expected = Map<number, Map<number, string>>;

/** Bytes given back by thinning in all runs. */
let thinned = 0;

class ModelQueue extends TestQueue {
  readonly entries = new Map<number, string>();
  readonly world: World;

  constructor(world: World, id?: number, head: ConstructorParameters<typeof TestQueue>[2] = null) {
    super(world.store, id, head);
    this.world = world;
  }

  add(stored: ReturnType<typeof message>): void {
    this.entries.set(this.append(stored), payloadOf(stored));
  }

  finish(sequence: number): void {
    this.entries.delete(sequence);
    this.done(sequence);
  }

  override collect(batch: CommitBatch): void {
    super.collect(batch);
    this.world.collected.set(this.id, this.removed ? null : new Map(this.entries));
  }
}

/** Segments found undamaged. */
const undamaged = new WeakSet<Buffer>();

/** Every reference on disk that is not done must find its body there, at any moment. */
function verifyBodies({ data }: MemoryDatabase): void {
  const bodies = new BodyReader(topics);
  for (const [name, value] of data) {
    if (!name.startsWith("r")) continue;
    const queue = keyNumber(Buffer.from(name, "latin1"));
    const stored = data.get(headKey(queue).toString("latin1"));
    // A removed queue's references go later than its head.
    if (stored === undefined) continue;
    const head = readHead(stored);
    for (const { sequence, segment, offset } of readReferences(value) ?? []) {
      if (head === null || sequence < head.doneBelow || head.done.includes(sequence)) continue;
      const bytes = data.get(segmentKey(segment).toString("latin1"));
      assert.ok(bytes !== undefined, `segment ${segment} of message ${queue}:${sequence} is gone`);
      if (!undamaged.has(bytes)) assert.ok(isSegment(bytes, segment));
      undamaged.add(bytes);
      assert.ok(
        bodies.read(bytes, segment, offset) !== null,
        `the body of message ${queue}:${sequence} is not in segment ${segment}`,
      );
    }
  }
}

/** A broker's queues over a store that can crash at any turn. */
class World {
  store: DurableStore;
  database: MemoryDatabase;
  queues: ModelQueue[] = [];
  readonly expected: Expected = new Map();
  readonly collected = new Map<number, Map<number, string> | null>();
  count = 0;
  /** Messages that somebody still has in memory, to be given to other queues in later commits. */
  held: Message[] = [];
  /** What is wrong on disk, the first time. */
  fault: unknown = null;

  private constructor(store: DurableStore, database: MemoryDatabase) {
    this.store = store;
    this.database = database;
    this.#watch();
  }

  /** @param speed seed of how long reads and writes take */
  static async start(speed: number): Promise<World> {
    const database = new MemoryDatabase();
    // Reads and writes that overtake each other, scans of many pages.
    let state = speed;
    database.latency = () => {
      if (speed === 0) return 1;
      state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
      return 1 + ((state >>> 16) % 4);
    };
    database.pageEntries = speed === 0 ? 1000 : 1 + (speed % 5);
    const { store } = await openMemoryStore({ database, timers: quickTimers(), thinningBytes: 1 });
    return new World(store, database);
  }

  hold(kept: Message): void {
    this.held.push(kept);
    if (this.held.length > 20) this.held.shift();
  }

  #watch(): void {
    this.database.onApplied = () => {
      try {
        verifyBodies(this.database);
      } catch (error) {
        this.fault ??= error;
      }
      for (const [queue, entries] of this.collected) {
        if (entries === null) this.expected.delete(queue);
        else this.expected.set(queue, entries);
      }
      this.collected.clear();
    };
  }

  /** The process dies now; a new one starts on what is on disk. */
  async crash(): Promise<void> {
    const left = this.database.copy();
    this.database.onApplied = () => undefined;
    await this.store.close();
    thinned += this.store.statistics.thinnedBytes;
    this.collected.clear();
    await this.restart(left);
  }

  async restart(database: MemoryDatabase): Promise<void> {
    const { store } = await openMemoryStore({ database, timers: quickTimers(), thinningBytes: 1 });
    this.store = store;
    this.database = database;
    this.#watch();
    this.held = [];
    this.queues = [];
    for await (const page of store.heads()) {
      for (const { queue, head } of page) {
        const restored = new ModelQueue(this, queue, head);
        for (const { sequence, message } of await readAll(store, queue, 3)) {
          restored.entries.set(sequence, payloadOf(message));
        }
        this.queues.push(restored);
      }
    }
  }

  check(): void {
    if (this.fault !== null) throw this.fault;
    assert.equal(this.store.statistics.lostReferences, 0);
    assert.deepEqual(
      new Map(this.queues.map((queue) => [queue.id, queue.entries])),
      this.expected,
      "what is found is what was committed",
    );
  }

  pick(index: number): ModelQueue {
    const queue = this.queues[index % Math.max(1, this.queues.length)];
    if (queue !== undefined) return queue;
    const fresh = new ModelQueue(this);
    this.queues.push(fresh);
    this.store.touch(fresh);
    return fresh;
  }
}

type Step =
  | { kind: "publish"; queues: number[]; size: number }
  | { kind: "done"; queue: number; nth: number }
  | { kind: "doneMany"; queue: number; count: number }
  | { kind: "move"; from: number; to: number; count: number }
  | { kind: "load"; slow: number; quick: number[]; turns: number }
  | { kind: "again"; nth: number; queue: number }
  | { kind: "create" | "commit" | "turn" | "crash" | "close" | "fail" }
  | { kind: "remove"; queue: number }
  | { kind: "read"; queue: number };

const index = fc.nat({ max: 6 });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant("publish" as const),
      queues: fc.array(index, { minLength: 1, maxLength: 4 }),
      size: fc.oneof(fc.nat({ max: 50 }), fc.constant(40_000)),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant("done" as const), queue: index, nth: fc.nat({ max: 20 }) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("doneMany" as const),
      queue: index,
      count: fc.nat({ max: 30 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("move" as const),
      from: index,
      to: index,
      count: fc.integer({ min: 1, max: 4 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("load" as const),
      slow: index,
      quick: fc.array(index, { minLength: 1, maxLength: 3 }),
      turns: fc.integer({ min: 1, max: 25 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant("again" as const), nth: fc.nat({ max: 19 }), queue: index }),
  },
  { weight: 6, arbitrary: fc.record({ kind: fc.constantFrom("commit" as const, "turn" as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constantFrom("create" as const, "close" as const, "fail" as const) }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("crash" as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("remove" as const), queue: index }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("read" as const), queue: index }) },
);

async function perform(world: World, step: Step): Promise<void> {
  switch (step.kind) {
    case "publish": {
      const stored = message(`${world.count++}:`.padEnd(step.size, "."), `t/${world.count % 3}`);
      for (const queue of new Set(step.queues.map((each) => world.pick(each)))) queue.add(stored);
      world.hold(stored);
      return;
    }
    case "load": {
      // One queue keeps what the others get and soon have done, while the store works in the background.
      const slow = world.pick(step.slow);
      const queues = new Set([...step.quick.map((each) => world.pick(each)), slow]);
      for (let turn = 0; turn < step.turns; turn++) {
        const stored = message(`${world.count++}:`, `t/${turn % 3}`);
        for (const queue of queues) {
          queue.add(stored);
          if (queue === slow || turn % 3 === 0) continue;
          for (const sequence of [...queue.entries.keys()].slice(0, 3)) queue.finish(sequence);
        }
        await new Promise((resolve) => setImmediate(resolve));
      }
      return;
    }
    case "again": {
      const kept = world.held[step.nth];
      if (kept !== undefined) world.pick(step.queue).add(kept);
      return;
    }
    case "done": {
      const queue = world.pick(step.queue);
      const sequence = [...queue.entries.keys()][step.nth];
      if (sequence !== undefined) queue.finish(sequence);
      return;
    }
    case "doneMany": {
      const queue = world.pick(step.queue);
      for (const sequence of [...queue.entries.keys()].slice(0, step.count)) queue.finish(sequence);
      return;
    }
    case "move": {
      // As a group queue hands stored messages to a member.
      const from = world.pick(step.from);
      const to = world.pick(step.to);
      for (const { sequence, message: stored } of (await readAll(world.store, from.id, 4)).slice(
        0,
        step.count,
      )) {
        if (!from.entries.has(sequence)) continue;
        world.hold(stored);
        from.finish(sequence);
        if (step.count % 2 === 0) await durable(world.store);
        to.add(stored);
      }
      return;
    }
    case "create": {
      const queue = new ModelQueue(world);
      world.queues.push(queue);
      world.store.touch(queue);
      return;
    }
    case "commit":
      return durable(world.store);
    case "turn":
      await new Promise((resolve) => setImmediate(resolve));
      return;
    case "fail":
      // The disk refuses writes for a while: the database is closed and opened again.
      world.database.failure = new Error("no space left");
      for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve));
      world.database.failure = null;
      return;
    case "crash":
      await world.crash();
      world.check();
      return;
    case "close": {
      await world.store.close();
      await world.restart(world.database.copy());
      world.check();
      return;
    }
    case "remove": {
      const queue = world.pick(step.queue);
      queue.remove();
      queue.entries.clear();
      world.queues = world.queues.filter((each) => each !== queue);
      return;
    }
    case "read": {
      const queue = world.pick(step.queue);
      await durable(world.store);
      assert.deepEqual(await payloads(world.store, queue.id), [...queue.entries.values()]);
    }
  }
}

/** The keys of message data left. */
function dataKeys(database: MemoryDatabase): string[] {
  return [...database.data.keys()].filter((key) => !key.startsWith("m"));
}

describe("message store against a model", () => {
  it("finds after any crash exactly what was committed, and leaves nothing behind", async () => {
    const steps = fc.array(step, { maxLength: 60, size: "max" });
    const property = fc.asyncProperty(fc.nat(), steps, async (speed, steps) => {
      const world = await World.start(speed);
      for (const each of steps) {
        await perform(world, each);
        if (world.fault !== null) throw world.fault;
      }
      await durable(world.store);
      await world.crash();
      world.check();
      for (const queue of world.queues.slice(1)) queue.remove();
      const [first] = world.queues;
      if (first !== undefined) for (const sequence of [...first.entries.keys()]) first.finish(sequence);
      await durable(world.store);
      await eventually(
        "only the head of the queue that is left",
        () => dataKeys(world.database).length === (first === undefined ? 0 : 1),
      );
      await world.store.close();
    });
    await fc.assert(property, {
      numRuns: Number(process.env.STORE_MODEL_RUNS ?? 150),
      seed: Number(process.env.SEED ?? 42),
    });
    assert.ok(thinned > 0, "some runs thin segments");
  });
});
