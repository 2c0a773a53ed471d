import type { CommitBatch, CommitParticipant, MessageStore } from "../store/participant.ts";
import type { Subscriber } from "./subscriber.ts";
import {
  encodeSubscriber,
  encodeSubscription,
  INLINE_SUBSCRIPTIONS,
  subscriberKey,
  subscriptionKey,
} from "./subscriber-record.ts";
import { encodeWill } from "./will-record.ts";

/** So many changes of sessions and subscriptions, and not many more, come of long works in one commit. */
const ENOUGH = 2_048;
/** So many subscriptions of sessions that have ended are deleted by one commit. */
const DELETIONS = 1_024;

/** A session that has ended and has a record for each of its many subscriptions. */
interface Wipe {
  readonly subscriber: Subscriber;
  /** Those whose records are still to be deleted. */
  filters: Iterator<readonly [filter: string, options: unknown]>;
  /** How many they are. */
  left: number;
  /** Sessions with the same key that came after it: their records are written when it is over. */
  readonly successors: Set<Subscriber>;
  readonly waiting: (() => void)[];
}

/** Keeps the records of persistent sessions in the store up to date, all changes of a turn in its commit. */
export class RecordWriter implements CommitParticipant {
  dirty = false;
  readonly #store: MessageStore;
  #changed = new Set<Subscriber>();
  #changedWills = new Set<Subscriber>();
  #changedSubscriptions = new Map<string, { readonly subscriber: Subscriber; readonly filter: string }>();
  /** How many shared groups have come and gone. */
  #changedGroups = 0;
  #strays: { readonly table: "will" | "subscriber"; readonly key: string }[] = [];
  /** By the key of the session. */
  readonly #wipes = new Map<string, Wipe>();
  /** Those of which no commit has said anything yet. */
  #newWipes: Wipe[] = [];
  /** To be called after the running commit, with which their wipes are over. */
  #wiped: (() => void)[] = [];
  /** Keys of sessions that have ended, which the next commit tells the store, and of which the running one does. */
  #ending = new Set<string>();
  #collectedEnding = new Set<string>();
  readonly #relieved: () => void;
  /** Who waits for a commit that has room. */
  #relief: (() => void)[] = [];

  /** `relieved` is called after each commit: then it is not busy any more. */
  constructor(store: MessageStore, relieved: () => void) {
    this.#store = store;
    this.#relieved = relieved;
  }

  /** The next commit has enough to write. */
  get busy(): boolean {
    return this.#changedSubscriptions.size + this.#changed.size + this.#changedGroups >= ENOUGH;
  }

  /** Calls back after a commit when it is not `busy` any more. */
  whenRelieved(callback: () => void): void {
    this.#relief.push(callback);
  }

  /** Calls back when all changes of a session are durable, and nothing is left of one before it with the same id. */
  whenSaved(subscriber: Subscriber, callback: () => void): void {
    const wipe = this.#wipeOf(subscriber);
    if (wipe === undefined) this.#store.whenDurable(callback);
    else wipe.waiting.push(callback);
  }

