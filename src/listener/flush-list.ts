import { giveOutgrown } from "./block-pool.ts";

/** A connection with bytes to be written. */
export interface Flushable {
  flush(): void;
}

/**
 * Connections that wrote in this turn. All are flushed in one setImmediate, which runs after every readable socket of
 * the turn has been read: one write per connection and turn, however many packets it got.
 */
class FlushList {
  #waiting: Flushable[] = [];
  #flushing: Flushable[] = [];
  #scheduled = false;
  readonly #run = (): void => this.#flushAll();

  add(connection: Flushable): void {
    this.#waiting.push(connection);
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(this.#run);
  }

  #flushAll(): void {
    this.#scheduled = false;
    const flushing = this.#waiting;
    this.#waiting = this.#flushing;
    for (let i = 0; i < flushing.length; i++) flushing[i]?.flush();
    flushing.length = 0;
    giveOutgrown();
    this.#flushing = flushing;
  }
}

/** The list of this thread. */
export const flushList = new FlushList();
