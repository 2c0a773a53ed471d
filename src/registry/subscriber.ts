import type { Timed } from "../clock/timer-wheel.ts";
import type { Message } from "../mqtt/message.ts";
import type { SubscriberId } from "../queue/queue-context.ts";
import type { SubscriberQueue } from "../queue/subscriber-queue.ts";
import type { Mountpoint } from "./mountpoint.ts";
import { SubscriptionList } from "./subscription-list.ts";

/** Session expiry interval of a session that never expires. */
export const NEVER = 0xffffffff;

/** A connection as the registry sees it. */
export interface SessionHandle {
  /** The client has gone, and what comes of that waits for its turn. */
  readonly leaving: boolean;
  /** It is not to wait any longer. */
  leave(): void;
  /** Another connection has taken the session over [MQTT-3.1.4-3]: say so and close. Must not wait for anything. */
  takenOver(): void;
}

/** The will of a session, published when its connection ends without a DISCONNECT that says otherwise. */
export interface LastWill {
  readonly message: Message;
  /** Seconds, already capped by `max_last_will_delay`. */
  readonly delaySeconds: number;
  /** Message expiry interval in seconds from when it is published, -1 for none. */
  readonly expirySeconds: number;
}

/** What a due subscriber asks of its registry. */
export interface SubscriberTimers {
  subscriberDue(subscriber: Subscriber): void;
}

/**
 * One session by its subscriber id: its queue, subscriptions, and when it and its will are due. Lives as long as the
 * session, with or without a connection. There may be a million of them: so it is its own list of subscriptions, has no
 * fields that its queue has, and keeps times in small integers, because a larger number is an object of its own.
 */
export class Subscriber extends SubscriptionList implements Timed {
  readonly mountpoint: Mountpoint;
  readonly queue: SubscriberQueue;
  /** Epoch seconds (a small integer) at which this process made it. */
  readonly startedSeconds: number;
  readonly #timers: SubscriberTimers;
  handle: SessionHandle | null = null;
  username: string | null = null;
  /** `expirySeconds` as a signed integer of 32 bits. */
  #expiry = 0;
  /** MQTT 3 sessions expire by `persistent_client_expiration`. */
  legacy = false;
  /** `disconnectedAt`: the seconds, and the milliseconds beyond them. */
  #endSeconds = 0;
  #endMilliseconds = 0;
  will: LastWill | null = null;
  /** Epoch milliseconds at which a delayed will is published, 0 for none pending. */
  willDueAt = 0;
  ended = false;
  dueTick = -1;
  previousTimed: Timed | null = null;
  nextTimed: Timed | null = null;

  constructor(
    mountpoint: Mountpoint,
    queue: SubscriberQueue,
    expirySeconds: number,
    startedSeconds: number,
    timers: SubscriberTimers,
  ) {
    super();
    this.mountpoint = mountpoint;
    this.queue = queue;
    this.expirySeconds = expirySeconds;
    this.startedSeconds = startedSeconds;
    this.#timers = timers;
  }

  get clientId(): string {
    return this.queue.clientId;
  }

  /** Made at each call. */
  get id(): SubscriberId {
    return { mountpoint: this.mountpoint.name, clientId: this.queue.clientId };
  }

  get subscriptions(): SubscriptionList {
    return this;
  }

  /** Seconds after the end of the connection: 0 ends with it, `NEVER` stays. */
  get expirySeconds(): number {
    return this.#expiry >>> 0;
  }

  set expirySeconds(seconds: number) {
    this.#expiry = seconds | 0;
  }

  /** Epoch milliseconds of the end of the connection, 0 while online. */
  get disconnectedAt(): number {
    return this.#endSeconds * 1_000 + this.#endMilliseconds;
  }

  set disconnectedAt(milliseconds: number) {
    this.#endSeconds = Math.floor(milliseconds / 1_000);
    this.#endMilliseconds = milliseconds % 1_000;
  }

  get persistent(): boolean {
    return this.queue.persistent;
  }

  due(): void {
    this.#timers.subscriberDue(this);
  }
}
