import assert from "node:assert/strict";
import { test } from "node:test";
import { Metric } from "../metrics/metric.ts";
import type { Message } from "../mqtt/message.ts";
import { message, payloadOf } from "../store/store-test-support.ts";
import { ASLEEP, QueueState } from "./queue-state.ts";
import {
  connect,
  newQueue,
  publish,
  RecordingReceiver,
  restored,
  Settlements,
  testContext,
  UNLIMITED,
} from "./queue-test-support.ts";
import type { RetainedSource } from "./receiver.ts";
import type { SubscriberQueue } from "./subscriber-queue.ts";

function names(first: number, last: number): string[] {
  return Array.from({ length: last - first + 1 }, (_, index) => `m${first + index}`);
}

function publishAll(queue: SubscriberQueue, payloads: readonly string[], qos = 1): void {
  for (const payload of payloads) publish(queue, payload, qos);
}

/** The payloads of what was sent, without marks. */
function sentPayloads(receiver: RecordingReceiver): string[] {
  return receiver.take().map((line) => line.split(" ")[1] ?? line);
}

/** Acknowledges in the order of sending until nothing is in flight; gives the payloads in that order. */
async function drain(queue: SubscriberQueue, receiver: RecordingReceiver): Promise<string[]> {
  const all: string[] = [];
  for (let turns = 0; ; turns++) {
    assert.ok(turns < 100_000, "it does not come to an end");
    const lines = receiver.take();
    for (const line of lines) {
      const [, qos = "", id = "", payload = ""] = /^(\d)#(\d+) (\S+)/.exec(line) ?? [];
      if (qos === "1") assert.ok(queue.onPuback(Number(id)));
      if (qos === "2") assert.ok(queue.onPubrec(Number(id), 0));
      if (qos !== "") all.push(payload);
      if (line.startsWith("pubrel#")) assert.ok(queue.onPubcomp(Number(line.slice(7))));
    }
    const { store } = queue.context as ReturnType<typeof testContext>;
    if (lines.length === 0 && store.idle && store.reads === 0) return all;
    await store.settle();
  }
}

test("QoS 1 is sent in order within the window and goes on as acknowledgements come, in any order", () => {
  const context = testContext();
  const queue = newQueue(context);
  const receiver = connect(queue, 3);
  publishAll(queue, names(1, 6));
  assert.deepEqual(receiver.take(), ["1#1 m1", "1#2 m2", "1#3 m3"]);
  assert.deepEqual([queue.inflight, queue.waiting], [3, 3]);
  assert.ok(queue.onPuback(2));
  assert.deepEqual(receiver.take(), ["1#4 m4"]);
  assert.ok(!queue.onPuback(2), "an id that is not in flight");
  assert.ok(!queue.onPuback(6), "one that has not been sent");
  assert.ok(!queue.onPubrec(1, 0), "the wrong answer");
  assert.ok(!queue.onPubcomp(1));
  for (const id of [4, 1, 3]) assert.ok(queue.onPuback(id));
  assert.deepEqual(receiver.take(), ["1#5 m5", "1#6 m6"]);
  assert.deepEqual([queue.inflight, queue.waiting], [2, 0]);
});

test("packet ids follow the sequence and wrap without 0; the window is closed at their number", () => {
  const context = testContext();
  const queue = newQueue(context, UNLIMITED, false);
  const receiver = connect(queue, 1_000_000);
  for (let i = 0; i < 65_540; i++) publish(queue, `m${i}`, 1);
  assert.equal(receiver.sent.length, 65_535);
  assert.equal(receiver.sent.at(-1), "1#65535 m65534");
  receiver.take();
  assert.ok(queue.onPuback(2));
  assert.deepEqual(receiver.take(), [], "the first is still open");
  assert.ok(queue.onPuback(1));
  assert.deepEqual(receiver.take(), ["1#1 m65535", "1#2 m65536"]);
  assert.ok(queue.onPuback(65_535));
  assert.ok(queue.onPuback(3));
  assert.deepEqual(receiver.take(), ["1#3 m65537"]);
  for (let id = 4; id < 65_535; id++) assert.ok(queue.onPuback(id), `id ${id}`);
  for (const id of [1, 2, 3, 4, 5]) assert.ok(queue.onPuback(id), `id ${id}`);
  assert.deepEqual([queue.inflight, queue.waiting], [0, 0]);
});

