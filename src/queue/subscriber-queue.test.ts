import assert from "node:assert/strict";
import { test } from "node:test";
import { Metric } from "../metrics/metric.ts";
import type { Message } from "../mqtt/message.ts";
import { message } from "../store/store-test-support.ts";
import {
  connect,
  names,
  newQueue,
  publish,
  publishAll,
  RecordingReceiver,
  Settlements,
  sentPayloads,
  testContext,
  UNLIMITED,
} from "./queue-test-support.ts";
import type { RetainedSource } from "./receiver.ts";

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

test("who leaves one message without an answer and answers all others gets only so many more until it does", () => {
  const context = testContext();
  const queue = newQueue(context, UNLIMITED, false);
  const receiver = connect(queue, 100);
  for (let i = 0; i < 5_000; i++) publish(queue, `m${i}`, 1);
  let last = 1;
  for (let id = 2; queue.onPuback(id); id++) last = id;
  assert.ok(last > 2_000 && last < 2_500, `${last}`);
  receiver.take();
  assert.ok(queue.onPuback(1));
  assert.equal(receiver.take().length, 100);
});

test("who releases messages and never completes them gets only so many more until it does", () => {
  const context = testContext();
  const queue = newQueue(context, UNLIMITED, false);
  const receiver = connect(queue, 65_535);
  const published = (): number => receiver.sent.filter((packet) => packet.startsWith("2#")).length;
  for (let i = 0; i < 2_000; i++) publish(queue, `m${i}`, 2);
  for (let id = 1; id <= 2_000; id++) assert.ok(queue.onPubrec(id, 0));
  for (let i = 2_000; i < 5_000; i++) publish(queue, `m${i}`, 2);
  assert.equal(published(), 5_000, "what is not released does not count");
  for (let id = 2_001; id <= 5_000; id++) assert.ok(queue.onPubrec(id, 0));
  for (let i = 0; i < 10; i++) publish(queue, `n${i}`, 2);
  assert.equal(published(), 5_000);
  for (let id = 1; id <= 2_950; id++) assert.ok(queue.onPubcomp(id));
  assert.equal(published(), 5_000);
  for (let id = 2_951; id <= 3_000; id++) assert.ok(queue.onPubcomp(id));
  assert.equal(published(), 5_010);
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

test("an expiry interval of 0: delivered by every QoS if that can begin at once, else not kept", async () => {
  for (const persistent of [true, false]) {
    for (const qos of [0, 1, 2]) {
      const context = testContext();
      const { store, clock, events } = context;
      const queue = newQueue(context, UNLIMITED, persistent);
      const receiver = connect(queue, 2);
      publish(queue, "first", qos, null, 0, { expiry: 0 });
      publish(queue, "second", qos, null, 0, { expiry: 0 });
      // QoS 2 leaves when it is durable, however long that takes.
      clock.advance(10);
      store.commit();
      const what = `QoS ${qos}, ${persistent ? "persistent" : "clean"}`;
      const ids = qos === 0 ? ["", ""] : ["#1", "#2"];
      assert.deepEqual(receiver.take(), [`${qos}${ids[0]} first`, `${qos}${ids[1]} second`], what);
      assert.deepEqual(events.dropped, [], what);
      if (qos === 0) continue;

      const settlements = new Settlements();
      publish(queue, "no room", qos, settlements, 1, { expiry: 0 });
      assert.deepEqual(events.dropped, ["no room expired"], what);
      receiver.writable = false;
      queue.onPuback(1);
      queue.onPubrec(1, 0);
      store.commit();
      queue.onPubcomp(1);
      publish(queue, "congested", qos, settlements, 1, { expiry: 0 });
      queue.detach();
      publish(queue, "offline", qos, settlements, 1, { expiry: 0 });
      assert.deepEqual(events.dropped.slice(1), ["congested expired", "offline expired"], what);
      assert.deepEqual(settlements.tickets, [], what);
      assert.equal(context.counters.value(Metric.queue_message_expired), 3, what);
      assert.deepEqual([queue.waiting, events.offline], [0, []], what);
      if (!persistent) continue;
      await store.settle();
      assert.equal(store.disk.live(queue.id).length, 1, what);
      assert.deepEqual(connect(queue).take(), [`${qos}#2 second dup`], what);
    }
  }
});

test("an expiry interval of 0: what waited for the disk when the connection went is not kept", async () => {
  const context = testContext();
  const { store, clock, events } = context;
  const queue = newQueue(context);
  const receiver = connect(queue);
  publish(queue, "a", 2, null, 0, { expiry: 0 });
  queue.detach();
  clock.advance(1);
  store.commit();
  const again = connect(queue);
  await store.settle();
  assert.deepEqual([...receiver.take(), ...again.take()], []);
  assert.deepEqual(events.dropped, ["a expired"]);
  assert.deepEqual(store.disk.live(queue.id), []);
});

test("retained messages come a few at a time, as the window drains, with their marks", () => {
  const context = testContext();
  const queue = newQueue(context, UNLIMITED, false);
  const receiver = connect(queue, 2);
  const source = retainedSource(names(1, 5), 1, 9);
  queue.addRetained([source]);
  assert.deepEqual(receiver.take(), ["1#1 m1 retain [9]", "1#2 m2 retain [9]"]);
  queue.addRetained([retainedSource(["z"], 0, 0)]);
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

test("of very many new subscriptions without retained messages only some are looked at in a turn", async () => {
  const context = testContext();
  const queue = newQueue(context, UNLIMITED, false);
  const receiver = connect(queue, 1);
  publishAll(queue, ["a"]);
  let reads = 0;
  const empty = { qos: 1, identifier: 0, next: () => ++reads < 0 };
  queue.addRetained(Array.from({ length: 5_000 }, () => empty));
  assert.equal(reads, 0); // The window is full.
  assert.ok(queue.onPuback(1));
  assert.ok(reads > 0 && reads <= 100, `${reads} reads`);
  queue.addRetained([empty, retainedSource(["z"], 0, 0)]);
  queue.pump();
  assert.ok(reads <= 100, `${reads} reads`);
  receiver.take();
  for (let turns = 0; turns < 200 && reads < 5_001; turns++) await new Promise(setImmediate);
  assert.equal(reads, 5_001);
  assert.deepEqual(receiver.take(), ["0 z retain"]);
});

test("retained messages at QoS 0 need no window; a long way to the next one lets others have their turn", async () => {
  const context = testContext();
  const queue = newQueue(context, UNLIMITED, false);
  const receiver = connect(queue, 1);
  publishAll(queue, ["a"]);
  receiver.take();
  const messages = [message("r")];
  let calls = 0;
  queue.addRetained([
    {
      qos: 0,
      identifier: 0,
      next: (_limit, into) => {
        calls++;
        if (calls < 3) return true;
        into.push(...messages.splice(0));
        return false;
      },
    },
  ]);
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
