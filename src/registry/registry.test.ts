import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { STEPS_PER_TURN } from "../clock/long-works.ts";
import { TimerWheel } from "../clock/timer-wheel.ts";
import { silentLogger } from "../log/logger.ts";
import { Message } from "../mqtt/message.ts";
import { Publication } from "../mqtt/publication.ts";
import { GroupQueue } from "../queue/group-queue.ts";
import {
  ManualDisk,
  ManualStore,
  RecordingReceiver,
  testContext,
  UNLIMITED,
} from "../queue/queue-test-support.ts";
import { SubscriberQueue } from "../queue/subscriber-queue.ts";
import { RetainedStores } from "../retained/retained-stores.ts";
import { Router } from "../routing/router.ts";
import { SharedGroups } from "../routing/shared-groups.ts";
import { SubscriptionIndex } from "../routing/subscription-index.ts";
import { subscriptionOptions } from "../routing/subscription-options.ts";
import { TopicTable } from "../routing/topic-table.ts";
import type { Mountpoint } from "./mountpoint.ts";
import { decodeSubscriber } from "./record-test-support.ts";
import { type Registration, Registry } from "./registry.ts";
import { type LastWill, NEVER, Subscriber } from "./subscriber.ts";
import {
  decodeSubscription,
  encodeSubscriber,
  encodeSubscription,
  parseKey,
  subscriberKey,
  subscriptionKey,
} from "./subscriber-record.ts";
import { SubscriptionList } from "./subscription-list.ts";
import { decodeWill, encodeWill } from "./will-record.ts";

const QOS1 = subscriptionOptions(1);

/** A connection: its receiver, and whether it was taken over. */
class Handle {
  readonly receiver = new RecordingReceiver();
  subscriber: Subscriber | null = null;
  sessionPresent: boolean | null = null;
  taken = 0;
  leaving = false;

  leave(): void {}

  takenOver(): void {
    this.taken++;
    if (this.subscriber?.queue.receiver === this.receiver) this.subscriber.queue.detach();
  }
}

function registered({ subscriber }: Handle): Subscriber {
  assert.ok(subscriber !== null);
  return subscriber;
}

/** A node as far as the registry needs one. */
class World {
  readonly store: ManualStore;
  readonly context: ReturnType<typeof testContext>;
  readonly events: string[] = [];
  readonly options = { value: { persistentClientExpirationSeconds: 0, suppressLastWillOnTakeover: false } };
  readonly mountpoint: Mountpoint;
  readonly wheel: TimerWheel;
  readonly registry: Registry;
  readonly topics = new TopicTable();

  constructor(store = new ManualStore()) {
    this.store = store;
    this.context = testContext(store);
    const { clock, counters } = this.context;
    this.wheel = new TimerWheel(clock, 100, (error) => {
      throw error;
    });
    const tell = (name: string) => (id: { clientId: string }) =>
      void this.events.push(`${name} ${id.clientId}`);
    this.registry = new Registry(
      store,
      this.wheel,
      clock,
      counters,
      silentLogger,
      {
        clientWakeup: tell("wakeup"),
        clientOffline: tell("offline"),
        clientGone: tell("gone"),
        sessionExpired: tell("expired"),
        allTopicsUnsubscribed: tell("unsubscribed"),
      },
      this.options,
    );
    const index = new SubscriptionIndex();
    const retained = new RetainedStores(store, () => this.topics, clock).of("");
    const groups = new SharedGroups({
      index,
      groupId: () => store.newQueueId(),
      makeBacklog: (group) => {
        const queue = new SubscriberQueue(group.id, group.filterText, UNLIMITED, this.context);
        return new GroupQueue(queue, () => undefined);
      },
      random: () => 0,
    });
    const router = new Router(index, retained);
    this.mountpoint = {
      name: "",
      topics: this.topics,
      index,
      groups,
      retained,
      router,
      queues: this.context,
    };
  }

  /** A client connects; MQTT 5 with a session that lasts, unless told otherwise. */
  connect(clientId: string, changes: Partial<Registration> = {}): Handle {
    const handle = new Handle();
    this.registry.register(
      {
        mountpoint: this.mountpoint,
        clientId,
        username: null,
        clean: false,
        expirySeconds: NEVER,
        legacy: false,
        limits: UNLIMITED,
        handle,
        will: null,
        ...changes,
      },
      (subscriber, sessionPresent) => {
        handle.subscriber = subscriber;
        handle.sessionPresent = sessionPresent;
        this.registry.attached(subscriber);
        subscriber.queue.attach(handle.receiver);
        this.registry.presenceChanged(subscriber);
        subscriber.queue.pump();
      },
    );
    return handle;
  }

  /** The same, with all that has to be durable. */
  connected(
    clientId: string,
    changes: Partial<Registration> = {},
  ): Handle & { readonly subscriber: Subscriber } {
    const handle = this.connect(clientId, changes);
    this.store.commit();
    const { subscriber } = handle;
    assert.ok(subscriber !== null, "registered");
    return Object.assign(handle, { subscriber });
  }

  disconnect(handle: Handle, publishWill = true): void {
    const { subscriber } = handle;
    assert.ok(subscriber !== null);
    if (subscriber.queue.receiver === handle.receiver) subscriber.queue.detach();
    this.registry.disconnected(subscriber, publishWill);
  }

  publish(topic: string, payload: string, qos = 1): void {
    const publication = new Publication();
    publication.fromMessage(this.message(topic, payload, qos), 0);
    publication.copy = null;
    this.mountpoint.router.publish(publication);
  }

