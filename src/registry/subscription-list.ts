import type { SubscriptionOptions } from "../routing/destination.ts";

/** Above this a Map takes over: most clients have few subscriptions, some have a hundred thousand. */
const FEW = 8;

/** The subscriptions of one session by filter text (with `$share/group/`). Small for the many that have one. */
export class SubscriptionList {
  #filters: string[] = [];
  #options: SubscriptionOptions[] = [];
  #many: Map<string, SubscriptionOptions> | null = null;

  get size(): number {
    return this.#many === null ? this.#filters.length : this.#many.size;
  }

  get(filter: string): SubscriptionOptions | undefined {
    if (this.#many !== null) return this.#many.get(filter);
    const at = this.#filters.indexOf(filter);
    return at < 0 ? undefined : this.#options[at];
  }

  /** Adds or replaces; true when it is new. */
  set(filter: string, options: SubscriptionOptions): boolean {
    if (this.#many !== null) {
      const before = this.#many.size;
      return this.#many.set(filter, options).size > before;
    }
    const at = this.#filters.indexOf(filter);
    if (at >= 0) {
      this.#options[at] = options;
      return false;
    }
    this.#filters.push(filter);
    this.#options.push(options);
    if (this.#filters.length > FEW) {
      this.#many = new Map(this.#filters.map((name, index) => [name, this.#options[index] ?? options]));
      this.#filters = [];
      this.#options = [];
    }
    return true;
  }

  /** False when there was none. */
  delete(filter: string): boolean {
    if (this.#many !== null) return this.#many.delete(filter);
    const at = this.#filters.indexOf(filter);
    if (at < 0) return false;
    this.#filters.splice(at, 1);
    this.#options.splice(at, 1);
    return true;
  }

  *[Symbol.iterator](): IterableIterator<[string, SubscriptionOptions]> {
    if (this.#many !== null) {
      yield* this.#many;
      return;
    }
    for (const [index, filter] of this.#filters.entries()) {
      const options = this.#options[index];
      if (options !== undefined) yield [filter, options];
    }
  }
}
