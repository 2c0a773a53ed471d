import assert from "node:assert/strict";
import { test } from "node:test";
import { payloadOf } from "../store/store-test-support.ts";
import { ASLEEP, QueueState } from "./queue-state.ts";
import {
  connect,
  drain,
  names,
  newQueue,
  publish,
  publishAll,
  RecordingReceiver,
  restored,
  Settlements,
  sentPayloads,
  testContext,
  UNLIMITED,
} from "./queue-test-support.ts";
import type { SubscriberQueue } from "./subscriber-queue.ts";

test("what is acknowledged before a commit takes it along is never written", () => {
  const context = testContext();
  const { store } = context;
  const queue = newQueue(context);
  const settlements = new Settlements();
  const receiver = connect(queue);
  const kept = publish(queue, "a", 1, settlements, 7);
  assert.equal(kept.unsettled, 1);
  assert.ok(store.uncommittedBytes > 0);
  assert.deepEqual(receiver.take(), ["1#1 a"]);
  assert.ok(queue.onPuback(1));
  assert.deepEqual(settlements.tickets, [7]);
  assert.equal(store.uncommittedBytes, 0);
  store.commit();
  assert.equal(kept.segment, 0);
  assert.deepEqual(store.disk.references.get(queue.id) ?? [], []);
});

test("each entry is settled exactly once, whatever becomes of it", async () => {
  const outcomes: Record<string, (queue: SubscriberQueue, context: ReturnType<typeof testContext>) => void> =
    {
      commit: (_queue, { store }) => store.commit(),
      "acknowledged while the commit runs": (queue, { store }) => {
        store.begin();
        connect(queue);
        queue.onPuback(1);
        store.complete();
      },
      "acknowledged after the commit": (queue, { store }) => {
        connect(queue);
        store.commit();
        queue.onPuback(1);
      },
      "too large for the client": (queue) => {
        const receiver = new RecordingReceiver();
        receiver.tooLarge.add("a");
        queue.attach(receiver);
        queue.pump();
      },
      expired: (queue, { clock }) => {
        clock.advance(10_000);
        connect(queue);
      },
      "dropped at the reconnect": (queue) => {
        queue.limits = { ...UNLIMITED, maxOnlineMessages: 0 };
        connect(queue);
      },
      "reversed by lifo": (queue) => {
        publish(queue, "b", 1);
        queue.limits = { ...UNLIMITED, lifo: true };
        connect(queue);
      },
      "end of the session": (queue) => void queue.end(),
      "end of the session while the commit runs": (queue, { store }) => {
        store.begin();
        void queue.end();
        store.complete();
      },
    };
  for (const [name, outcome] of Object.entries(outcomes)) {
    const context = testContext();
    const queue = newQueue(context);
    const settlements = new Settlements();
    const kept = publish(queue, "a", 1, settlements, 1, { expiry: 5 });
    outcome(queue, context);
    await context.store.settle();
    assert.deepEqual(settlements.tickets, [1], name);
    assert.equal(kept.unsettled, 0, name);
    assert.equal(context.store.uncommittedBytes, 0, name);
  }
});

test("offline messages leave memory once they are stored, and come back in batches, in order with live ones", async () => {
  const context = testContext();
  const { store } = context;
  store.page = 3;
  const queue = newQueue(context);
  publishAll(queue, names(1, 7));
  store.commit();
  publishAll(queue, names(8, 9));
  assert.deepEqual(
    queue.look(0, 100).messages.map(({ message: held }) => payloadOf(held)),
    [],
    "what is first is on disk",
  );
  const receiver = connect(queue, 100);
  store.commit();
  publish(queue, "m10", 1);
  assert.deepEqual(sentPayloads(receiver), []);
  await store.answer();
  assert.deepEqual(sentPayloads(receiver), names(1, 3));
  publish(queue, "m11", 1);
  await store.answer();
  store.commit();
  publish(queue, "m12", 1);
  await store.settle();
  assert.deepEqual(sentPayloads(receiver), names(4, 12));
  assert.deepEqual([queue.inflight, queue.waiting], [12, 0]);
});

