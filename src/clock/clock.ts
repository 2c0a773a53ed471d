/** The time, as everything in the broker reads it: real, or moved by hand in tests. */
export interface Clock {
  /** Epoch milliseconds; may jump when the system time is set. For expiry that outlives a restart. */
  now(): number;
  /** Milliseconds that only go forward. For time-outs and rates. */
  monotonic(): number;
}

/** The machine's own time. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
};

/** A clock that stands still until it is moved. */
export class ManualClock implements Clock {
  #now: number;
  #monotonic = 0;

  constructor(now = 1_700_000_000_000) {
    this.#now = now;
  }

  now(): number {
    return this.#now;
  }

  monotonic(): number {
    return this.#monotonic;
  }

  /** Moves both times forward by `milliseconds`. */
  advance(milliseconds: number): void {
    this.#now += milliseconds;
    this.#monotonic += milliseconds;
  }

  /** Somebody sets the system time, by `milliseconds` in either direction. */
  jump(milliseconds: number): void {
    this.#now += milliseconds;
  }
}
