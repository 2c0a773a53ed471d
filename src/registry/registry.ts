import type { Clock } from "../clock/clock.ts";
import { LongWorks, oneStep } from "../clock/long-works.ts";
import type { TimerWheel } from "../clock/timer-wheel.ts";
import type { Logger } from "../log/logger.ts";
import type { Counters } from "../metrics/counters.ts";
import { Metric } from "../metrics/metric.ts";
import { Publication } from "../mqtt/publication.ts";
import type { QueueLimits, SubscriberId } from "../queue/queue-context.ts";
import { SubscriberQueue } from "../queue/subscriber-queue.ts";
import type { SubscriptionOptions } from "../routing/destination.ts";
import type { MessageStore } from "../store/participant.ts";
import type { Mountpoint } from "./mountpoint.ts";
import { RecordWriter } from "./record-writer.ts";
import { type LastWill, NEVER, type SessionHandle, Subscriber, type SubscriberTimers } from "./subscriber.ts";

/** With more subscriptions than that, what concerns each of a session's is done over several turns. */
const FEW = 64;

/** What the registry tells plugins. */
export interface RegistryEvents {
  clientWakeup(id: SubscriberId): void;
  clientOffline(id: SubscriberId): void;
  clientGone(id: SubscriberId): void;
  sessionExpired(id: SubscriberId): void;
  allTopicsUnsubscribed(id: SubscriberId): void;
}

/** The options that the registry follows. */
export interface RegistryOptions {
  /** Seconds after which an offline session of MQTT 3 ends, 0 for never. */
  readonly persistentClientExpirationSeconds: number;
  readonly suppressLastWillOnTakeover: boolean;
}

/** One connection that wants to be a session. */
export interface Registration {
  readonly mountpoint: Mountpoint;
  readonly clientId: string;
  readonly username: string | null;
  /** Clean session or clean start: what is stored is wiped. */
  readonly clean: boolean;
  /** Seconds that the session outlives the connection, `NEVER` for always. */
  readonly expirySeconds: number;
  /** MQTT 3.1 or 3.1.1: expires by configuration. */
  readonly legacy: boolean;
  readonly limits: QueueLimits;
  readonly handle: SessionHandle;
  readonly will: LastWill | null;
}

/** Who owns which client id: registration, take-over, expiry, wills. One owner per node. */
export class Registry implements SubscriberTimers {
  readonly #store: MessageStore;
  readonly #wheel: TimerWheel;
  readonly #clock: Clock;
  readonly #counters: Counters;
  readonly #log: Logger;
  readonly #events: RegistryEvents;
  readonly #options: { readonly value: RegistryOptions };
  readonly #records: RecordWriter;
  readonly #subscribers = new Map<string, Map<string, Subscriber>>();
  /** The groups of the sessions that are members of any: they are looked for at every message, other filters not. */
  readonly #memberships = new Map<Subscriber, Set<string>>();
  readonly #publication = new Publication();
  readonly #works: LongWorks;
  /** Those that change what is stored: they wait while a commit has enough to write. */
  readonly #storedWorks: LongWorks;
  #count = 0;
  #online = 0;

  constructor(
    store: MessageStore,
    wheel: TimerWheel,
    clock: Clock,
    counters: Counters,
    log: Logger,
    events: RegistryEvents,
    options: { readonly value: RegistryOptions },
  ) {
    this.#store = store;
    this.#wheel = wheel;
    this.#clock = clock;
    this.#counters = counters;
    this.#log = log;
    this.#events = events;
    this.#options = options;
    this.#records = new RecordWriter(store, () => this.#storedWorks.resume());
    const failed = (error: unknown): void => log.crash("registry", "one step of a long work failed", error);
    this.#works = new LongWorks(failed);
    this.#storedWorks = new LongWorks(failed, () => !this.#records.busy);
  }

  /** Sessions, online and offline. */
  get count(): number {
    return this.#count;
  }

  /** Sessions with a connection. */
  get online(): number {
    return this.#online;
  }