test("QoS 2 leaves when its entry is durable, PUBREL when PUBREC is", () => {
  const context = testContext();
  const { store } = context;
  const queue = newQueue(context);
  const receiver = connect(queue);
  publish(queue, "a", 2);
  store.begin();
  assert.deepEqual(receiver.take(), []);
  store.complete();
  assert.deepEqual(receiver.take(), ["2#1 a"]);
  assert.ok(queue.onPubrec(1, 0));
  assert.ok(queue.onPubrec(1, 0), "once more before it is durable");
  assert.deepEqual(receiver.take(), []);
  store.begin();
  assert.deepEqual(receiver.take(), []);
  store.complete();
  assert.deepEqual(receiver.take(), ["pubrel#1"]);
  assert.ok(queue.onPubrec(1, 0));
  assert.deepEqual(receiver.take(), ["pubrel#1"], "PUBREC again is answered again");
  assert.ok(queue.onPubcomp(1));
  assert.ok(!queue.onPubcomp(1));
  store.commit();
  assert.deepEqual(store.disk.live(queue.id), []);
  assert.equal(store.uncommittedBytes, 0);
});

test("a QoS 1 message behind a QoS 2 one that is not durable waits, so that the order is kept", () => {
  const context = testContext();
  const queue = newQueue(context);
  const receiver = connect(queue);
  publish(queue, "a", 2);
  publish(queue, "b", 1);
  assert.deepEqual(receiver.take(), []);
  context.store.commit();
  assert.deepEqual(receiver.take(), ["2#1 a", "1#2 b"]);
});

test("a queue that is not stored sends QoS 2 and PUBREL at once and commits nothing", () => {
  const context = testContext();
  const queue = newQueue(context, UNLIMITED, false);
  const receiver = connect(queue);
  const kept = publish(queue, "a", 2);
  assert.equal(kept.unsettled, 0);
  assert.ok(queue.onPubrec(1, 0));
  assert.ok(queue.onPubcomp(1));
  assert.deepEqual(receiver.take(), ["2#1 a", "pubrel#1"]);
  assert.ok(context.store.idle);
});

test("PUBREC with an error ends the exchange, but not one that has gone further", () => {
  const context = testContext();
  const queue = newQueue(context);
  const receiver = connect(queue, 1);
  publishAll(queue, ["a", "b"], 2);
  context.store.commit();
  assert.ok(queue.onPubrec(1, 0x97));
  assert.deepEqual(receiver.take(), ["2#1 a", "2#2 b"]);
  assert.ok(queue.onPubrec(2, 0));
  context.store.commit();
  assert.ok(queue.onPubrec(2, 0x97));
  assert.deepEqual(receiver.take(), ["pubrel#2", "pubrel#2"]);
  assert.equal(queue.inflight, 1);
});

test("after a reconnect what was in flight is sent again in order, marked DUP, then what waits", async () => {
  const context = testContext();
  const { store } = context;
  const queue = newQueue(context);
  connect(queue, 4);
  publish(queue, "a", 1);
  publish(queue, "b", 2);
  publish(queue, "c", 2);
  publish(queue, "d", 1);
  publish(queue, "e", 1);
  store.commit();
  assert.ok(queue.onPubrec(3, 0));
  assert.ok(queue.onPuback(4));
  queue.detach();
  publish(queue, "f", 1);
  store.commit();
  assert.equal(queue.receiver, null);
  const again = connect(queue, 10);
  await store.settle();
  assert.deepEqual(again.take(), ["1#1 a dup", "2#2 b dup", "pubrel#3", "1#5 e dup", "1#6 f"]);
  assert.deepEqual([queue.inflight, queue.waiting], [5, 0]);
});

