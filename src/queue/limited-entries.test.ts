import assert from "node:assert/strict";
import { test } from "node:test";
import { Metric } from "../metrics/metric.ts";
import {
  connect,
  drain,
  names,
  newQueue,
  publish,
  publishAll,
  restored,
  sentPayloads,
  testContext,
  UNLIMITED,
} from "./queue-test-support.ts";

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