  message(topic: string, payload: string, qos = 1, properties = Buffer.alloc(0)): Message {
    const bytes = Buffer.concat([Buffer.from(payload), properties]);
    const end = bytes.length - properties.length;
    return new Message(this.topics.internText(topic), qos, false, bytes, 0, end, end, bytes.length, 0, null);
  }

  will(payload: string, delaySeconds = 0, expirySeconds = -1): LastWill {
    return { message: this.message("will", payload), delaySeconds, expirySeconds };
  }

  advance(seconds: number): void {
    this.context.clock.advance(seconds * 1_000);
    this.wheel.turn();
  }

  /** A client that hears of wills. */
  listener(): RecordingReceiver {
    const { subscriber, receiver } = this.connected("listener", { expirySeconds: 0 });
    this.registry.subscribe(subscriber, "will", subscriptionOptions(0));
    return receiver;
  }

  /** What a new start makes of what is on disk. */
  restart(): World {
    const world = new World(new ManualStore(this.store.disk));
    world.context.clock.advance(this.context.clock.now() - world.context.clock.now());
    const { disk } = this.store;
    const loaded: Subscriber[] = [];
    const records = [...disk.records]
      .filter(([key]) => key.startsWith("subscriber/"))
      .sort(([a], [b]) => (a < b ? -1 : 1));
    for (const [name, value] of records) {
      const key = parseKey(name.slice("subscriber/".length));
      assert.ok(key !== undefined);
      if (key.filter !== undefined) {
        const options = decodeSubscription(value);
        const subscriber = world.registry.find(key.mountpoint, key.clientId);
        assert.ok(options !== undefined && subscriber !== undefined, `stray subscription ${name}`);
        world.registry.restoreSubscription(subscriber, key.filter, options);
        continue;
      }
      const record = decodeSubscriber(value);
      assert.ok(record !== undefined);
      const queue = new SubscriberQueue(record.queue, key.clientId, UNLIMITED, world.context);
      const head = disk.heads.get(record.queue);
      if (head !== undefined) queue.restore(head);
      const subscriber = new Subscriber(world.mountpoint, queue, record.expirySeconds, 0, world.registry);
      subscriber.legacy = record.legacy;
      subscriber.username = record.username;
      subscriber.disconnectedAt = record.disconnectedAt;
      const will = disk.records.get(`will/${subscriberKey(key.mountpoint, key.clientId)}`);
      if (will !== undefined) {
        const decoded = decodeWill(will, world.topics);
        assert.ok(decoded !== undefined);
        subscriber.will = decoded.will;
        subscriber.willDueAt = decoded.dueAt;
      }
      world.registry.restored(subscriber);
      for (const [filter, options] of record.subscriptions) {
        world.registry.restoreSubscription(subscriber, filter, options);
      }
      loaded.push(subscriber);
    }
    for (const subscriber of loaded) world.registry.resumeTimers(subscriber);
    return world;
  }
}

test("a session that ends with its connection is there at once and leaves nothing", () => {
  const world = new World();
  const handle = world.connect("a", { expirySeconds: 0 });
  assert.equal(handle.sessionPresent, false);
  assert.deepEqual([world.registry.count, world.registry.online], [1, 1]);
  assert.ok(handle.subscriber !== null);
  assert.ok(world.registry.subscribe(handle.subscriber, "t", QOS1));
  world.disconnect(handle);
  assert.deepEqual([world.registry.count, world.registry.online], [0, 0]);
  assert.equal(world.registry.find("", "a"), undefined);
  assert.deepEqual(world.events, ["wakeup a", "unsubscribed a", "gone a"]);
  assert.equal(world.mountpoint.index.route(world.topics.internText("t")).count, 0);
  world.store.commit();
  assert.equal(world.store.disk.records.size, 0);
});

test("a lasting session is there when its record is durable, and again when the client is back", async () => {
  const world = new World();
  const first = world.connect("a", { username: "u" });
  assert.equal(first.sessionPresent, null);
  world.store.commit();
  assert.equal(first.sessionPresent, false);
  assert.ok(first.subscriber !== null);
  world.registry.subscribe(first.subscriber, "t", QOS1);
  world.disconnect(first);
  assert.deepEqual([world.registry.count, world.registry.online], [1, 0]);
  world.publish("t", "x");
  const second = world.connected("a");
  await world.store.settle();
  assert.equal(second.sessionPresent, true);
  assert.equal(second.subscriber, first.subscriber);
  assert.deepEqual(
    second.receiver.take().map((line) => line.split(" ")[1]),
    ["x"],
  );
  assert.deepEqual(world.events, ["wakeup a", "offline a", "wakeup a"]);
});

test("a second connection takes over; the first is told once and no longer counts", () => {
  const world = new World();
  const first = world.connected("a");
  world.registry.subscribe(first.subscriber, "t", QOS1);
  const second = world.connected("a");
  assert.deepEqual([first.taken, second.taken], [1, 0]);
  assert.equal(second.sessionPresent, true);
  assert.deepEqual([world.registry.count, world.registry.online], [1, 1]);
  world.publish("t", "x");
  assert.deepEqual(first.receiver.take(), []);
  assert.equal(second.receiver.take().length, 1);
});

test("of several that come while the store works only the last is answered", () => {
  const world = new World();
  const handles = [world.connect("a"), world.connect("a", { clean: true }), world.connect("a")];
  world.store.commit();
  assert.deepEqual(
    handles.map(({ sessionPresent, taken }) => [sessionPresent, taken]),
    [
      [null, 1],
      [null, 1],
      [true, 0],
    ],
  );
  assert.deepEqual([world.registry.count, world.registry.online], [1, 1]);
  assert.equal(world.store.disk.heads.size <= 1, true);
});