test("PUBREC that was not durable at the reconnect: PUBREL follows on the new connection when it is", () => {
  const context = testContext();
  const { store } = context;
  const queue = newQueue(context);
  connect(queue);
  publish(queue, "a", 2);
  store.commit();
  assert.ok(queue.onPubrec(1, 0));
  store.begin();
  queue.detach();
  const again = new RecordingReceiver();
  queue.attach(again);
  store.complete();
  assert.deepEqual(again.take(), ["pubrel#1"]);
  assert.equal(queue.inflight, 1);
});

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

test("limits: fifo refuses the newest, 0 keeps nothing, -1 everything; each drop is told and counted", () => {
  for (const { limit, kept } of [
    { limit: 0, kept: [] },
    { limit: 2, kept: ["m1", "m2"] },
    { limit: -1, kept: ["m1", "m2", "m3"] },
  ]) {
    const offline = testContext();
    const queue = newQueue(offline, { ...UNLIMITED, maxOfflineMessages: limit });
    publishAll(queue, names(1, 3));
    const lost = names(1, 3).filter((name) => !kept.includes(name));
    assert.equal(queue.waiting, kept.length);
    assert.deepEqual(
      offline.events.dropped,
      lost.map((name) => `${name} queue_full`),
    );
    assert.equal(offline.counters.value(Metric.queue_message_drop), lost.length);
    const online = testContext();
    const live = newQueue(online, { ...UNLIMITED, maxOnlineMessages: limit });
    const receiver = connect(live, 1);
    receiver.writable = false;
    publishAll(live, names(1, 3));
    assert.equal(live.waiting, kept.length, "online");
    assert.equal(online.events.dropped.length, lost.length);
    receiver.writable = true;
    live.pump();
    assert.deepEqual(sentPayloads(receiver), kept.slice(0, 1));
  }
});

test("a dropped message is not waited for", () => {
  const context = testContext();
  const queue = newQueue(context, { ...UNLIMITED, maxOfflineMessages: 0 });
  assert.equal(publish(queue, "a", 1).unsettled, 0);
  assert.equal(context.store.uncommittedBytes, 0);
});

test("lifo gives up the oldest that was never sent, again and again, beside what is in flight", async () => {
  const context = testContext();
  const { store } = context;
  const queue = newQueue(context, { ...UNLIMITED, maxOfflineMessages: 3, lifo: true });
  connect(queue, 2);
  publishAll(queue, ["f1", "f2"]);
  queue.detach();
  publishAll(queue, names(1, 7));
  assert.equal(queue.waiting, 3);
  assert.deepEqual(
    context.events.dropped,
    names(1, 4).map((name) => `${name} queue_full`),
  );
  store.commit();
  assert.equal(store.disk.heads.get(queue.id)?.stored, 5);
  const receiver = connect(queue, 20);
  assert.deepEqual(await drain(queue, receiver), ["f1", "f2", "m7", "m6", "m5"]);
  assert.deepEqual([queue.inflight, queue.waiting, store.uncommittedBytes], [0, 0, 0]);
});

test("lifo over a second reconnect: newer ones first, the rest as it stood", async () => {
  const context = testContext();
  const queue = newQueue(context, { ...UNLIMITED, lifo: true });
  publishAll(queue, names(1, 4));
  const first = connect(queue, 1);
  await context.store.settle();
  assert.deepEqual(sentPayloads(first), ["m4"]);
  queue.detach();
  publishAll(queue, ["n1", "n2"]);
  const second = connect(queue, 20);
  assert.deepEqual(await drain(queue, second), ["m4", "n2", "n1", "m3", "m2", "m1"]);
});

