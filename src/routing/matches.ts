import type { Subscribers } from "./subscribers.ts";

const NONE: readonly Subscribers[] = [];

/** Gathers what a match finds; one object serves all matches, so that only the result is made each time. */
export class Matches {
  private readonly found: (Subscribers | null)[] = [];
  private count = 0;

  add(subscribers: Subscribers): void {
    this.found[this.count++] = subscribers;
  }

  /** What was added since the last call. */
  take(): readonly Subscribers[] {
    const { found, count } = this;
    if (count === 0) return NONE;
    this.count = 0;
    const result = new Array<Subscribers>(count);
    for (let i = 0; i < count; i++) {
      const each = found[i];
      if (each) result[i] = each;
      found[i] = null;
    }
    return result;
  }
}
