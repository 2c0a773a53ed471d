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
 * session, with or without a connection.
 */
export class Subscriber implements Timed {
  readonly id: SubscriberId;
  readonly mountpoint: Mountpoint;
  readonly queue: SubscriberQueue;
  readonly subscriptions = new SubscriptionList();
  /** Epoch seconds (a small integer) at which this process made it. */
  readonly startedSeconds: number;
  readonly #timers: SubscriberTimers;
  handle: SessionHandle | null = null;
  username: string | null = null;
  /** Seconds after the end of the connection: 0 ends with it, `NEVER` stays. */
  expirySeconds: number;
  /** MQTT 3 sessions expire by `persistent_client_expiration`. */
  legacy = false;
  /** Epoch milliseconds of the end of the connection, 0 while online. */
  disconnectedAt = 0;
  will: LastWill | null = null;
  /** Epoch milliseconds at which a delayed will is published, 0 for none pending. */
  willDueAt = 0;
  ended = false;
  dueTick = -1;
  previousTimed: Timed | null = null;
  nextTimed: Timed | null = null;

  constructor(
    id: SubscriberId,
    mountpoint: Mountpoint,
    queue: SubscriberQueue,
    expirySeconds: number,
    timers: SubscriberTimers,
  ) {
    this.id = id;
    this.mountpoint = mountpoint;
    this.queue = queue;
    this.expirySeconds = expirySeconds;
    this.startedSeconds = Math.floor(mountpoint.queues.clock.now() / 1_000);
    this.#timers = timers;
  }

  get persistent(): boolean {
    return this.queue.persistent;
  }

  due(): void {
    this.#timers.subscriberDue(this);
  }
}