test("lifo after a restart: all is read first, then sent newest first; the limit gives up the oldest on disk", async () => {
  const limits = { ...UNLIMITED, maxOfflineMessages: 4, lifo: true };
  const before = testContext();
  const old = newQueue(before, limits);
  publishAll(old, names(1, 4));
  await before.store.settle();
  const context = testContext(before.store);
  context.store.page = 2;
  const queue = restored(old, context, limits);
  publishAll(queue, ["n1", "n2"]);
  await context.store.settle();
  assert.deepEqual(context.events.dropped, ["m1 queue_full", "m2 queue_full"]);
  assert.equal(queue.waiting, 4);
  const again = restored(queue, testContext(before.store), limits);
  assert.equal(again.waiting, 4);
  const receiver = connect(again, 20);
  assert.deepEqual(await drain(again, receiver), ["n2", "n1", "m4", "m3"]);
});

test("max_online_messages at a reconnect: the newest are dropped, in memory and on disk, in flight ones are not", async () => {
  for (const onDisk of [false, true]) {
    for (const override of [false, true]) {
      const context = testContext();
      context.store.page = 3;
      const queue = newQueue(context);
      connect(queue, 2);
      publishAll(queue, ["f1", "f2"]);
      queue.detach();
      publishAll(queue, names(1, 10));
      if (onDisk) await context.store.settle();
      queue.limits = { ...UNLIMITED, maxOnlineMessages: 4, overrideMaxOnlineMessages: override };
      const receiver = connect(queue, 2);
      assert.equal(queue.waiting, override ? 10 : 4);
      assert.deepEqual(await drain(queue, receiver), ["f1", "f2", ...names(1, override ? 10 : 4)]);
      const lost = override ? [] : names(5, 10);
      assert.deepEqual([...context.events.dropped].sort(), lost.map((name) => `${name} queue_full`).sort());
      assert.deepEqual([queue.waiting, queue.inflight, context.store.uncommittedBytes], [0, 0, 0]);
      assert.equal(context.store.disk.heads.get(queue.id)?.stored, 0);
    }
  }
});

test("what was dropped at a reconnect stays dropped over a crash", async () => {
  const context = testContext();
  const queue = newQueue(context);
  connect(queue, 1);
  publish(queue, "f", 1);
  queue.detach();
  publishAll(queue, names(1, 5));
  queue.limits = { ...UNLIMITED, maxOnlineMessages: 2 };
  connect(queue, 1);
  await context.store.settle();
  queue.detach();
  await context.store.settle();
  const again = restored(queue, testContext(context.store));
  assert.equal(again.waiting, 3);
  assert.deepEqual(await drain(again, connect(again)), ["f", "m1", "m2"]);
});

