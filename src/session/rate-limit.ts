/** A token bucket: `perSecond` messages a second, with bursts of one second's worth. Time in milliseconds. */
export class RateLimit {
  readonly #perSecond: number;
  #tokens: number;
  #at: number;

  constructor(perSecond: number, now: number) {
    this.#perSecond = perSecond;
    this.#tokens = perSecond;
    this.#at = now;
  }

  /** Takes one message's token; returns how many milliseconds to wait before the next message, usually 0. */
  take(now: number): number {
    if (now > this.#at) {
      this.#tokens = Math.min(this.#perSecond, this.#tokens + ((now - this.#at) * this.#perSecond) / 1_000);
      this.#at = now;
    }
    this.#tokens--;
    return this.#tokens >= 0 ? 0 : Math.ceil((-this.#tokens * 1_000) / this.#perSecond);
  }
}