  /** Whether the end of a session before this one with the same id is not durable yet. */
  isEnding(subscriber: Subscriber): boolean {
    if (this.#ending.size + this.#collectedEnding.size + this.#wipes.size === 0) return false;
    const key = keyOf(subscriber);
    return this.#ending.has(key) || this.#collectedEnding.has(key) || this.#wipes.has(key);
  }

  /** The session itself has changed, or is new. */
  save(subscriber: Subscriber): void {
    this.#changed.add(subscriber);
    this.#touch();
  }

  /** Its will is new, due or gone. */
  saveWill(subscriber: Subscriber): void {
    this.#changedWills.add(subscriber);
    this.#touch();
  }

  /** A shared group has come or gone, which is work for the next commit too: its record, and its queue. */
  groupChanged(): void {
    this.#changedGroups++;
    this.#touch();
  }

  /** A will or a subscription without a session goes. */
  forget(table: "will" | "subscriber", key: string): void {
    this.#strays.push({ table, key });
    this.#touch();
  }

  /** A subscription was added or replaced. */
  saveSubscription(subscriber: Subscriber, filter: string): void {
    const { size } = subscriber.subscriptions;
    if (size <= INLINE_SUBSCRIPTIONS) this.save(subscriber);
    else if (size === INLINE_SUBSCRIPTIONS + 1) {
      // From now on each has a record of its own.
      this.save(subscriber);
      for (const [each] of subscriber.subscriptions) this.#mark(subscriber, each);
    } else this.#mark(subscriber, filter);
  }

  /** A subscription has ended; the list does not have it any more. */
  deleteSubscription(subscriber: Subscriber, filter: string): void {
    const { size } = subscriber.subscriptions;
    if (size < INLINE_SUBSCRIPTIONS) this.save(subscriber);
    else if (size === INLINE_SUBSCRIPTIONS) {
      this.save(subscriber);
      for (const [each] of subscriber.subscriptions) this.#mark(subscriber, each);
      this.#mark(subscriber, filter);
    } else this.#mark(subscriber, filter);
  }

  /**
   * The session has ended: everything of it goes. Very many subscriptions take several commits; the session's own record
   * goes with the last one, and says from the first one on that the session ends with its connection: so after a crash
   * in between the next start ends it.
   */
  delete(subscriber: Subscriber): void {
    this.#changedWills.add(subscriber);
    this.#ending.add(keyOf(subscriber));
    const wipe = this.#wipeOf(subscriber);
    if (subscriber.subscriptions.size <= INLINE_SUBSCRIPTIONS) this.#changed.add(subscriber);
    else if (wipe !== undefined) {
      wipe.filters = both(wipe.filters, subscriber.subscriptions);
      wipe.left += subscriber.subscriptions.size;
    } else {
      const begins: Wipe = {
        subscriber,
        filters: subscriber.subscriptions[Symbol.iterator](),
        left: subscriber.subscriptions.size,
        successors: new Set(),
        waiting: [],
      };
      this.#wipes.set(keyOf(subscriber), begins);
      this.#newWipes.push(begins);
    }
    this.#touch();
  }

  collect(batch: CommitBatch): void {
    const wills = this.#changedWills;
    const subscriptions = this.#changedSubscriptions;
    const changed = this.#changed;
    this.#changed = new Set();
    this.#changedWills = new Set();
    this.#changedSubscriptions = new Map();
    this.#changedGroups = 0;
    this.#collectedEnding = this.#ending;
    this.#ending = new Set();
    if (this.#wipes.size > 0) {
      this.#hold(changed);
      this.#hold(wills);
      this.#wipe(batch, changed, wills);
    }
    for (const { table, key } of this.#strays) batch.deleteRecord(table, key);
    this.#strays = [];
    // A session that has ended may have a successor with the same key in this very batch: deletions come first.
    for (const subscriber of changed) if (subscriber.ended) this.#put(batch, subscriber);
    for (const subscriber of wills) if (subscriber.ended) this.#putWill(batch, subscriber);
    for (const { subscriber, filter } of subscriptions.values())
      this.#putSubscription(batch, subscriber, filter);
    for (const subscriber of changed) if (!subscriber.ended) this.#put(batch, subscriber);
    for (const subscriber of wills) if (!subscriber.ended) this.#putWill(batch, subscriber);
  }

  committed(): void {
    const wiped = this.#wiped;
    this.#wiped = [];
    this.#collectedEnding = new Set();
    for (const callback of wiped) this.#store.whenDurable(callback);
    this.#relieved();
    // What came during a commit may be enough for the next one.
    if (this.#relief.length === 0 || this.busy) return;
    const relief = this.#relief;
    this.#relief = [];
    for (const callback of relief) callback();
  }

  #wipeOf(subscriber: Subscriber): Wipe | undefined {
    return this.#wipes.size === 0 ? undefined : this.#wipes.get(keyOf(subscriber));
  }

  /** Takes those out that have to wait for a wipe. */
  #hold(subscribers: Set<Subscriber>): void {
    for (const subscriber of subscribers) {
      const wipe = this.#wipeOf(subscriber);
      if (wipe === undefined || wipe.subscriber === subscriber) continue;
      subscribers.delete(subscriber);
      wipe.successors.add(subscriber);
    }
  }

  /** Deletes what one commit may. After a wipe that is over come the records of its successors. */
  #wipe(batch: CommitBatch, changed: Set<Subscriber>, wills: Set<Subscriber>): void {
    let room = DELETIONS;
    // Its own record goes last, also that of a session that has changed just before its end.
    for (const { subscriber } of this.#newWipes) changed.delete(subscriber);
    for (const [key, wipe] of this.#wipes) {
      const { mountpoint, clientId } = wipe.subscriber.id;
      // Not so few are left over that the next start would look for them in the session's own record.
      while (wipe.left > 0 && (room > 0 || wipe.left <= INLINE_SUBSCRIPTIONS)) {
        const next = wipe.filters.next();
        wipe.left = next.done === true ? 0 : wipe.left - 1;
        if (next.done === true) break;
        room--;
        batch.deleteRecord("subscriber", subscriptionKey(mountpoint, clientId, next.value[0]));
      }
      if (wipe.left > 0) {
        // The rest in the next commit.
        this.#touch();
        break;
      }
      batch.deleteRecord("subscriber", key);
      this.#wipes.delete(key);
      this.#collectedEnding.add(key);
      for (const successor of wipe.successors) {
        changed.add(successor);
        wills.add(successor);
      }
      for (const callback of wipe.waiting) this.#wiped.push(callback);
    }
    // Those, too, that have not had their turn: their queues go with this commit.
    for (const wipe of this.#newWipes) {
      const key = keyOf(wipe.subscriber);
      if (this.#wipes.get(key) === wipe)
        batch.putRecord("subscriber", key, this.#lastRecord(wipe.subscriber));
    }
    this.#newWipes = [];
  }

  /** With a queue of its own: the old one, if it is still there, is found to belong to nobody. */
  #lastRecord({ username }: Subscriber): Buffer {
    return encodeSubscriber({
      queue: this.#store.newQueueId(),
      expirySeconds: 0,
      legacy: false,
      disconnectedAt: 0,
      username,
      subscriptions: [],
    });
  }

  #touch(): void {
    if (!this.dirty) this.#store.touch(this);
  }

  #mark(subscriber: Subscriber, filter: string): void {
    const { mountpoint, clientId } = subscriber.id;
    this.#changedSubscriptions.set(subscriptionKey(mountpoint, clientId, filter), { subscriber, filter });
    this.#touch();
  }