test("a clean start wipes the stored session before it is answered", () => {
  for (const expirySeconds of [0, NEVER]) {
    const world = new World();
    const first = world.connected("a");
    world.registry.subscribe(first.subscriber, "t", QOS1);
    world.disconnect(first);
    world.publish("t", "old");
    world.store.commit();
    const queue = first.subscriber.queue.id;
    assert.equal(world.store.disk.heads.has(queue), true);
    const second = world.connect("a", { clean: true, expirySeconds });
    assert.equal(second.sessionPresent, null, "waits for the wiping");
    world.store.commit();
    assert.equal(second.sessionPresent, false);
    assert.notEqual(second.subscriber, first.subscriber);
    assert.equal(world.store.disk.heads.has(queue), false);
    const record = world.store.disk.records.get(`subscriber/${subscriberKey("", "a")}`);
    const decoded = record === undefined ? undefined : decodeSubscriber(record);
    assert.deepEqual(decoded?.subscriptions, expirySeconds === 0 ? undefined : []);
    assert.deepEqual(second.receiver.take(), []);
    assert.equal(world.store.uncommittedBytes, 0);
  }
});

test("a session that is not stored is answered when the stored one before it is gone, also when that had ended before", () => {
  const clean = { clean: true, expirySeconds: 0 };
  const world = new World();
  world.disconnect(world.connected("a"));
  world.store.commit();
  // The second connection takes over from one that was not answered yet.
  const [first, second] = [world.connect("a", clean), world.connect("a", clean)];
  assert.deepEqual([first.taken, second.sessionPresent], [1, null]);
  world.store.begin();
  const third = world.connect("a", clean);
  assert.equal(third.sessionPresent, null);
  world.store.commit();
  assert.deepEqual([second.sessionPresent, third.sessionPresent], [null, false]);
  assert.equal(world.restart().registry.count, 0);
  assert.equal(world.connect("a", clean).sessionPresent, false, "nothing to wait for");

  const old = world.connected("b");
  world.registry.changeExpiry(old.subscriber, 0);
  world.disconnect(old);
  const next = world.connect("b", clean);
  assert.equal(next.sessionPresent, null);
  world.store.begin();
  assert.equal(world.restart().registry.count, 1, "the old one is still on disk");
  assert.equal(next.sessionPresent, null);
  world.store.complete();
  assert.equal(next.sessionPresent, false);
});

test("sessions expire after their interval, counted from the end of the connection", () => {
  const world = new World();
  const handle = world.connected("a", { expirySeconds: 60 });
  world.registry.subscribe(handle.subscriber, "t", QOS1);
  world.advance(1_000);
  assert.equal(world.registry.count, 1, "not while it is connected");
  world.disconnect(handle);
  world.advance(59);
  assert.equal(world.registry.count, 1);
  world.advance(1.2);
  assert.equal(world.registry.count, 0);
  assert.deepEqual(world.events, ["wakeup a", "offline a", "unsubscribed a", "expired a", "gone a"]);
  world.store.commit();
  assert.equal(world.store.disk.records.size, 0);
  assert.equal(world.store.disk.heads.size, 0);
});

test("a session knows intervals and times of any size, and its id is nothing but the id", () => {
  const world = new World();
  const { subscriber } = world.connected("a", { expirySeconds: 60 });
  assert.ok(subscriber !== undefined);
  for (const seconds of [0, 1, 0x7fffffff, 0x80000000, 0xfffffffe, NEVER]) {
    subscriber.expirySeconds = seconds;
    assert.equal(subscriber.expirySeconds, seconds);
  }
  for (const time of [0, 1, 999, 1_000, 1_700_000_000_001, 2_147_483_648_123, 9_999_999_999_999]) {
    subscriber.disconnectedAt = time;
    assert.equal(subscriber.disconnectedAt, time);
  }
  assert.deepEqual(subscriber.id, { mountpoint: "", clientId: "a" });
});

test("a client that is back stops the expiry; one that comes after the moment finds no session, timer or not", () => {
  const world = new World();
  const handle = world.connected("a", { expirySeconds: 60 });
  world.disconnect(handle);
  world.advance(30);
  const again = world.connected("a", { expirySeconds: 60 });
  assert.equal(again.sessionPresent, true);
  world.advance(100);
  assert.equal(world.registry.count, 1);
  world.disconnect(again);
  world.context.clock.advance(60_000);
  const late = world.connected("a");
  assert.equal(late.sessionPresent, false);
  assert.equal(world.registry.count, 1);
});

test("a system time that is set forward ends no session whose client is back in time", () => {
  const world = new World();
  // A machine without a clock of its own comes up with an old time, and learns the present one after the broker's start.
  world.connected("a", { expirySeconds: 3_600 });
  world.disconnect(world.connected("b", { expirySeconds: 3_600 }));
  world.store.commit();
  const next = world.restart();
  next.advance(10);
  next.context.clock.jump(86_400_000);
  next.advance(1);
  assert.deepEqual(
    [next.connected("a", { expirySeconds: 3_600 }), next.connected("b")].map(
      ({ sessionPresent }) => sessionPresent,
    ),
    [true, true],
  );
  // The timer runs on all the same.
  const gone = next.connected("c", { expirySeconds: 60 });
  next.disconnect(gone);
  next.context.clock.jump(86_400_000);
  next.advance(61);
  assert.equal(next.registry.find("", "c"), undefined);
});

