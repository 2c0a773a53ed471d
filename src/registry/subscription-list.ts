import type { SubscriptionOptions } from "../routing/destination.ts";

/**
 * The subscriptions of one session by filter text (with `$share/group/`). The first stands in the object itself: most
 * clients have one, some have a hundred thousand.
 */
export class SubscriptionList {
  #filter: string | null = null;
  #options: SubscriptionOptions | null = null;
  #many: Map<string, SubscriptionOptions> | null = null;

  get size(): number {
    return this.#many === null ? (this.#filter === null ? 0 : 1) : this.#many.size;
  }

  get(filter: string): SubscriptionOptions | undefined {
    if (this.#many !== null) return this.#many.get(filter);
    return this.#filter === filter ? (this.#options ?? undefined) : undefined;
  }

  /** Adds or replaces; true when it is new. */
  set(filter: string, options: SubscriptionOptions): boolean {
    if (this.#many !== null) {
      const before = this.#many.size;
      return this.#many.set(filter, options).size > before;
    }
    if (this.#filter === null || this.#options === null) {
      this.#filter = filter;
      this.#options = options;
      return true;
    }
    if (this.#filter === filter) {
      this.#options = options;
      return false;
    }
    this.#many = new Map([
      [this.#filter, this.#options],
      [filter, options],
    ]);
    this.#filter = null;
    this.#options = null;
    return true;
  }

  /** False when there was none. */
  delete(filter: string): boolean {
    if (this.#many !== null) return this.#many.delete(filter);
    if (this.#filter !== filter) return false;
    this.#filter = null;
    this.#options = null;
    return true;
  }

  *[Symbol.iterator](): IterableIterator<[string, SubscriptionOptions]> {
    if (this.#many !== null) yield* this.#many;
    else if (this.#filter !== null && this.#options !== null) yield [this.#filter, this.#options];
  }
}