  /** Whether the next commit has enough to write, so that a session that brings more for it has to wait. */
  isEnough(subscriber: Subscriber): boolean {
    return this.#records.busy && (subscriber.persistent || this.#memberships.has(subscriber));
  }

  /** Calls back when the next commit has room again. */
  whenRelieved(callback: () => void): void {
    this.#records.whenRelieved(callback);
  }

  find(mountpoint: string, clientId: string): Subscriber | undefined {
    return this.#subscribers.get(mountpoint)?.get(clientId);
  }

  /** All sessions. Stable while sessions come and go. */
  *all(): IterableIterator<Subscriber> {
    for (const tree of this.#subscribers.values()) yield* tree.values();
  }

  /**
   * Makes a connection the owner of its client id, taking an older connection's place [MQTT-3.1.4-3]. Calls back when
   * that is durable: at once for a session that is not stored, unless the store still has one before it. Not called
   * when yet another connection took over meanwhile.
   */
  register(
    registration: Registration,
    done: (subscriber: Subscriber, sessionPresent: boolean) => void,
  ): void {
    const { mountpoint, clientId, handle } = registration;
    let subscriber = this.find(mountpoint.name, clientId);
    if (subscriber?.handle?.leaving === true) {
      subscriber.handle.leave();
      subscriber = this.find(mountpoint.name, clientId);
    }
    if (
      subscriber !== undefined &&
      subscriber.handle === null &&
      this.#clock.now() >= this.#expiresAt(subscriber) &&
      this.#wheel.isDue(subscriber)
    ) {
      // Its timer is late by up to a tick. That the system time is past it says nothing: it may just have been set.
      this.#due(subscriber);
      subscriber = undefined;
    }
    if (subscriber !== undefined) {
      // Without an interval it ends with its connection, also one that has resumed a stored session (MQTT 5, 3.1.2.11.2).
      const ends = registration.clean || subscriber.expirySeconds === 0;
      this.#displace(subscriber, ends);
      if (ends) {
        this.#end(subscriber, "gone");
        subscriber = undefined;
      }
    }
    const sessionPresent = subscriber !== undefined;
    const owner = subscriber ?? this.#create(registration);
    owner.handle = handle;
    owner.username = registration.username;
    owner.expirySeconds = registration.expirySeconds;
    owner.legacy = registration.legacy;
    owner.will = registration.will;
    owner.willDueAt = 0;
    owner.disconnectedAt = 0;
    owner.queue.limits = registration.limits;
    this.#wheel.cancel(owner);
    this.#online++;
    if (owner.persistent) {
      // Without a will nothing is stored of one: that of an older connection has been dropped.
      if (owner.will !== null) this.#records.saveWill(owner);
      this.#records.save(owner);
    } else if (!this.#records.isEnding(owner)) {
      done(owner, sessionPresent);
      return;
    }
    this.#records.whenSaved(owner, () => {
      if (owner.handle === handle && !owner.ended) done(owner, sessionPresent);
    });
  }

  /** A connection has ended; the session lives on or ends by its expiry interval. */
  disconnected(subscriber: Subscriber, publishWill: boolean): void {
    subscriber.handle = null;
    this.#online--;
    if (subscriber.expirySeconds > 0) this.presenceChanged(subscriber);
    const { will } = subscriber;
    const now = this.#clock.now();
    if (will !== null) {
      // [MQTT-3.1.3-9]: a delay counts only while the session lives on.
      if (publishWill && will.delaySeconds > 0 && subscriber.expirySeconds > 0) {
        subscriber.willDueAt = now + will.delaySeconds * 1_000;
        this.#records.saveWill(subscriber);
      } else {
        this.#dropWill(subscriber);
        if (publishWill) this.#publishWill(subscriber, will);
      }
    }
    if (subscriber.expirySeconds === 0) {
      this.#end(subscriber, "gone");
      return;
    }
    subscriber.disconnectedAt = now;
    this.#records.save(subscriber);
    this.#schedule(subscriber);
    this.#events.clientOffline(subscriber.id);
  }

  /** DISCONNECT may change the session expiry interval (MQTT 5). */
  changeExpiry(subscriber: Subscriber, expirySeconds: number): void {
    subscriber.expirySeconds = expirySeconds;
  }

  /** Adds or replaces a subscription; true when it is new. Throws nothing; the filter has been checked. */
  subscribe(subscriber: Subscriber, filter: string, options: SubscriptionOptions): boolean {
    const isNew = subscriber.subscriptions.set(filter, options);
    const { groups } = subscriber.mountpoint;
    const { size } = groups;
    this.#route(subscriber, filter, options);
    if (groups.size !== size) this.#records.groupChanged();
    if (subscriber.persistent) this.#records.saveSubscription(subscriber, filter);
    return isNew;
  }

  /** Ends a subscription; false when there was none. */
  unsubscribe(subscriber: Subscriber, filter: string): boolean {
    if (!subscriber.subscriptions.delete(filter)) return false;
    this.#unroute(subscriber, filter);
    if (subscriber.persistent) this.#records.deleteSubscription(subscriber, filter);
    return true;
  }

  /** Calls back when all changes of a session are durable: at once for one that is not stored. */
  whenSaved(subscriber: Subscriber, callback: () => void): void {
    if (subscriber.persistent) this.#records.whenSaved(subscriber, callback);
    else callback();
  }

  /**
   * Begins a work on a session that changes very many of its subscriptions, one with each step. It is done over several
   * turns, so each step has to look whether the session is still there.
   */
  startWork(subscriber: Subscriber, work: Iterator<unknown>): void {
    (subscriber.persistent ? this.#storedWorks : this.#works).start(work);
  }

  /** Does what may come of thousands of sessions at the same moment: at once, or after that of the others. */
  inTurn(subscriber: Subscriber, step: () => void): void {
    this.startWork(subscriber, oneStep(step));
  }

  /** Tells shared groups that a member has come or gone. */
  presenceChanged(subscriber: Subscriber): void {
    const { groups } = subscriber.mountpoint;
    const filters = this.#memberships.get(subscriber);
    if (filters === undefined) return;
    if (filters.size > FEW) this.#works.start(this.#tellGroups(subscriber, filters));
    else for (const filter of filters) groups.get(filter)?.memberChanged(subscriber.queue);
  }

  /** The connection is in place: tells plugins. */
  attached(subscriber: Subscriber): void {
    this.#events.clientWakeup(subscriber.id);
  }

  /** Ends a session for good, with all that is stored of it. A connection has to be closed before. */
  remove(subscriber: Subscriber): void {
    if (subscriber.will !== null && subscriber.willDueAt !== 0) {
      const { will } = subscriber;
      this.#dropWill(subscriber);
      this.#publishWill(subscriber, will);
    }
    this.#end(subscriber, "gone");
  }

  /** A session found in the store. Its subscriptions and head are put in by the loader. */
  restored(subscriber: Subscriber): void {
    this.#tree(subscriber.mountpoint.name).set(subscriber.clientId, subscriber);
    this.#count++;
    this.#counters.increment(Metric.queue_setup);
    if (subscriber.queue.waiting > 0) this.#counters.increment(Metric.queue_initialized_from_storage);
  }

  /** A subscription found in the store: as `subscribe`, without writing it again. */
  restoreSubscription(subscriber: Subscriber, filter: string, options: SubscriptionOptions): void {
    subscriber.subscriptions.set(filter, options);
    this.#route(subscriber, filter, options);
  }

  /** A will (by the key of its session) or a subscription found in the store without its session: its record goes. */
  forgetRecord(table: "will" | "subscriber", key: string): void {
    this.#records.forget(table, key);
  }

  /** After the restart of the broker: what was online is offline from now on, and timers run again. */
  resumeTimers(subscriber: Subscriber): void {
    if (subscriber.disconnectedAt === 0) {
      const now = this.#clock.now();
      subscriber.disconnectedAt = now;
      this.#records.save(subscriber);
      if (subscriber.will !== null) {
        subscriber.willDueAt = now + subscriber.will.delaySeconds * 1_000;
        this.#records.saveWill(subscriber);
      }
    }
    this.#schedule(subscriber);
  }

  /** `persistentClientExpirationSeconds` has changed: also those that are offline already follow it. */
  expirationChanged(): void {
    this.#works.start(this.#scheduleAnew());
  }

  *#scheduleAnew(): Generator<void> {
    for (const subscriber of this.all()) {
      if (subscriber.legacy && subscriber.handle === null) {
        this.#wheel.cancel(subscriber);
        this.#schedule(subscriber);
      }
      yield;
    }
  }

  /** A hundred thousand may be due at the same moment, after a start above all: then in the order in which they come. */
  subscriberDue(subscriber: Subscriber): void {
    this.inTurn(subscriber, () => this.#due(subscriber));
  }

  #due(subscriber: Subscriber): void {
    if (subscriber.ended || subscriber.handle !== null) return;
    const now = this.#clock.now();
    const expires = this.#expiresAt(subscriber);
    const { will } = subscriber;
    if (will !== null && subscriber.willDueAt !== 0 && (now >= subscriber.willDueAt || now >= expires)) {
      this.#dropWill(subscriber);
      this.#publishWill(subscriber, will);
    }
    if (now >= expires) this.#end(subscriber, "expired");
    else this.#schedule(subscriber);
  }

  /** An older connection makes room. Its will is published unless the session goes on, within the will's delay. */
  #displace(subscriber: Subscriber, ends: boolean): void {
    const { handle, will } = subscriber;
    const pending = subscriber.willDueAt !== 0;
    if (handle !== null) {
      subscriber.handle = null;
      this.#online--;
      handle.takenOver();
      this.presenceChanged(subscriber);
    }
    if (will === null) return;
    // A pending one may be due already: its timer is late, or the broker was not running at its time.
    const late = this.#clock.now() >= subscriber.willDueAt && this.#wheel.isDue(subscriber);
    const due = pending && (ends || late);
    this.#dropWill(subscriber);
    if (handle !== null && this.#options.value.suppressLastWillOnTakeover) return;
    if (handle !== null ? ends || will.delaySeconds === 0 : due) {
      this.#publishWill(subscriber, will);
    }
  }

  #create(registration: Registration): Subscriber {
    const { mountpoint, clientId, expirySeconds, limits } = registration;
    const queueId = expirySeconds > 0 ? this.#store.newQueueId() : 0;
    const queue = new SubscriberQueue(queueId, clientId, limits, mountpoint.queues);
    const subscriber = new Subscriber(
      mountpoint,
      queue,
      expirySeconds,
      Math.floor(this.#clock.now() / 1_000),
      this,
    );
    this.#tree(mountpoint.name).set(clientId, subscriber);
    this.#count++;
    this.#counters.increment(Metric.queue_setup);
    return subscriber;
  }

  #end(subscriber: Subscriber, why: "gone" | "expired"): void {
    if (subscriber.ended) return;
    subscriber.ended = true;
    this.#wheel.cancel(subscriber);
    this.#dropWill(subscriber);
    const { id, mountpoint, subscriptions } = subscriber;
    if (this.#tree(mountpoint.name).get(id.clientId) === subscriber) {
      this.#tree(mountpoint.name).delete(id.clientId);
      this.#count--;
      this.#counters.increment(Metric.queue_teardown);
    }
    // The end of a group changes what is stored, whoever was in it.
    const works = this.#memberships.delete(subscriber) ? this.#storedWorks : this.#works;
    // Its queue refuses everything from now on, so that it does not matter how long it is still found.
    if (subscriptions.size > FEW) works.start(this.#unrouteAll(subscriber));
    else for (const [filter] of subscriptions) this.#unroute(subscriber, filter);
    subscriber.queue.end().catch((error: unknown) => {
      this.#log.crash("registry", `the queue of client ${id.clientId} could not be ended cleanly`, error);
    });
    if (subscriber.persistent) this.#records.delete(subscriber);
    if (subscriptions.size > 0) this.#events.allTopicsUnsubscribed(id);
    if (why === "expired") {
      this.#log.info("session", `session of client ${id.clientId} expired`);
      this.#events.sessionExpired(id);
    }
    this.#events.clientGone(id);
  }

  #route(subscriber: Subscriber, filter: string, options: SubscriptionOptions): void {
    const { mountpoint, queue } = subscriber;
    if (isShared(filter)) {
      mountpoint.groups.join(filter, queue, options);
      const filters = this.#memberships.get(subscriber) ?? new Set();
      filters.add(filter);
      this.#memberships.set(subscriber, filters);
      queue.waker ??= () => this.#wakeGroups(subscriber, filters);
    } else mountpoint.index.subscribe(filter, queue, options);
  }

  #unroute(subscriber: Subscriber, filter: string): void {
    const { mountpoint, queue } = subscriber;
    if (isShared(filter)) {
      const { size } = mountpoint.groups;
      mountpoint.groups.leave(filter, queue);
      if (mountpoint.groups.size !== size) this.#records.groupChanged();
      this.#memberships.get(subscriber)?.delete(filter);
    } else mountpoint.index.unsubscribe(filter, queue);
  }

  *#unrouteAll(subscriber: Subscriber): Generator<void> {
    for (const [filter] of subscriber.subscriptions) {
      this.#unroute(subscriber, filter);
      yield;
    }
  }

  *#tellGroups(subscriber: Subscriber, filters: ReadonlySet<string>): Generator<void> {
    const { groups } = subscriber.mountpoint;
    for (const filter of filters) {
      if (subscriber.ended) return;
      groups.get(filter)?.memberChanged(subscriber.queue);
      yield;
    }
  }

  /** The groups for which messages wait may go on. Called after everything that was sent to a member. */
  #wakeGroups(subscriber: Subscriber, filters: ReadonlySet<string>): void {
    const { groups } = subscriber.mountpoint;
    if (groups.backlogged.size === 0) return;
    for (const group of groups.withBacklog()) {
      if (filters.has(group.filterText)) group.memberChanged(subscriber.queue);
    }
  }

  #dropWill(subscriber: Subscriber): void {
    if (subscriber.will === null) return;
    subscriber.will = null;
    subscriber.willDueAt = 0;
    if (subscriber.persistent) this.#records.saveWill(subscriber);
  }

  #publishWill({ mountpoint, queue }: Subscriber, will: LastWill): void {
    const publication = this.#publication;
    publication.fromMessage(will.message, this.#clock.now());
    publication.expiryInterval = will.expirySeconds;
    publication.origin = queue;
    // The expiry interval counts from now, so a lasting copy has to be made anew.
    if (will.expirySeconds >= 0) publication.copy = null;
    const steps = mountpoint.router.publish(publication) >> 4;
    this.#works.spend(steps);
    this.#storedWorks.spend(steps);
  }

  #schedule(subscriber: Subscriber): void {
    let next = this.#expiresAt(subscriber);
    if (subscriber.willDueAt !== 0) next = Math.min(next, subscriber.willDueAt);
    if (next === Number.POSITIVE_INFINITY) return;
    this.#wheel.schedule(subscriber, next - this.#clock.now());
  }

  #expiresAt(subscriber: Subscriber): number {
    const configured = this.#options.value.persistentClientExpirationSeconds;
    const seconds = subscriber.legacy && configured > 0 ? configured : subscriber.expirySeconds;
    return seconds === NEVER ? Number.POSITIVE_INFINITY : subscriber.disconnectedAt + seconds * 1_000;
  }

  #tree(mountpoint: string): Map<string, Subscriber> {
    let tree = this.#subscribers.get(mountpoint);
    if (tree === undefined) {
      tree = new Map();
      this.#subscribers.set(mountpoint, tree);
    }
    return tree;
  }
}

function isShared(filter: string): boolean {
  return filter.startsWith("$share/");
}
