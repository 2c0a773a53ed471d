import assert from "node:assert/strict";
import { mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { silentLogger } from "../log/logger.ts";
import { MemoryDatabase } from "./memory-database-test-support.ts";
import { openMemoryStore } from "./memory-store-test-support.ts";
import { openStore } from "./open-store.ts";
import { DEFAULT_STORE_OPTIONS } from "./options.ts";
import type { CommitBatch, CommitParticipant, MessageStore, RecordTable } from "./participant.ts";
import type { DurableStore } from "./store.ts";
import { durable, message, payloadOf, payloads, readAll, TestQueue, topics } from "./store-test-support.ts";

interface Kind {
  readonly name: string;
  /** Opens the store, again on the same data when called a second time after `close`. */
  start(): Promise<() => Promise<DurableStore>>;
}

const directories: string[] = [];
after(() => Promise.all(directories.map((directory) => rm(directory, { recursive: true, force: true }))));

const kinds: Kind[] = [
  {
    name: "in memory",
    async start() {
      let last = new MemoryDatabase();
      return async () => {
        last = last.copy();
        return (await openMemoryStore({ database: last })).store;
      };
    },
  },
  {
    name: "LevelDB",
    async start() {
      const directory = await mkdtemp(join(tmpdir(), "store-"));
      directories.push(directory);
      return () => openStore(join(directory, "msgstore"), DEFAULT_STORE_OPTIONS, { log: silentLogger });
    },
  },
];

/** Gives records. */
class Records implements CommitParticipant {
  dirty = false;
  readonly changes: ((batch: CommitBatch) => void)[] = [];
  readonly store: MessageStore;
  constructor(store: MessageStore) {
    this.store = store;
  }
  change(change: (batch: CommitBatch) => void): void {
    this.changes.push(change);
    this.store.touch(this);
  }
  collect(batch: CommitBatch): void {
    for (const change of this.changes.splice(0)) change(batch);
  }
  committed(): void {}
}

async function recordsOf(store: MessageStore, table: RecordTable): Promise<[string, string][]> {
  const all: [string, string][] = [];
  for await (const page of store.records(table)) {
    for (const { key, value } of page) all.push([key, value.toString()]);
  }
  return all;
}

for (const kind of kinds) {
  describe(`message store ${kind.name}`, () => {
    it("gives back references in order with everything that belongs to them", async () => {
      const open = await kind.start();
      const store = await open();
      const queue = new TestQueue(store);
      const other = new TestQueue(store);
      const first = message("one", "t/ü", 1_900_000_000_000, "props");
      queue.append(first, 2, 77, [1, 268_435_455]);
      queue.append(message(""), 1);
      other.append(first);
      await durable(store);
      queue.append(message("three", "other"));
      await durable(store);
      const read = await store.readReferences(queue.id, 0, 10, topics);
      assert.deepEqual(
        read.map(({ sequence, qos, retain, group, identifiers }) => [
          sequence,
          qos,
          retain,
          group,
          [...identifiers],
        ]),
        [
          [0, 2, false, 77, [1, 268_435_455]],
          [1, 1, false, 0, []],
          [2, 1, false, 0, []],
        ],
      );
      const [one, two, three] = read.map((reference) => reference.message);
      assert.ok(one !== undefined && two !== undefined && three !== undefined);
      assert.equal(one.topic, topics.internText("t/ü"));
      assert.equal(one.expiresAt, 1_900_000_000_000);
      assert.equal(one.buffer.toString("utf8", one.propertyStart, one.propertyEnd), "props");
      assert.deepEqual([payloadOf(one), payloadOf(two), payloadOf(three)], ["one", "", "three"]);
      assert.equal(one.qos, 1);
      assert.equal(one.buffer, two.buffer, "bodies of one commit share a buffer");
      assert.deepEqual([one.segment, one.segmentOffset], [first.segment, first.segmentOffset]);
      assert.deepEqual(await payloads(store, other.id), ["one"]);
      assert.deepEqual(
        (await store.readReferences(queue.id, 1, 1, topics)).map((r) => r.sequence),
        [1],
      );
      assert.deepEqual(await store.readReferences(queue.id, 3, 10, topics), []);
      await store.close();
    });

    it("keeps queues, heads and ids over a restart", async () => {
      const open = await kind.start();
      let store = await open();
      const queue = new TestQueue(store);
      for (let i = 0; i < 5; i++) queue.append(message(`m${i}`));
      await durable(store);
      queue.done(0);
      queue.done(3);
      await store.close();
      store = await open();
      assert.deepEqual(await payloads(store, queue.id), ["m1", "m2", "m4"]);
      const head = await store.readHead(queue.id);
      assert.deepEqual(head, queue.head());
      const heads = [];
      for await (const page of store.heads()) heads.push(...page);
      assert.deepEqual(heads, [{ queue: queue.id, head: queue.head() }]);
      assert.ok(store.newQueueId() > queue.id);
      assert.equal(await store.readHead(queue.id + 100), null);
      await store.close();
    });

    it("removes a queue with everything it has", async () => {
      const open = await kind.start();
      const store = await open();
      const queue = new TestQueue(store);
      queue.append(message("gone"));
      await durable(store);
      queue.remove();
      await durable(store);
      assert.deepEqual(await readAll(store, queue.id), []);
      assert.equal(await store.readHead(queue.id), null);
      await store.close();
    });

    it("keeps records in key order, apart by table", async () => {
      const open = await kind.start();
      const store = await open();
      const records = new Records(store);
      records.change((batch) => {
        batch.putRecord("subscriber", "b", Buffer.from("2"));
        batch.putRecord("subscriber", "a/ü", Buffer.from("1"));
        batch.putRecord("subscriber", "c", Buffer.from("3"));
        batch.putRecord("retained", "a", Buffer.from(""));
      });
      await durable(store);
      records.change((batch) => {
        batch.deleteRecord("subscriber", "c");
        batch.putRecord("subscriber", "b", Buffer.from("new"));
      });
      await durable(store);
      assert.deepEqual(await recordsOf(store, "subscriber"), [
        ["a/ü", "1"],
        ["b", "new"],
      ]);
      assert.deepEqual(await recordsOf(store, "retained"), [["a", ""]]);
      assert.deepEqual(await recordsOf(store, "will"), []);
      assert.equal((await store.readRecord("subscriber", "b"))?.toString(), "new");
      assert.equal(await store.readRecord("subscriber", "c"), null);
      await store.close();
    });

    it("calls back in order, in a later turn, after the participants", async () => {
      const open = await kind.start();
      const store = await open();
      const calls: string[] = [];
      const queue = new TestQueue(store);
      store.whenDurable(() => calls.push("nothing to do"));
      queue.append(message("x"));
      store.whenDurable(() => calls.push(`first ${queue.commits}`));
      store.whenDurable(() => calls.push("second"));
      assert.deepEqual(calls, []);
      await durable(store);
      assert.deepEqual(calls, ["nothing to do", "first 1", "second"]);
      await store.close();
    });

    it("stores what is touched during a commit with the next one", async () => {
      const open = await kind.start();
      const store = await open();
      const queue = new TestQueue(store);
      let again: Promise<void> | undefined;
      const committed = queue.committed.bind(queue);
      queue.committed = () => {
        committed();
        if (queue.commits > 1) return;
        queue.append(message("second"));
        again = durable(store);
      };
      queue.append(message("first"));
      await durable(store);
      await again;
      assert.equal(queue.collections, 2);
      assert.deepEqual(await payloads(store, queue.id), ["first", "second"]);
      await store.close();
    });

    it("writes what is left when it is closed", async () => {
      const open = await kind.start();
      const store = await open();
      const queue = new TestQueue(store);
      queue.append(message("last"));
      await store.close();
      assert.equal(queue.commits, 1);
      await assert.rejects(store.readHead(queue.id), /closed/);
    });

    it("takes large and many bodies", async () => {
      const open = await kind.start();
      const store = await open();
      const queue = new TestQueue(store);
      const large = Buffer.alloc(3 * 1024 * 1024, "x");
      const lengths: number[] = [];
      for (let i = 0; i < 5000; i++) {
        const payload = i % 1000 === 500 ? large : Buffer.alloc(i % 700, "y");
        lengths.push(payload.length);
        queue.append(message(payload));
      }
      await durable(store);
      const read = await readAll(store, queue.id, 1500);
      assert.deepEqual(
        read.map(({ message: { payloadStart, payloadEnd } }) => payloadEnd - payloadStart),
        lengths,
      );
      assert.deepEqual(
        read.map(({ sequence }) => sequence),
        lengths.map((_, index) => index),
      );
      await store.close();
    });
  });
}

it("what comes while the store is being closed is not written, and opens nothing again", async () => {
  const problems: (string | null)[] = [];
  const { store, database } = await openMemoryStore({ onHealth: (problem) => void problems.push(problem) });
  const records = new Records(store);
  records.change((batch) => batch.putRecord("meta", "early", Buffer.from("1")));
  await durable(store);
  let release = (): void => undefined;
  database.gate = new Promise((resolve) => {
    release = resolve;
  });
  const closed = store.close();
  for (let turns = 0; turns < 5; turns++) await new Promise((resolve) => setImmediate(resolve));
  const { writes } = database;
  records.change((batch) => batch.putRecord("meta", "late", Buffer.from("1")));
  for (let turns = 0; turns < 5; turns++) await new Promise((resolve) => setImmediate(resolve));
  release();
  await closed;
  records.change((batch) => batch.putRecord("meta", "too late", Buffer.from("1")));
  for (let turns = 0; turns < 5; turns++) await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual([problems, database.writes], [[], writes]);
});

it("message store LevelDB leaves no large log to the next start when it is closed", async () => {
  const directory = join(await mkdtemp(join(tmpdir(), "store-")), "msgstore");
  directories.push(directory);
  const store = await openStore(directory, DEFAULT_STORE_OPTIONS, { log: silentLogger });
  const queue = new TestQueue(store);
  for (let i = 0; i < 1000; i++) queue.append(message(`message ${i} ${"x".repeat(1_500)}`));
  await durable(store);
  const logSize = async (): Promise<number> => {
    const names = (await readdir(directory)).filter((name) => name.endsWith(".log"));
    const sizes = await Promise.all(names.map(async (name) => (await stat(join(directory, name))).size));
    return sizes.reduce((sum, size) => sum + size, 0);
  };
  assert.ok((await logSize()) > 1024 * 1024);
  await store.close();
  assert.equal(await logSize(), 0);
  const again = await openStore(directory, DEFAULT_STORE_OPTIONS, { log: silentLogger });
  assert.equal((await payloads(again, queue.id)).length, 1000);
  await again.close();
});