test("DISCONNECT may change the interval; 0 ends the session with the connection", () => {
  const world = new World();
  const handle = world.connected("a", { expirySeconds: 60 });
  world.registry.changeExpiry(handle.subscriber, 10);
  world.disconnect(handle);
  world.advance(10.2);
  assert.equal(world.registry.count, 0);
  const other = world.connected("b");
  world.registry.changeExpiry(other.subscriber, 0);
  world.disconnect(other);
  assert.equal(world.registry.count, 0);
  world.store.commit();
  assert.equal(world.store.disk.records.size, 0);
});

test("sessions of MQTT 3 expire by configuration, for ever without", () => {
  const world = new World();
  world.disconnect(world.connected("a", { legacy: true }));
  world.advance(1_000_000);
  assert.equal(world.registry.count, 1);
  world.options.value.persistentClientExpirationSeconds = 100;
  world.disconnect(world.connected("b", { legacy: true }));
  world.disconnect(world.connected("c", { legacy: false }));
  world.advance(101);
  assert.deepEqual(
    [...world.registry.all()].map(({ id }) => id.clientId),
    ["a", "c"],
  );
});

test("another expiration by configuration counts for sessions that are offline already", () => {
  const world = new World();
  const names = () => [...world.registry.all()].map(({ clientId }) => clientId);
  for (const name of ["a", "b"]) world.disconnect(world.connected(name, { legacy: true }));
  world.disconnect(world.connected("other", { legacy: false, will: world.will("w", 50) }));
  world.advance(10);
  world.options.value.persistentClientExpirationSeconds = 100;
  world.registry.expirationChanged();
  world.connected("b", { legacy: true });
  world.advance(89);
  assert.deepEqual(names(), ["a", "b", "other"]);
  world.advance(2);
  assert.deepEqual(names(), ["b", "other"]);
  world.disconnect(world.connected("c", { legacy: true }));
  world.options.value.persistentClientExpirationSeconds = 0;
  world.registry.expirationChanged();
  world.advance(1_000);
  assert.deepEqual(names(), ["b", "other", "c"]);
});

test("a will is published when the connection ends without a goodbye, and only then", () => {
  const world = new World();
  const heard = world.listener();
  world.disconnect(world.connected("a", { will: world.will("lost") }));
  assert.deepEqual(heard.take(), ["0 lost"]);
  world.disconnect(world.connected("a", { will: world.will("kept") }), false);
  world.advance(10_000);
  world.connected("a", { clean: true });
  assert.deepEqual(heard.take(), []);
  world.store.commit();
  assert.equal(
    [...world.store.disk.records.keys()].some((key) => key.startsWith("will/")),
    false,
  );
});

test("a delayed will waits; the client's return forgets it, the end of the session brings it forward", () => {
  const world = new World();
  const heard = world.listener();
  world.disconnect(world.connected("a", { will: world.will("late", 30) }));
  world.advance(29);
  assert.deepEqual(heard.take(), []);
  world.advance(1.2);
  assert.deepEqual(heard.take(), ["0 late"]);
  world.disconnect(world.connected("a", { will: world.will("back", 30) }));
  world.connected("a");
  world.advance(60);
  assert.deepEqual(heard.take(), []);
  world.disconnect(world.connected("b", { will: world.will("expiry first", 30), expirySeconds: 10 }));
  world.advance(10.2);
  assert.deepEqual(heard.take(), ["0 expiry first"]);
  world.disconnect(world.connected("c", { will: world.will("clean start", 30) }));
  world.connected("c", { clean: true });
  assert.deepEqual(heard.take(), ["0 clean start"]);
  world.disconnect(world.connected("d", { will: world.will("removed", 30) }));
  const removed = world.registry.find("", "d");
  assert.ok(removed !== undefined);
  world.registry.remove(removed);
  assert.deepEqual(heard.take(), ["0 removed"]);
  world.disconnect(world.connected("e", { will: world.will("no session", 30), expirySeconds: 0 }));
  assert.deepEqual(heard.take(), ["0 no session"]);
});

test("a delayed will whose time came while the broker was away goes out, also when its client is back first", () => {
  const world = new World();
  const late = world.connected("late", { will: world.will("late", 30) });
  const early = world.connected("early", { will: world.will("early", 300) });
  world.disconnect(late);
  world.disconnect(early);
  world.store.commit();
  world.context.clock.advance(60_000);
  const next = world.restart();
  const heard = next.listener();
  assert.deepEqual(
    [next.connected("late").sessionPresent, next.connected("early").sessionPresent],
    [true, true],
  );
  assert.deepEqual(heard.take(), ["0 late"]);
  next.advance(1_000);
  assert.deepEqual(heard.take(), []);
});

test("a session resumed with an interval of 0 ends with its connection when another one takes over", () => {
  const world = new World();
  const heard = world.listener();
  world.disconnect(world.connected("a"));
  const second = world.connected("a", { expirySeconds: 0, will: world.will("w", 30) });
  assert.equal(second.sessionPresent, true);
  world.registry.subscribe(second.subscriber, "t", QOS1);
  const third = world.connected("a");
  assert.equal(third.sessionPresent, false);
  assert.equal(third.subscriber.subscriptions.size, 0);
  assert.deepEqual(heard.take(), ["0 w"], "a delay counts only while the session lives on [MQTT-3.1.3-9]");
});

