import type { Logger } from "../log/logger.ts";

/** How long nothing more is said about a queue, milliseconds. */
const SILENCE = 60_000;
/** Queues that are remembered; of more than that some may be told earlier again. */
const MOST_REMEMBERED = 10_000;
/** Lines a second for all queues together. */
const PER_SECOND = 5;

interface Told {
  at: number;
  /** Messages that were dropped since. */
  dropped: number;
}

interface Owner {
  readonly mountpoint: string;
  readonly clientId: string;
}

/**
 * Says in the log whose queue is full, with the option that would make it larger: once a minute for each queue. It is
 * called for dropped messages only, and costs a look into a map for each.
 */
export class FullQueues {
  readonly #log: Logger;
  readonly #wheel: { readonly time: number };
  readonly #told = new Map<Owner, Told>();

  constructor(log: Logger, wheel: { readonly time: number }) {
    this.#log = log;
    this.#wheel = wheel;
  }

  /** A message was dropped. `limit` is how many messages the queue may hold; with 0 nobody expects them to be kept. */
  dropped(owner: Owner, limit: number, online: boolean): void {
    if (limit === 0) return;
    const { time } = this.#wheel;
    let told = this.#told.get(owner);
    if (told !== undefined && time - told.at < SILENCE) {
      told.dropped++;
      return;
    }
    const more = told === undefined || told.dropped === 0 ? "" : `; ${told.dropped} since it was last said`;
    if (told === undefined) {
      if (this.#told.size >= MOST_REMEMBERED) this.#forget(time);
      told = { at: time, dropped: 0 };
      this.#told.set(owner, told);
    }
    told.at = time;
    told.dropped = 0;
    const key = online ? "max_online_messages" : "max_offline_messages";
    const where = owner.mountpoint === "" ? "" : ` (mountpoint ${owner.mountpoint})`;
    this.#log
      .limited("queue-full", PER_SECOND)
      .warning(
        "queue_full",
        `the queue of client ${owner.clientId}${where} is full with ${limit} messages, so messages are dropped${more}; to keep more raise ${key}`,
      );
  }

  #forget(time: number): void {
    for (const [owner, { at }] of this.#told) if (time - at >= SILENCE) this.#told.delete(owner);
    if (this.#told.size >= MOST_REMEMBERED) this.#told.clear();
  }
}
