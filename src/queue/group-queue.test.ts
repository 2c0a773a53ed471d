import assert from "node:assert/strict";
import { test } from "node:test";
import { Publication } from "../mqtt/publication.ts";
import { GROUP_OPTIONS, type GroupRules, SharedGroup } from "../routing/shared-group.ts";
import { subscriptionOptions } from "../routing/subscription-options.ts";
import { message, payloadOf } from "../store/store-test-support.ts";
import { GroupQueue } from "./group-queue.ts";
import {
  connect,
  newQueue,
  type RecordingReceiver,
  restored,
  type TestContext,
  testContext,
  UNLIMITED,
} from "./queue-test-support.ts";
import type { SubscriberQueue } from "./subscriber-queue.ts";

const OPTIONS = subscriptionOptions(2);
const publication = new Publication();

interface World {
  readonly context: TestContext;
  readonly group: SharedGroup;
  readonly backlog: SubscriberQueue;
  forgotten: number;
}

/** A group with a queue of its own, as a node makes it. */
function world(context = testContext(), backlog = newQueue(context)): World {
  const rules: GroupRules = {
    backlogged: new Set(),
    policy: "prefer_local",
    publisherPolicy: null,
    groupQueue: true,
    undelivered: 0,
    random: () => 0,
    now: () => context.clock.now(),
  };
  const made = { context, backlog, forgotten: 0 };
  const group = new SharedGroup("$share/g/a/b", backlog.id, rules, () => {
    return new GroupQueue(backlog, () => void made.forgotten++);
  });
  context.groups.set(backlog.id, group);
  return Object.assign(made, { group });
}

function publish(group: SharedGroup, payload: string, qos = 1, expiry = -1): void {
  publication.fromMessage(message(payload), 0);
  publication.qos = qos;
  publication.copy = null;
  publication.expiryInterval = expiry;
  group.deliver(publication, GROUP_OPTIONS);
}

/** As the registry does it. */
function join({ group, context }: World, limits = UNLIMITED, persistent = true): SubscriberQueue {
  const queue = newQueue(context, limits, persistent);
  group.add(queue, OPTIONS);
  queue.waker = () => {
    if (group.waiting > 0) group.memberChanged(queue);
  };
  return queue;
}

function online(group: SharedGroup, queue: SubscriberQueue, window = 20): RecordingReceiver {
  const receiver = connect(queue, window);
  group.memberChanged(queue);
  queue.pump();
  return receiver;
}

function offline(group: SharedGroup, queue: SubscriberQueue): void {
  queue.detach();
  group.memberChanged(queue);
}

test("what comes while all are offline waits for the group and goes to the first that is back, in order", async () => {
  const made = world();
  const { group, backlog, context } = made;
  const member = join(made);
  for (const name of ["a", "b", "c"]) publish(group, name);
  assert.deepEqual([group.waiting, member.waiting], [3, 0]);
  await context.store.settle();
  const receiver = online(group, member);
  publish(group, "d");
  await context.store.settle();
  assert.deepEqual(receiver.take(), ["1#1 a", "1#2 b", "1#3 c", "1#4 d"]);
  assert.deepEqual([group.waiting, backlog.waiting, backlog.inflight], [0, 0, 0]);
  assert.equal(context.store.uncommittedBytes, 0);
  assert.deepEqual(context.store.disk.live(backlog.id), []);
});

test("a member that is full refuses, and is served again when it has room: nothing is lost, doubled or out of order", async () => {
  const made = world();
  const { group, backlog, context } = made;
  const member = join(made, { ...UNLIMITED, maxOnlineMessages: 2 });
  const names = Array.from({ length: 20 }, (_, index) => `m${index}`);
  for (const name of names) publish(group, name, 1 + (names.indexOf(name) % 2));
  await context.store.settle();
  const receiver = online(group, member, 1);
  const got: string[] = [];
  for (let turns = 0; turns < 200; turns++) {
    await context.store.settle();
    assert.ok(member.waiting <= 2);
    for (const line of receiver.take()) {
      const [, kind = "", id = "", name = ""] = /^(pubrel|\d)#(\d+) ?(\S*)/.exec(line) ?? [];
      if (kind === "1") member.onPuback(Number(id));
      if (kind === "2") member.onPubrec(Number(id), 0);
      if (kind === "pubrel") member.onPubcomp(Number(id));
      else got.push(name);
    }
  }
  assert.deepEqual(got, names);
  assert.deepEqual([group.waiting, backlog.waiting, backlog.inflight], [0, 0, 0]);
  assert.deepEqual([member.waiting, member.inflight, context.store.uncommittedBytes], [0, 0, 0]);
});