test("take-over: the will goes out unless the session goes on within its delay, or that is suppressed", () => {
  for (const { delay, clean, suppressed, published } of [
    { delay: 0, clean: false, suppressed: false, published: true },
    { delay: 30, clean: false, suppressed: false, published: false },
    { delay: 30, clean: true, suppressed: false, published: true },
    { delay: 0, clean: true, suppressed: false, published: true },
    { delay: 0, clean: false, suppressed: true, published: false },
    { delay: 30, clean: true, suppressed: true, published: false },
  ]) {
    const world = new World();
    world.options.value.suppressLastWillOnTakeover = suppressed;
    const heard = world.listener();
    world.connected("a", { will: world.will("taken", delay) });
    world.connected("a", { clean, will: world.will("new") });
    assert.deepEqual(
      heard.take(),
      published ? ["0 taken"] : [],
      JSON.stringify({ delay, clean, suppressed }),
    );
    world.advance(100);
    assert.deepEqual(heard.take(), []);
  }
});

test("a will reaches the other subscriptions of its client, not those with no-local; its expiry counts from now", () => {
  const world = new World();
  const handle = world.connected("a", { will: world.will("own", 0, 100) });
  const other = world.connected("b");
  world.registry.subscribe(handle.subscriber, "will", subscriptionOptions(1, true));
  world.registry.subscribe(other.subscriber, "will", QOS1);
  world.disconnect(other);
  world.context.clock.advance(5_000);
  world.disconnect(handle);
  assert.equal(handle.subscriber.queue.waiting, 0);
  const [kept] = other.subscriber.queue.look(0, 10).messages;
  assert.equal(kept?.message.expiresAt, world.context.clock.now() + 100_000);
});

test("subscriptions: new or replaced, ended, routed with the options that were given last", () => {
  const world = new World();
  const handle = world.connected("a");
  assert.equal(world.registry.subscribe(handle.subscriber, "t", QOS1), true);
  assert.equal(world.registry.subscribe(handle.subscriber, "t", subscriptionOptions(0)), false);
  world.publish("t", "x");
  assert.deepEqual(handle.receiver.take(), ["0 x"]);
  assert.equal(world.registry.unsubscribe(handle.subscriber, "t"), true);
  assert.equal(world.registry.unsubscribe(handle.subscriber, "t"), false);
  world.publish("t", "y");
  assert.deepEqual(handle.receiver.take(), []);
});

test("whenSaved waits for the store only when there is something to store", () => {
  const world = new World();
  const calls: string[] = [];
  const clean = world.connected("a", { expirySeconds: 0 });
  world.registry.whenSaved(clean.subscriber, () => void calls.push("clean"));
  assert.deepEqual(calls, ["clean"]);
  const lasting = world.connected("b");
  world.registry.subscribe(lasting.subscriber, "t", QOS1);
  world.registry.whenSaved(lasting.subscriber, () => void calls.push("lasting"));
  assert.deepEqual(calls, ["clean"]);
  world.store.commit();
  assert.deepEqual(calls, ["clean", "lasting"]);
});

test("shared membership: the online member is served, the group keeps what comes meanwhile, and ends with the last", async () => {
  const world = new World();
  const filter = "$share/g/t";
  const a = world.connected("a");
  const b = world.connected("b");
  for (const { subscriber } of [a, b]) world.registry.subscribe(subscriber, filter, QOS1);
  world.disconnect(a);
  world.publish("t", "1");
  assert.deepEqual(b.receiver.take(), ["1#1 1"]);
  b.subscriber.queue.onPuback(1);
  world.disconnect(b);
  world.publish("t", "2");
  assert.equal(world.mountpoint.groups.get(filter)?.waiting, 1);
  assert.deepEqual([a.subscriber.queue.waiting, b.subscriber.queue.waiting], [0, 0]);
  await world.store.settle();
  const again = world.connected("a");
  await world.store.settle();
  assert.deepEqual(again.receiver.take(), ["1#1 2"]);
  world.registry.remove(b.subscriber);
  assert.equal(world.mountpoint.groups.get(filter)?.count, 1);
  world.registry.unsubscribe(again.subscriber, filter);
  assert.equal(world.mountpoint.groups.get(filter), undefined);
});

test("a message for a member of a group does not cost more with the other subscriptions that it has", () => {
  const world = new World();
  const { subscriber, receiver } = world.connected("a");
  for (const filter of ["$share/g/t", "b", "c"]) world.registry.subscribe(subscriber, filter, QOS1);
  const { subscriptions } = subscriber;
  Object.defineProperty(subscriptions, Symbol.iterator, {
    value: () => assert.fail("all subscriptions are gone through"),
  });
  world.publish("t", "1");
  world.publish("b", "2");
  assert.deepEqual(receiver.take(), ["1#1 1", "1#2 2"]);
  for (const id of [1, 2]) assert.ok(subscriber.queue.onPuback(id));
  world.registry.presenceChanged(subscriber);
});

test("the session of a shared member expires: what it had not acknowledged goes to another", async () => {
  const world = new World();
  const filter = "$share/g/t";
  const a = world.connected("a", { expirySeconds: 10 });
  world.registry.subscribe(a.subscriber, filter, QOS1);
  world.publish("t", "1");
  world.disconnect(a);
  const b = world.connected("b");
  world.registry.subscribe(b.subscriber, filter, QOS1);
  world.registry.presenceChanged(b.subscriber);
  assert.deepEqual(b.receiver.take(), []);
  world.advance(11);
  await world.store.settle();
  assert.deepEqual(b.receiver.take(), ["1#1 1"]);
});