test("a slow online reader: what is stored leaves memory and is read again", async () => {
  const context = testContext();
  const { store } = context;
  const queue = newQueue(context);
  const receiver = connect(queue, 10);
  const all = names(1, 12_000);
  publishAll(queue, all);
  store.commit();
  const held = queue.look(0, 20_000);
  assert.ok(held.messages.length < 5_000, `${held.messages.length} are held in memory`);
  assert.equal(queue.waiting, 11_990);
  publish(queue, "last", 2);
  assert.deepEqual(await drain(queue, receiver), [...all, "last"]);
  assert.deepEqual([queue.inflight, queue.waiting, store.uncommittedBytes], [0, 0, 0]);
});

test("attaching and detaching while a read is under way loses and doubles nothing", async () => {
  const context = testContext();
  const { store } = context;
  store.page = 2;
  const queue = newQueue(context);
  publishAll(queue, names(1, 6));
  store.commit();
  connect(queue, 3);
  store.commit();
  assert.equal(store.reads, 1);
  queue.detach();
  publish(queue, "m7", 1);
  store.commit();
  const second = connect(queue, 3);
  await store.answer();
  store.commit();
  assert.deepEqual(sentPayloads(second), names(1, 2));
  queue.detach();
  await store.answer();
  store.commit();
  const third = connect(queue, 100);
  assert.deepEqual(await drain(queue, third), names(1, 7));
});

test("what is committed while the rest of the disk part turns out to be empty is not lost", async () => {
  const before = testContext();
  const old = newQueue(before);
  publish(old, "m1", 1);
  before.store.commit();
  const receiver = connect(old);
  await before.store.settle();
  publish(old, "gone", 1);
  assert.ok(old.onPuback(2), "acknowledged before it was written: a hole in the sequence");
  before.store.commit();
  assert.equal(receiver.sent.length, 2);
  const context = testContext(before.store);
  const { store } = context;
  const queue = restored(old, context);
  const again = connect(queue);
  await store.answer();
  assert.deepEqual(sentPayloads(again), ["m1"]);
  assert.equal(store.reads, 1, "the hole is looked for");
  publish(queue, "m3", 1);
  store.commit();
  await store.settle();
  assert.deepEqual(sentPayloads(again), ["m3"]);
});

test("restored: order, DUP, PUBREL, done exceptions and incoming ids come back without reading a message", async () => {
  const before = testContext();
  const old = newQueue(before);
  connect(old, 5);
  publish(old, "a", 2);
  publish(old, "b", 2);
  publish(old, "c", 1);
  publish(old, "d", 2);
  publish(old, "e", 1);
  publish(old, "f", 1);
  before.store.commit();
  assert.ok(old.onPubrec(2, 0));
  assert.ok(old.onPubrec(4, 0));
  assert.ok(old.onPuback(3));
  before.store.commit();
  assert.ok(old.onPubcomp(4));
  old.incoming.add(77, 1);
  old.incoming.add(78, 2);
  old.incoming.delete(77, 3);
  old.detach();
  before.store.commit();
  const context = testContext(before.store);
  const { store } = context;
  const queue = restored(old, context);
  assert.equal(store.reads, 0);
  assert.equal(queue.waiting, 4);
  assert.deepEqual(queue.incoming.list(), [78]);
  publish(queue, "g", 1);
  // The head is written again before the entries have been read: it must not forget what is done.
  store.commit();
  assert.deepEqual(store.disk.heads.get(queue.id)?.done, [2, 3]);
  assert.deepEqual(store.disk.heads.get(queue.id)?.released, [1]);
  const receiver = connect(queue, 20);
  await store.settle();
  assert.deepEqual(receiver.take(), ["2#1 a dup", "pubrel#2", "1#5 e dup", "1#6 f dup", "1#7 g"]);
});