test("an expiry interval of 0: it goes to a member with room, and waits for nobody", async () => {
  const made = world();
  const { group, context } = made;
  const [busy, free] = [join(made), join(made)];
  const full = online(group, busy, 1);
  publish(group, "a", 1, 0);
  const empty = online(group, free, 1);
  publish(group, "b", 1, 0);
  assert.deepEqual([full.take(), empty.take()], [["1#1 a"], ["1#1 b"]]);
  publish(group, "c", 1, 0);
  assert.deepEqual(context.events.dropped, ["c expired"]);
  offline(group, busy);
  offline(group, free);
  publish(group, "d", 1, 0);
  assert.deepEqual(context.events.dropped, ["c expired", "d expired"]);
  await context.store.settle();
  assert.equal(group.waiting, 0);
  for (const { id } of [busy, free]) assert.equal(context.store.disk.live(id).length, 1);
});

test("what has expired goes to no other member: neither when it was refused before, nor when a session ends", async () => {
  const made = world();
  const { group, context, backlog } = made;
  const member = join(made, { ...UNLIMITED, maxOnlineMessages: 1 });
  for (const name of ["a", "b", "c"]) publish(group, name, 1, 5);
  await context.store.settle();
  const receiver = online(group, member, 1);
  await context.store.settle();
  assert.deepEqual(receiver.take(), ["1#1 a"]);
  context.clock.advance(5_000);
  const other = join(made);
  const got = online(group, other);
  await context.store.settle();
  assert.deepEqual([got.take(), group.waiting, backlog.inflight], [[], 0, 0]);
  assert.deepEqual(context.events.dropped, ["c expired"]);
  group.remove(member);
  await member.end();
  await context.store.settle();
  assert.deepEqual(got.take(), []);
  assert.deepEqual(context.events.dropped, ["c expired", "a expired", "b expired"]);
});

test("two members share what waits; one that says at once that it has room does not disturb the draining", async () => {
  const made = world();
  const { group, backlog, context } = made;
  const first = join(made, { ...UNLIMITED, maxOnlineMessages: 1 });
  const second = join(made, { ...UNLIMITED, maxOnlineMessages: 1 });
  const names = Array.from({ length: 9 }, (_, index) => `m${index}`);
  for (const name of names) publish(group, name);
  const one = online(group, first, 100);
  const two = online(group, second, 100);
  await context.store.settle();
  const got = [...one.take(), ...two.take()].map((line) => line.split(" ")[1] ?? "");
  assert.deepEqual(got.sort(), names);
  assert.deepEqual([group.waiting, backlog.inflight, backlog.waiting], [0, 0, 0]);
});

test("the backlog survives a restart, and a message moves to its member in one commit", async () => {
  const before = world();
  const member = join(before);
  for (const name of ["a", "b"]) publish(before.group, name, 2);
  await before.context.store.settle();
  const context = testContext(before.context.store);
  const made = world(context, restored(before.backlog, context));
  const { group, backlog } = made;
  const again = restored(member, context);
  group.add(again, OPTIONS);
  assert.equal(group.waiting, 2);
  const receiver = online(group, again);
  const { store } = context;
  for (let turns = 0; !store.idle || store.reads > 0; turns++) {
    assert.ok(turns < 100);
    store.begin();
    store.complete();
    const stored = [...store.disk.live(backlog.id), ...store.disk.live(again.id)];
    assert.deepEqual(stored.map((reference) => payloadOf(reference.message)).sort(), ["a", "b"], "each once");
    await store.answer();
  }
  assert.deepEqual(receiver.take(), ["2#1 a", "2#2 b"]);
});