test("a restart brings back sessions, subscriptions, offline messages and timers", async () => {
  const world = new World();
  const a = world.connected("a", { username: "anna", expirySeconds: 100, legacy: true });
  const options = subscriptionOptions(2, true, true, 2, 4711);
  world.registry.subscribe(a.subscriber, "t", options);
  world.registry.subscribe(a.subscriber, "$share/g/s", QOS1);
  world.disconnect(a);
  world.publish("t", "x", 2);
  const online = world.connected("online", { expirySeconds: 50 });
  assert.ok(online.subscriber.handle !== null);
  await world.store.settle();
  world.context.clock.advance(20_000);
  const next = world.restart();
  assert.deepEqual([next.registry.count, next.registry.online], [2, 0]);
  const found = next.registry.find("", "a");
  assert.ok(found !== undefined);
  assert.deepEqual([found.username, found.legacy, found.queue.waiting], ["anna", true, 1]);
  assert.deepEqual(
    [...found.subscriptions],
    [
      ["t", options],
      ["$share/g/s", QOS1],
    ],
  );
  assert.equal(next.mountpoint.groups.get("$share/g/s")?.count, 1);
  const back = next.connected("a", { expirySeconds: 100 });
  await next.store.settle();
  assert.equal(back.sessionPresent, true);
  assert.deepEqual(back.receiver.take(), ["2#1 x [4711]"]);
  next.advance(49);
  assert.ok(next.registry.find("", "online") !== undefined, "offline since the restart");
  next.advance(2);
  assert.equal(next.registry.find("", "online"), undefined);
});

test("wills over a restart: of those online, and delayed ones at their time", () => {
  const world = new World();
  world.connected("online", { will: world.will("online") });
  world.connected("delayed online", { will: world.will("delayed online", 30) });
  world.disconnect(world.connected("waiting", { will: world.will("waiting", 60) }));
  world.connected("short", { will: world.will("short"), expirySeconds: 0 });
  world.connected("back", { will: world.will("back", 30) });
  world.store.commit();
  const next = world.restart();
  const heard = next.listener();
  next.advance(0.2);
  assert.deepEqual(heard.take(), ["0 online"]);
  next.connected("back");
  next.advance(30);
  assert.deepEqual(heard.take(), ["0 delayed online"]);
  next.advance(30);
  assert.deepEqual(heard.take(), ["0 waiting"]);
  next.store.commit();
  const last = next.restart();
  const silence = last.listener();
  last.advance(1_000);
  assert.deepEqual(silence.take(), []);
});

test("a session resumed with an interval of 0 does not outlive a crash", () => {
  const world = new World();
  world.disconnect(world.connected("a"));
  world.connected("a", { expirySeconds: 0 });
  const next = world.restart();
  next.advance(1);
  assert.equal(next.registry.count, 0);
});

test("subscription records over any history, restarts and ends of the session", () => {
  const filter = fc.nat({ max: 22 }).map((number) => `f/${number}`);
  const step = fc.oneof(
    {
      weight: 10,
      arbitrary: fc.record({ kind: fc.constant("subscribe" as const), filter, qos: fc.nat({ max: 2 }) }),
    },
    { weight: 4, arbitrary: fc.record({ kind: fc.constant("unsubscribe" as const), filter }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom("commit" as const, "restart" as const) }) },
    {
      weight: 1,
      arbitrary: fc.record({ kind: fc.constantFrom("all" as const, "none" as const, "clean" as const) }),
    },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60, size: "max" }), (steps) => {
      let world = new World();
      let handle = world.connected("a");
      let expected = new Map<string, number>();
      const check = () => {
        world.store.commit();
        world = world.restart();
        const found = world.registry.find("", "a");
        assert.ok(found !== undefined);
        const got = new Map([...found.subscriptions].map(([name, { qos }]) => [name, qos]));
        assert.deepEqual([...got].sort(), [...expected].sort());
        handle = world.connected("a");
        assert.equal(handle.sessionPresent, true);
      };
      const set = (name: string, qos: number) => {
        const isNew = world.registry.subscribe(handle.subscriber, name, subscriptionOptions(qos));
        assert.equal(isNew, !expected.has(name));
        expected.set(name, qos);
      };
      for (const each of steps) {
        if (each.kind === "subscribe") set(each.filter, each.qos);
        else if (each.kind === "unsubscribe") {
          assert.equal(
            world.registry.unsubscribe(handle.subscriber, each.filter),
            expected.delete(each.filter),
          );
        } else if (each.kind === "commit") world.store.commit();
        else if (each.kind === "restart") check();
        else if (each.kind === "all") for (let i = 0; i < 20; i++) set(`f/${i}`, 1);
        else if (each.kind === "none") {
          for (const name of [...expected.keys()]) world.registry.unsubscribe(handle.subscriber, name);
          expected.clear();
        } else {
          // The old session and its successor change the same records in one commit.
          const next = world.connect("a", { clean: true });
          expected = new Map();
          const successor = world.registry.find("", "a");
          assert.ok(successor !== undefined);
          handle = Object.assign(next, { subscriber: successor });
        }
      }
      check();
      world.registry.remove(handle.subscriber);
      world.store.commit();
      assert.equal(world.store.disk.records.size, 0, "nothing stays behind");
    }),
    { numRuns: 300 },
  );
});

/** A client that is offline with so many subscriptions, all on disk. */
function withSubscriptions(world: World, count: number): Subscriber {
  const client = world.connected("a");
  for (let i = 0; i < count; i++) world.registry.subscribe(client.subscriber, `many/${i}`, QOS1);
  world.disconnect(client);
  world.store.commit();
  return client.subscriber;
}

