/** What one turn may give away, in bytes of payload and what a delivery costs beside it. */
const BUDGET = 48 * 1024 * 1024;
/** What a delivery costs beside its payload, in bytes that are copied in the same time. */
const DELIVERY = 256;
/** Up to so many receivers a publish is not counted: reading them ends with what one read brings. */
export const FEW_RECEIVERS = 16;

/** What a SUBSCRIBE or UNSUBSCRIBE counts, in receivers: some thousand of them fit into one read. */
export const SUBSCRIBE_RECEIVERS = 256;
/** What each of its filters counts beside it. */
export const FILTER_RECEIVERS = 64;
/** Those of longer packets are dealt with over several turns. */
export const MOST_FILTERS = 256;
/** What a PINGREQ counts: it has two bytes. */
export const PING_RECEIVERS = 16;

/** Who stops reading until the next turn. */
export interface Held {
  /** The next turn has begun. */
  goOn(): void;
}

/**
 * How much the publishes of one turn of the event loop may be multiplied, and other small packets that are much work. Some
 * kilobytes that one client sends can be hundreds of megabytes for its receivers, and would be the work of seconds; with
 * this others are served in between, every fifty milliseconds or so. One for all sessions of a thread.
 */
export class TurnBudget {
  #left = BUDGET;
  #counting = false;
  #held: Held[] = [];
  readonly #next = (): void => this.#begin();

  /** A publish with `size` bytes of payload went to so many. False: enough for this turn. */
  spend(receivers: number, size: number): boolean {
    if (!this.#counting) {
      this.#counting = true;
      setImmediate(this.#next);
    }
    this.#left -= receivers * (size + DELIVERY);
    return this.#left > 0;
  }

  /** `who` goes on in one of the next turns; those who came first, first. */
  hold(who: Held): void {
    this.#held.push(who);
  }

  #begin(): void {
    this.#counting = false;
    this.#left = BUDGET;
    const held = this.#held;
    this.#held = [];
    let index = 0;
    // Who goes on may use up the new budget, and be held again behind those that are still waiting.
    while (index < held.length && this.#left > 0) held[index++]?.goOn();
    if (index < held.length) this.#held = held.slice(index).concat(this.#held);
  }
}