test("an empty queue that is offline keeps its place in the sequence and nothing else", () => {
  const context = testContext();
  const { store } = context;
  const queue = newQueue(context);
  const receiver = connect(queue);
  publishAll(queue, names(1, 3));
  store.commit();
  assert.deepEqual(receiver.take(), ["1#1 m1", "1#2 m2", "1#3 m3"]);
  for (const id of [1, 2, 3]) assert.ok(queue.onPuback(id));
  queue.detach();
  store.commit();
  const head = store.disk.heads.get(queue.id);
  assert.deepEqual([head?.doneBelow, head?.next, head?.stored], [3, 3, 0]);
  // Two connections without messages: nothing is to be stored.
  connect(queue);
  queue.detach();
  assert.equal(queue.dirty, false);
  const again = connect(queue);
  publish(queue, "m4", 2);
  store.commit();
  assert.deepEqual(again.take(), ["2#4 m4"]);
  queue.detach();
  store.commit();
  assert.deepEqual([queue.inflight, store.disk.heads.get(queue.id)?.next], [1, 4]);
  assert.deepEqual(ASLEEP, new QueueState(0));
});

test("damaged bodies are passed over and counted out", async () => {
  const before = testContext();
  const old = newQueue(before);
  publishAll(old, names(1, 5));
  before.store.commit();
  const { disk } = before.store;
  disk.references.set(
    old.id,
    (disk.references.get(old.id) ?? []).filter(
      ({ sequence }) => sequence !== 0 && sequence !== 2 && sequence !== 4,
    ),
  );
  const context = testContext(before.store);
  const queue = restored(old, context);
  assert.equal(queue.waiting, 5);
  const receiver = connect(queue);
  await context.store.settle();
  assert.deepEqual(receiver.take(), ["1#2 m2", "1#4 m4"]);
  assert.deepEqual([queue.inflight, queue.waiting], [2, 0]);
});

test("a disk that cannot be read is tried again", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const context = testContext();
  const { store } = context;
  const queue = newQueue(context);
  publish(queue, "a", 1);
  store.commit();
  const read = store.readReferences.bind(store);
  store.readReferences = () => Promise.reject(new Error("broken"));
  const receiver = connect(queue);
  for (let i = 0; i < 4; i++) await Promise.resolve();
  assert.deepEqual(receiver.take(), []);
  store.readReferences = read;
  t.mock.timers.tick(1_000);
  await store.settle();
  assert.deepEqual(receiver.take(), ["1#1 a"]);
});

test("the end of a session: everything goes, from the store too, and nothing is taken any more", async () => {
  const context = testContext();
  const { store } = context;
  const queue = newQueue(context);
  publishAll(queue, names(1, 3));
  store.commit();
  publish(queue, "m4", 1);
  void queue.end();
  await store.settle();
  assert.equal(store.disk.heads.has(queue.id), false);
  assert.equal(store.disk.references.has(queue.id), false);
  assert.deepEqual([queue.waiting, queue.inflight, store.uncommittedBytes], [0, 0, 0]);
  assert.equal(publish(queue, "late", 1).unsettled, 0);
  assert.ok(store.idle);
});

test("a commit is urgent unless all that is new has just been sent with QoS 1", () => {
  const context = testContext();
  const { store } = context;
  const queue = newQueue(context);
  const urgent = (): boolean => {
    const was = store.urgent;
    store.urgent = false;
    return was;
  };
  publish(queue, "nobody there", 1);
  assert.ok(urgent());
  const receiver = connect(queue, 2);
  store.commit();
  urgent();
  publish(queue, "sent", 1);
  assert.ok(!urgent());
  publish(queue, "waits for the window", 1);
  assert.ok(urgent());
  store.commit();
  urgent();
  assert.ok(queue.onPuback(1));
  assert.ok(!urgent(), "what was stored is done");
  assert.ok(queue.onPuback(2));
  assert.ok(queue.onPuback(3));
  urgent();
  publish(queue, "exactly once", 2);
  assert.ok(urgent());
  store.commit();
  urgent();
  assert.ok(queue.onPubrec(4, 0));
  assert.ok(urgent());
  receiver.writable = false;
  publish(queue, "waits for the connection", 1);
  assert.ok(urgent());
});