test("very many subscriptions of a session end a few in each turn and each commit, and are whole after any crash", async () => {
  const world = new World();
  const { index } = world.mountpoint;
  const old = withSubscriptions(world, 5_000);
  const { records } = world.store.disk;
  assert.equal(records.size, 5_001);
  const next = world.connect("a", { clean: true, will: world.will("w") });
  assert.ok(index.size >= 5_000 - STEPS_PER_TURN);
  for (let size = index.size; size > 0; size = index.size) {
    await new Promise((resolve) => setImmediate(resolve));
    assert.ok(index.size < size && size - index.size <= STEPS_PER_TURN);
  }
  let commits = 0;
  for (; next.sessionPresent === null; commits++) {
    assert.ok(commits < 10);
    const before = records.size;
    world.store.begin();
    world.store.complete();
    const left: number = records.size;
    assert.ok(before - left <= 1_025, `${before - left} in one commit`);
    // The successor's record and will.
    if (left === 2) continue;
    // What a crash leaves at this moment ends with the next start: nobody was told anything yet.
    const crashed = world.restart();
    crashed.advance(1);
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(
      [crashed.registry.count, crashed.events],
      [0, ["unsubscribed a", "expired a", "gone a"]],
    );
  }
  assert.ok(commits >= 4);
  assert.equal(next.sessionPresent, false);
  assert.notEqual(next.subscriber, old);
  assert.deepEqual([...records.keys()].sort(), ["subscriber/\0a", "will/\0a"]);
  world.registry.subscribe(registered(next), "many/1", QOS1);
  world.store.commit();
  assert.deepEqual([...(world.restart().registry.find("", "a")?.subscriptions ?? [])].length, 1);
});

test("many sessions that end at the same moment, each with some subscriptions, are whole after any crash", async () => {
  const world = new World();
  const { disk } = world.store;
  const many = 100;
  const each = 20;
  for (let i = 0; i < many; i++) {
    const client = world.connected(`c${i}`);
    for (let n = 0; n < each; n++) world.registry.subscribe(client.subscriber, `f/${n}`, QOS1);
  }
  world.store.commit();
  assert.equal(disk.records.size, many * (each + 1));
  for (let i = 0; i < many; i++) {
    const subscriber = world.registry.find("", `c${i}`);
    assert.ok(subscriber !== undefined);
    // What changes just before the end goes with it.
    world.registry.subscribe(subscriber, "f/0", subscriptionOptions(2));
    world.connect(`c${i}`, { clean: true, expirySeconds: 0 });
  }
  let commits = 0;
  for (; disk.records.size > 0; commits++) {
    assert.ok(commits < 10);
    world.store.begin();
    world.store.complete();
    const found = new ManualDisk();
    for (const [key, value] of disk.records) found.records.set(key, value);
    const crashed = new World(new ManualStore(found)).restart();
    crashed.advance(1);
    for (let turns = 0; turns < 10; turns++) {
      await new Promise((resolve) => setImmediate(resolve));
      crashed.store.commit();
    }
    assert.deepEqual([crashed.registry.count, crashed.store.disk.records.size], [0, 0]);
  }
  assert.ok(commits >= 2);
});

test("successors of a session with very many subscriptions wait until it is gone, also when they end before", () => {
  const world = new World();
  withSubscriptions(world, 3_000);
  const second = world.connect("a", { clean: true });
  world.store.begin();
  world.store.complete();
  const third = world.connect("a", { clean: true, expirySeconds: 0 });
  world.store.begin();
  world.store.complete();
  const fourth = world.connect("a");
  assert.deepEqual([second.taken, third.taken], [1, 1]);
  world.store.commit();
  assert.deepEqual(
    [second, third, fourth].map(({ sessionPresent }) => sessionPresent),
    [null, null, false],
  );
  assert.deepEqual([...world.store.disk.records.keys()], ["subscriber/\0a"]);
  let saved = false;
  world.registry.remove(registered(fourth));
  world.registry.whenSaved(registered(fourth), () => {
    saved = true;
  });
  world.store.commit();
  assert.deepEqual([saved, world.store.disk.records.size], [true, 0]);
});

test("very many sessions that expire at the same moment end a few in each turn and each commit, with their wills", async () => {
  const world = new World();
  const { receiver } = world.connected("watch", { expirySeconds: 0 });
  const watch = world.registry.find("", "watch");
  assert.ok(watch !== undefined);
  world.registry.subscribe(watch, "will", subscriptionOptions(0));
  const many = 5_000;
  for (let i = 0; i < many; i++) {
    world.disconnect(world.connected(`c${i}`, { expirySeconds: 10, will: world.will(`w${i}`, 10) }));
  }
  world.store.commit();
  world.advance(11);
  let ended = many - world.registry.count + 1;
  let wills = 0;
  assert.ok(ended > 0 && ended <= STEPS_PER_TURN);
  for (let turns = 0; world.registry.count > 1; turns++) {
    assert.ok(turns < 1_000);
    const before = world.store.disk.records.size;
    world.store.begin();
    world.store.complete();
    // A record and a will each.
    assert.ok(before - world.store.disk.records.size <= 2 * (2_048 + STEPS_PER_TURN));
    wills += receiver.take().length;
    await new Promise((resolve) => setImmediate(resolve));
    assert.ok(many - world.registry.count + 1 - ended <= STEPS_PER_TURN);
    ended = many - world.registry.count + 1;
  }
  wills += receiver.take().length;
  world.store.commit();
  assert.deepEqual([wills, world.store.disk.records.size], [many, 0]);
});