  #put(batch: CommitBatch, subscriber: Subscriber): void {
    const key = keyOf(subscriber);
    if (subscriber.ended) {
      batch.deleteRecord("subscriber", key);
      return;
    }
    const { queue, expirySeconds, legacy, disconnectedAt, username, subscriptions } = subscriber;
    const inline = subscriptions.size <= INLINE_SUBSCRIPTIONS ? [...subscriptions] : [];
    batch.putRecord(
      "subscriber",
      key,
      encodeSubscriber({
        queue: queue.id,
        expirySeconds,
        legacy,
        disconnectedAt,
        username,
        subscriptions: inline,
      }),
    );
  }

  #putWill(batch: CommitBatch, subscriber: Subscriber): void {
    const key = keyOf(subscriber);
    const { will, willDueAt } = subscriber;
    if (will === null || subscriber.ended) batch.deleteRecord("will", key);
    else batch.putRecord("will", key, encodeWill({ will, dueAt: willDueAt }));
  }

  #putSubscription(batch: CommitBatch, subscriber: Subscriber, filter: string): void {
    const { mountpoint, clientId } = subscriber.id;
    const key = subscriptionKey(mountpoint, clientId, filter);
    const options = subscriber.subscriptions.get(filter);
    const own = subscriber.subscriptions.size > INLINE_SUBSCRIPTIONS && !subscriber.ended;
    if (options === undefined || !own) batch.deleteRecord("subscriber", key);
    else batch.putRecord("subscriber", key, encodeSubscription(options));
  }
}

function keyOf({ id: { mountpoint, clientId } }: Subscriber): string {
  return subscriberKey(mountpoint, clientId);
}

/** One after the other. */
function* both<T>(first: Iterator<T>, second: Iterable<T>): Generator<T> {
  for (let next = first.next(); next.done !== true; next = first.next()) yield next.value;
  yield* second;
}