test("expired messages are not sent, those sent before are", async () => {
  const context = testContext();
  const { store, clock } = context;
  const queue = newQueue(context);
  connect(queue, 1);
  publish(queue, "sent", 1, null, 0, { expiry: 5 });
  publish(queue, "late", 1, null, 0, { expiry: 5 });
  publish(queue, "lasting", 1);
  queue.detach();
  store.commit();
  clock.advance(5_000);
  const receiver = connect(queue);
  await store.settle();
  assert.deepEqual(receiver.take(), ["1#1 sent dup", "1#3 lasting"]);
  assert.deepEqual(context.events.dropped, ["late expired"]);
  assert.equal(context.counters.value(Metric.queue_message_expired), 1);
  assert.equal(queue.waiting, 0);
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

test("retained messages come a few at a time, as the window drains, with their marks", () => {
  const context = testContext();
  const queue = newQueue(context, UNLIMITED, false);
  const receiver = connect(queue, 2);
  const source = retainedSource(names(1, 5), 1, 9);
  queue.addRetained(source);
  assert.deepEqual(receiver.take(), ["1#1 m1 retain [9]", "1#2 m2 retain [9]"]);
  queue.addRetained(retainedSource(["z"], 0, 0));
  publish(queue, "live", 1, null, 0, { identifier: 9 });
  for (let id = 1; id <= 6; id++) assert.ok(queue.onPuback(id));
  assert.deepEqual(receiver.take(), [
    "1#3 live [9]",
    "1#4 m3 retain [9]",
    "1#5 m4 retain [9]",
    "1#6 m5 retain [9]",
    "0 z retain",
  ]);
});

test("retained messages at QoS 0 need no window; a long way to the next one lets others have their turn", async () => {
  const context = testContext();
  const queue = newQueue(context, UNLIMITED, false);
  const receiver = connect(queue, 1);
  publishAll(queue, ["a"]);
  receiver.take();
  const messages = [message("r")];
  let calls = 0;
  queue.addRetained({
    qos: 0,
    identifier: 0,
    next: (_limit, into) => {
      calls++;
      if (calls < 3) return true;
      into.push(...messages.splice(0));
      return false;
    },
  });
  assert.equal(calls, 1);
  while (calls < 3) await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(receiver.take(), ["0 r retain"]);
});

test("v3 clients get unanswered deliveries again after the retry interval", () => {
  const context = testContext();
  const queue = newQueue(context, UNLIMITED, false);
  const receiver = new RecordingReceiver();
  receiver.retrySeconds = 20;
  queue.attach(receiver);
  context.wheel.time = 10_000;
  publish(queue, "a", 1);
  context.wheel.time = 20_000;
  publish(queue, "b", 2);
  assert.equal(receiver.retries, 1);
  assert.ok(queue.onPubrec(2, 0));
  receiver.take();
  queue.retry(29, 20);
  assert.deepEqual(receiver.take(), []);
  queue.retry(30, 20);
  assert.deepEqual(receiver.take(), ["1#1 a dup"]);
  queue.retry(40, 20);
  assert.deepEqual(receiver.take(), ["pubrel#2"]);
  queue.retry(41, 20);
  assert.deepEqual(receiver.take(), []);
  assert.ok(queue.onPuback(1));
  queue.retry(60, 20);
  assert.deepEqual(receiver.take(), ["pubrel#2"]);
});

test("QoS 0 is sent at once, kept while the connection is congested, and lost offline", () => {
  const context = testContext();
  const queue = newQueue(context, { ...UNLIMITED, maxOnlineMessages: 2 });
  const receiver = connect(queue);
  publish(queue, "a", 0);
  receiver.writable = false;
  publish(queue, "b", 0);
  publish(queue, "c", 0, null, 0, { expiry: 1 });
  publish(queue, "d", 0);
  assert.equal(queue.waiting, 2);
  assert.deepEqual(context.events.dropped, ["d queue_full"]);
  context.clock.advance(2_000);
  receiver.writable = true;
  queue.pump();
  assert.deepEqual(receiver.take(), ["0 a", "0 b"]);
  assert.deepEqual(context.events.dropped, ["d queue_full", "c expired"]);
  receiver.writable = false;
  publish(queue, "e", 0);
  queue.detach();
  publish(queue, "f", 0);
  assert.equal(queue.waiting, 0);
  assert.equal(context.counters.value(Metric.queue_message_unhandled), 2);
  assert.ok(context.store.disk.references.get(queue.id) === undefined);
});

test("a connection that becomes congested in the middle gets no more until it is pumped", () => {
  const context = testContext();
  const queue = newQueue(context, UNLIMITED, false);
  const receiver = connect(queue);
  receiver.onSend = (text) => {
    if (text === "m2") receiver.writable = false;
  };
  publishAll(queue, names(1, 4));
  assert.deepEqual(sentPayloads(receiver), names(1, 2));
  receiver.writable = true;
  queue.pump();
  assert.deepEqual(sentPayloads(receiver), names(3, 4));
});

test("a receiver that throws does not leave the queue stuck", () => {
  const context = testContext();
  const queue = newQueue(context);
  const receiver = connect(queue);
  receiver.onSend = () => {
    throw new Error("broken");
  };
  assert.throws(() => publish(queue, "a", 1), /broken/);
  queue.detach();
  const again = connect(queue);
  assert.deepEqual(again.take(), ["1#1 a dup"]);
});

function retainedSource(payloads: readonly string[], qos: number, identifier: number): RetainedSource {
  const messages = payloads.map((payload) => message(payload));
  return {
    qos,
    identifier,
    next: (limit: number, into: Message[]) => {
      into.push(...messages.splice(0, Math.min(limit, 2)));
      return messages.length > 0;
    },
  };
}