test("a will with very many receivers takes the place of as many others in its turn", async () => {
  const world = new World();
  for (let i = 0; i < 1_600; i++) {
    const { subscriber } = world.connected(`w${i}`, { expirySeconds: 0 });
    world.registry.subscribe(subscriber, "will", subscriptionOptions(0));
  }
  for (let i = 0; i < 50; i++) {
    world.disconnect(world.connected(`c${i}`, { expirySeconds: 10, will: world.will("w", 10) }));
  }
  world.store.commit();
  world.advance(11);
  for (let before = 1_650; world.registry.count > 1_600; before = world.registry.count) {
    assert.ok(before - world.registry.count <= 6, "512 steps are enough for five wills of 1,600 receivers");
    await new Promise((resolve) => setImmediate(resolve));
  }
});

test("a member of very many shared groups goes offline and comes back: all groups learn of it, a few in each turn", async () => {
  const world = new World();
  const client = world.connected("a");
  const filters = Array.from({ length: 2_000 }, (_, i) => `$share/g${i}/t`);
  for (const filter of filters) world.registry.subscribe(client.subscriber, filter, QOS1);
  const online = () => filters.filter((filter) => world.mountpoint.groups.get(filter)?.online === 1).length;
  assert.equal(online(), filters.length);
  world.disconnect(client);
  for (let left = online(); left > 0; left = online()) {
    await new Promise((resolve) => setImmediate(resolve));
    assert.ok(left - online() > 0 && left - online() <= STEPS_PER_TURN);
  }
  world.publish("t", "x");
  const back = world.connected("a");
  const queue = registered(back).queue;
  for (let turns = 0; queue.inflight + queue.waiting < filters.length && turns < 20; turns++) {
    await world.store.settle();
  }
  assert.equal(queue.inflight + queue.waiting, filters.length, "what the groups have kept comes");
  world.registry.remove(registered(back));
  for (let turns = 0; turns < 10; turns++) await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual([world.mountpoint.groups.size, world.mountpoint.index.size], [0, 0]);
});

test("records: round trip, and garbage is told from records", () => {
  const options = fc
    .tuple(fc.nat({ max: 2 }), fc.boolean(), fc.boolean(), fc.nat({ max: 2 }), fc.nat({ max: 268_435_455 }))
    .map((parts) => subscriptionOptions(...parts));
  fc.assert(
    fc.property(
      fc.record({
        queue: fc.nat(),
        expirySeconds: fc.nat({ max: NEVER }),
        legacy: fc.boolean(),
        disconnectedAt: fc.maxSafeNat(),
        username: fc.option(fc.string({ unit: "binary" })),
        subscriptions: fc.array(fc.tuple(fc.string(), options), { maxLength: 16 }),
      }),
      (record) => assert.deepEqual(decodeSubscriber(encodeSubscriber(record)), { ...record }),
    ),
  );
  fc.assert(
    fc.property(options, (each) => assert.deepEqual(decodeSubscription(encodeSubscription(each)), each)),
  );
  const world = new World();
  fc.assert(
    fc.property(fc.string(), fc.nat(), fc.integer({ min: -1 }), fc.nat(), (payload, delay, expiry, dueAt) => {
      const message = world.message("a/ü", payload, 2, Buffer.from([38, 0, 1, 97, 0, 1, 98]));
      const will: LastWill = { message, delaySeconds: delay, expirySeconds: expiry };
      const again = decodeWill(encodeWill({ will, dueAt }), world.topics);
      assert.ok(again !== undefined);
      const { buffer, payloadStart, payloadEnd, propertyStart, propertyEnd, topic, qos } = again.will.message;
      assert.equal(buffer.toString("utf8", payloadStart, payloadEnd), payload);
      assert.deepEqual([...buffer.subarray(propertyStart, propertyEnd)], [38, 0, 1, 97, 0, 1, 98]);
      assert.deepEqual(
        [topic.text, qos, again.will.delaySeconds, again.will.expirySeconds, again.dueAt],
        ["a/ü", 2, delay, expiry, dueAt],
      );
    }),
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.uint8Array(),
        fc.json().map((text) => Buffer.from(text)),
      ),
      (bytes) => {
        const value = Buffer.from(bytes);
        decodeSubscriber(value);
        decodeSubscription(value);
        const length = Buffer.alloc(4);
        length.writeUInt32BE(value.length);
        decodeWill(value, world.topics);
        assert.equal(decodeWill(Buffer.concat([length, value]), world.topics), undefined);
      },
    ),
  );
  assert.deepEqual(parseKey(subscriberKey("m", "c")), { mountpoint: "m", clientId: "c", filter: undefined });
  assert.deepEqual(parseKey(subscriptionKey("", "c", "a/#")), {
    mountpoint: "",
    clientId: "c",
    filter: "a/#",
  });
  assert.equal(parseKey("nothing"), undefined);
});

test("a subscription list is a map, small or large", () => {
  const step = fc.record({
    set: fc.boolean(),
    filter: fc.nat({ max: 14 }).map(String),
    qos: fc.nat({ max: 2 }),
  });
  fc.assert(
    fc.property(fc.array(step), (steps) => {
      const list = new SubscriptionList();
      const map = new Map<string, number>();
      for (const { set, filter, qos } of steps) {
        if (set) {
          assert.equal(list.set(filter, subscriptionOptions(qos)), !map.has(filter));
          map.set(filter, qos);
        } else assert.equal(list.delete(filter), map.delete(filter));
        assert.equal(list.size, map.size);
        assert.equal(list.get(filter)?.qos, map.get(filter));
      }
      assert.deepEqual([...list].map(([filter, { qos }]) => [filter, qos]).sort(), [...map].sort());
    }),
  );
});
