import type { Message } from "../mqtt/message.ts";
import type { Publication } from "../mqtt/publication.ts";
import type { SubscriptionOptions } from "../routing/destination.ts";
import type { GroupBacklog, SharedGroup } from "../routing/shared-group.ts";
import type { Receiver } from "./receiver.ts";
import type { SubscriberQueue } from "./subscriber-queue.ts";

/**
 * The queue that a shared group owns: it keeps what comes while no member is online, on disk like any persistent
 * queue, and hands it to members when they are back. A message leaves it in the same commit in which it enters the
 * queue of a member, so a crash neither loses nor doubles it.
 */
export class GroupQueue implements GroupBacklog, Receiver {
  writable = false;
  readonly leaving = false;
  readonly window = Number.POSITIVE_INFINITY;
  readonly retrySeconds = 0;
  readonly #queue: SubscriberQueue;
  readonly #forget: () => void;
  #group: SharedGroup | null = null;
  #draining = false;

  /** `forget` removes the group's record when it has ended. */
  constructor(queue: SubscriberQueue, forget: () => void) {
    this.#queue = queue;
    this.#forget = forget;
  }

  get waiting(): number {
    return this.#queue.waiting + this.#queue.inflight;
  }

  deliver(publication: Publication, options: SubscriptionOptions): void {
    if (!this.writable && this.#queue.online) this.#queue.detach();
    const retain = options.retainAsPublished && publication.retain;
    this.#queue.accept(publication, publication.qos, retain, 0, null);
  }

  drain(group: SharedGroup): void {
    if (this.#draining) return;
    this.#draining = true;
    this.#group = group;
    this.writable = true;
    if (this.#queue.online) this.#queue.detach();
    this.#queue.attach(this);
    this.#queue.pump();
    this.#draining = false;
  }

  discard(): void {
    this.writable = false;
    this.#forget();
    void this.#queue.end();
  }

  /** The queue's side: a refused message stays first in line, as one in flight, until the next drain. */
  send(message: Message): boolean {
    // Refused once, it counts as sent in the queue; but no member has got it.
    if (this.#queue.expired(message)) return false;
    const draining = this.#draining;
    // A member that takes it may say at once that it has room for more.
    this.#draining = true;
    const taken = this.#group?.offer(message) === true;
    this.#draining = draining;
    if (taken) return false;
    this.writable = false;
    return true;
  }

  sendDirect(): void {}

  sendPubrel(): void {}

  retryWanted(): void {}
}
