import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ByteWriter } from "../store/byte-writer.ts";
import { seal } from "../store/checksum.ts";
import { WriteSet } from "../store/database.ts";
import { ensureFormat } from "../store/format.ts";
import { writeHead } from "../store/head.ts";
import { FORMAT_KEY, headKey } from "../store/keys.ts";
import { MemoryDatabase } from "../store/memory-database-test-support.ts";
import { openMemoryStore } from "../store/memory-store-test-support.ts";
import type { DurableStore } from "../store/store.ts";
import { durable } from "../store/store-test-support.ts";
import { decodeIncomingPage } from "./incoming-pages.ts";
import { ManualStore, newQueue, restored, testContext, UNLIMITED } from "./queue-test-support.ts";
import { SubscriberQueue } from "./subscriber-queue.ts";

const OPEN = 60_000;
const OWNER = "publisher";

type Step =
  | {
      readonly kind: "open" | "close";
      readonly first: number;
      readonly count: number;
      readonly stride: number;
    }
  | { readonly kind: "begin" | "complete" | "crash" | "detach" };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constantFrom("open", "close"),
      first: fc.oneof(fc.integer({ min: 1, max: 65_535 }), fc.constantFrom(1, 505, 512, 1024, 65_024)),
      count: fc.oneof(fc.integer({ min: 1, max: 20 }), fc.constantFrom(255, 256, 257, 600)),
      stride: fc.constantFrom(1, 1, 2, 513),
    }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constantFrom("begin", "complete", "crash", "detach") }) },
);

function sorted(ids: Iterable<number>): number[] {
  return [...ids].sort((a, b) => a - b);
}

test("against a set: what was committed is back after a crash, and a ticket is settled when its change is", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40, size: "max" }), (steps) => {
      let store = new ManualStore();
      let queue = newQueue(testContext(store));
      let open = new Set<number>();
      let collected = new Set<number>();
      let stored = new Set<number>();
      let tickets = 0;
      let collectedTickets = 0;
      let settled = 0;
      const listener = { settled: (ticket: number) => assert.equal(ticket, ++settled) };
      for (const each of steps) {
        queue.listener = listener;
        if (each.kind === "open" || each.kind === "close") {
          const last = Math.min(65_535, each.first + (each.count - 1) * each.stride);
          for (let id = each.first; id <= last; id += each.stride) {
            assert.equal(queue.incoming.has(id), open.has(id));
            if (each.kind === "open") {
              assert.ok(queue.incoming.add(id, ++tickets));
              open.add(id);
            } else if (queue.incoming.delete(id, tickets + 1)) {
              tickets++;
              assert.ok(open.delete(id));
            } else assert.ok(!open.has(id));
          }
        } else if (each.kind === "begin" && !store.writing) {
          store.begin();
          collected = new Set(open);
          collectedTickets = tickets;
        } else if (each.kind === "complete" && store.writing) {
          store.complete();
          stored = collected;
          assert.equal(settled, collectedTickets);
        } else if (each.kind === "detach") {
          queue.detach();
          settled = tickets;
          collectedTickets = tickets;
        } else if (each.kind === "crash") {
          const context = testContext(new ManualStore(store.disk));
          store = context.store;
          queue = restored(queue, context);
          open = new Set(stored);
          settled = tickets;
        }
        assert.equal(queue.incoming.size, open.size);
        assert.deepEqual(sorted(queue.incoming.list()), sorted(open));
        assert.ok((store.disk.heads.get(queue.id)?.incoming.length ?? 0) <= 256);
      }
      store.commit();
      for (const id of open) queue.incoming.delete(id, 0);
      queue.detach();
      store.commit();
      assert.deepEqual(store.disk.incomingPages(queue.id), [], "nothing is left");
      assert.deepEqual(store.disk.heads.get(queue.id)?.incoming ?? [], []);
    }),
    { numRuns: Number(process.env.VERNEMQ_TEST_RUNS ?? 300) },
  );
});

