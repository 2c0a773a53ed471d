/** So many events a second, with bursts of one second's worth. Times in milliseconds. */
export class TokenBucket {
  #tokens: number;
  #at: number;

  constructor(perSecond: number, now: number) {
    this.#tokens = perSecond;
    this.#at = now;
  }

  /** Takes a token, if there is one. */
  take(perSecond: number, now: number): boolean {
    this.#refill(perSecond, now);
    if (this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }

  /** Nothing has happened for so long that a new bucket would be the same. */
  full(perSecond: number, now: number): boolean {
    this.#refill(perSecond, now);
    return this.#tokens >= perSecond;
  }

  #refill(perSecond: number, now: number): void {
    this.#tokens = Math.min(perSecond, this.#tokens + (Math.max(0, now - this.#at) * perSecond) / 1_000);
    this.#at = Math.max(this.#at, now);
  }
}
