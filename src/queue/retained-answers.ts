import type { RetainedSource } from "./receiver.ts";

/** How many reads without a message one queue may do in a turn; each may be a long walk through the topics. */
const MOST_EMPTY_READS = 64;

/**
 * What is still to be read for new subscriptions, in their order. A client may subscribe to a hundred thousand filters at
 * once: so a source costs the same whatever the number of the others, and reads that find nothing are spread over
 * turns.
 */
export class RetainedAnswers {
  readonly #whenRested: () => void;
  #sources: RetainedSource[] = [];
  /** Sources before it are over. */
  #first = 0;
  #emptyReads = 0;
  #resting = false;

  /** `whenRested` is called in the next turn after a rest. */
  constructor(whenRested: () => void) {
    this.#whenRested = whenRested;
  }

  add(source: RetainedSource): void {
    this.#sources.push(source);
  }

  /** Nothing is left to be read, and no rest is under way. */
  get over(): boolean {
    return this.#first === this.#sources.length && !this.#resting;
  }

  /** The source to read from; undefined when there is none, or none in this turn. */
  get current(): RetainedSource | undefined {
    return this.#emptyReads >= MOST_EMPTY_READS ? undefined : this.#sources[this.#first];
  }

  /** The current source has been read; `found`: there was a message, `more`: there may be others. */
  read(found: boolean, more: boolean): void {
    if (!found) {
      // Also the answer that ends here is remembered until the next turn, for the subscriptions that follow.
      this.#emptyReads += more ? MOST_EMPTY_READS : 1;
      this.#rest();
    }
    if (more) return;
    this.#first++;
    if (this.#first < 1_024 || this.#first * 2 < this.#sources.length) return;
    this.#sources = this.#sources.slice(this.#first);
    this.#first = 0;
  }

  #rest(): void {
    if (this.#resting) return;
    this.#resting = true;
    setImmediate(() => {
      this.#resting = false;
      this.#emptyReads = 0;
      this.#whenRested();
    });
  }
}