function queueIn(store: DurableStore, id: number): SubscriberQueue {
  return new SubscriberQueue(id, OWNER, UNLIMITED, { ...testContext(), store });
}

/** The queue as it is in the store. */
async function found(store: DurableStore, id: number): Promise<SubscriberQueue> {
  const queue = queueIn(store, id);
  for await (const records of store.records("incoming")) {
    for (const { key, value } of records) {
      const decoded = decodeIncomingPage(key, value);
      if (decoded?.queue === id) queue.incoming.restorePage(decoded.page);
    }
  }
  const head = await store.readHead(id);
  assert.ok(head !== null);
  queue.restore(head);
  return queue;
}

/** Bytes that one exchange writes: one commit for PUBLISH, one for PUBREL. */
async function exchangeBytes(store: DurableStore, queue: SubscriberQueue, packetId: number): Promise<number> {
  const before = store.statistics.bytes;
  queue.incoming.add(packetId, 0);
  await durable(store);
  queue.incoming.delete(packetId, 0);
  await durable(store);
  return store.statistics.bytes - before;
}

test(`with ${OPEN} ids open an exchange writes few bytes, also after a restart`, async () => {
  const { store, database } = await openMemoryStore();
  const queue = queueIn(store, store.newQueueId());
  const ids = Array.from({ length: OPEN }, (_, index) => index + 1);
  const alone = await exchangeBytes(store, queue, 65_000);
  assert.ok(alone < 200, `${alone} bytes with none open`);
  for (const id of ids) queue.incoming.add(id, 0);
  await durable(store);
  const bytes = await exchangeBytes(store, queue, 65_000);
  assert.ok(bytes < 1500, `${bytes} bytes`);
  const again = await openMemoryStore({ database: database.copy() });
  const restarted = await found(again.store, queue.id);
  assert.deepEqual(sorted(restarted.incoming.list()), ids);
  const later = await exchangeBytes(again.store, restarted, 65_000);
  assert.ok(later < 1500, `${later} bytes after a restart`);
  await restarted.end();
  await durable(again.store);
  const left = [...again.database.data.keys()].filter((key) => !key.startsWith("m"));
  assert.deepEqual(left, [], "nothing is left of a session that has ended");
  await store.close();
  await again.store.close();
});

test("a store of format 1, with all ids in the head, is read and brought up to date", async () => {
  const database = new MemoryDatabase();
  const set = new WriteSet();
  const version = new ByteWriter(64);
  version.u32(1);
  set.put(FORMAT_KEY, seal(version));
  const ids = Array.from({ length: OPEN }, (_, index) => index + 1);
  const numbers = { doneBelow: 7, next: 7, sentBelow: 7, stored: 0 };
  const head = { ...numbers, done: [], released: [], incoming: ids };
  set.put(headKey(3), writeHead(new ByteWriter(16), head));
  await database.write(set, true);
  assert.equal(await ensureFormat(database, "memory", false), 1);
  const { store } = await openMemoryStore({ database });
  const queue = await found(store, 3);
  assert.deepEqual(sorted(queue.incoming.list()), ids);
  await exchangeBytes(store, queue, 65_000);
  assert.equal((await store.readHead(3))?.incoming.length, 256);
  assert.ok((await exchangeBytes(store, queue, 65_000)) < 1500);
  const again = await openMemoryStore({ database: database.copy() });
  assert.deepEqual(sorted((await found(again.store, 3)).incoming.list()), ids);
  await store.close();
  await again.store.close();
});

test("records that are no pages are known", () => {
  const bits = Buffer.alloc(64);
  assert.equal(decodeIncomingPage("12/127", bits)?.page.number, 127);
  for (const key of ["12/128", "12/-1", "12/1.5", "12", "12/", "/1", "0/1", "x/1", "12/x", ""]) {
    assert.equal(decodeIncomingPage(key, bits), undefined, key);
  }
  assert.equal(decodeIncomingPage("12/1", Buffer.alloc(63)), undefined);
});