test("the end of a member: QoS 1 in flight and all that was not sent go to another, QoS 2 in flight does not", async () => {
  for (const onDisk of [false, true]) {
    const made = world();
    const { group, context } = made;
    const { store } = context;
    store.page = 2;
    const leaving = join(made);
    const staying = join(made);
    offline(group, staying);
    const receiver = online(group, leaving, 2);
    publish(group, "one", 1);
    publish(group, "two", 2);
    await store.settle();
    assert.deepEqual(receiver.take(), ["1#1 one", "2#2 two"]);
    for (const name of ["x1", "x2", "x3"]) publish(group, name, 1);
    publish(group, "y", 2);
    if (onDisk) {
      offline(group, leaving);
      await store.settle();
      assert.equal(leaving.look(0, 100).messages.length, 2, "the rest is on disk only");
    }
    publication.fromMessage(message("own"), 0);
    publication.qos = 1;
    leaving.deliver(publication, OPTIONS);
    const heir = online(group, staying);
    leaving.detach();
    group.remove(leaving);
    void leaving.end();
    await store.settle();
    const got = heir.take().map((line) => line.split(" ")[1] ?? "");
    assert.deepEqual(got.sort(), ["one", "x1", "x2", "x3", "y"]);
    assert.equal(store.disk.heads.has(leaving.id), false);
    for (let id = 1; id <= 5; id++) if (!staying.onPuback(id) && staying.onPubrec(id, 0)) store.commit();
    for (let id = 1; id <= 5; id++) staying.onPubcomp(id);
    await store.settle();
    assert.equal(store.uncommittedBytes, 0);
    assert.deepEqual([staying.waiting, staying.inflight], [0, 0]);
  }
});

test("without another member the group keeps what a leaving one held; the last one to leave ends it all", async () => {
  const made = world();
  const { group, context, backlog } = made;
  const leaving = join(made);
  const offlineMember = join(made);
  offline(group, offlineMember);
  online(group, leaving, 1);
  publish(group, "a");
  publish(group, "b");
  await context.store.settle();
  leaving.detach();
  group.remove(leaving);
  void leaving.end();
  await context.store.settle();
  assert.equal(group.waiting, 2);
  group.remove(offlineMember);
  void offlineMember.end();
  group.discard();
  await context.store.settle();
  assert.equal(made.forgotten, 1);
  assert.equal(context.store.disk.heads.has(backlog.id), false);
  assert.equal(context.store.uncommittedBytes, 0);
});

test("an ending member's messages on a disk that cannot be read are given back when it can", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const made = world();
  const { group, context } = made;
  const { store } = context;
  const leaving = join(made, UNLIMITED);
  const receiver = online(group, leaving, 1);
  for (const name of ["a", "b", "c"]) publish(group, name);
  assert.equal(receiver.sent.length, 1);
  offline(group, leaving);
  const staying = join(made);
  await store.settle();
  const read = store.readReferences.bind(store);
  store.readReferences = () => Promise.reject(new Error("broken"));
  const heir = online(group, staying);
  group.remove(leaving);
  void leaving.end();
  for (let i = 0; i < 4; i++) await Promise.resolve();
  assert.ok(store.disk.heads.has(leaving.id));
  store.readReferences = read;
  t.mock.timers.tick(1_000);
  for (let i = 0; i < 4; i++) await Promise.resolve();
  await store.settle();
  assert.deepEqual(
    heir.take().map((line) => line.split(" ")[1] ?? ""),
    ["a", "b", "c"],
  );
  assert.equal(store.disk.heads.has(leaving.id), false);
});

test("a member that cannot keep a message refuses it", () => {
  const made = world();
  const { group } = made;
  const clean = join(made, UNLIMITED, false);
  publication.fromMessage(message("a"), 0);
  publication.qos = 1;
  assert.equal(clean.deliverShared(publication, OPTIONS, group), false);
  const full = join(made, { ...UNLIMITED, maxOfflineMessages: 0 });
  assert.equal(full.deliverShared(publication, OPTIONS, group), false);
  publication.qos = 0;
  assert.equal(full.deliverShared(publication, OPTIONS, group), false);
});
