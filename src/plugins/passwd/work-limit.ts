/**
 * Lets only so many slow works run at a time, and so many wait: password checks share the runtime's thread pool with
 * the store's writes, which a flood of logins must not hold up.
 */
export class WorkLimit {
  readonly #most: number;
  readonly #mostWaiting: number;
  #running: number;
  readonly #waiting: (() => void)[];

  constructor(most: number, mostWaiting: number) {
    this.#most = most;
    this.#mostWaiting = mostWaiting;
    this.#running = 0;
    this.#waiting = [];
  }

  /** Runs `work` when it is its turn. Rejects at once when too many wait already. */
  async run<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.#running >= this.#most) {
      if (this.#waiting.length >= this.#mostWaiting) throw new Error("too many password checks are waiting");
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    } else {
      this.#running++;
    }
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#running--;
      else next();
    }
  }
}
