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

/** Keeps the records of persistent sessions in the store up to date, all changes of a turn in its commit. */
export class RecordWriter implements CommitParticipant {
  dirty = false;
  readonly #store: MessageStore;
  #changed = new Set<Subscriber>();
  #changedWills = new Set<Subscriber>();
  #changedSubscriptions = new Map<string, { readonly subscriber: Subscriber; readonly filter: string }>();

  constructor(store: MessageStore) {
    this.#store = store;
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

  /** The session has ended: everything of it goes. */
  delete(subscriber: Subscriber): void {
    this.#changed.add(subscriber);
    this.#changedWills.add(subscriber);
    if (subscriber.subscriptions.size > INLINE_SUBSCRIPTIONS) {
      for (const [filter] of subscriber.subscriptions) this.#mark(subscriber, filter);
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
    // A session that has ended may have a successor with the same key in this very batch: deletions come first.
    for (const subscriber of changed) if (subscriber.ended) this.#put(batch, subscriber);
    for (const subscriber of wills) if (subscriber.ended) this.#putWill(batch, subscriber);
    for (const { subscriber, filter } of subscriptions.values())
      this.#putSubscription(batch, subscriber, filter);
    for (const subscriber of changed) if (!subscriber.ended) this.#put(batch, subscriber);
    for (const subscriber of wills) if (!subscriber.ended) this.#putWill(batch, subscriber);
  }

  committed(): void {}

  #touch(): void {
    if (!this.dirty) this.#store.touch(this);
  }

  #mark(subscriber: Subscriber, filter: string): void {
    const { mountpoint, clientId } = subscriber.id;
    this.#changedSubscriptions.set(subscriptionKey(mountpoint, clientId, filter), { subscriber, filter });
    this.#touch();
  }

  #put(batch: CommitBatch, subscriber: Subscriber): void {
    const key = subscriberKey(subscriber.id.mountpoint, subscriber.id.clientId);
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
    const key = subscriberKey(subscriber.id.mountpoint, subscriber.id.clientId);
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
