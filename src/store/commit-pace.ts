import type { StoreTimers } from "./timers.ts";

/** A commit for which queues took in more than that, in bytes, is one under load. */
export const BUSY_BYTES = 32 * 1024;
/** How long the next one gathers then, unless somebody waits for it. */
export const PAUSE_MILLISECONDS = 20;
/** So many commits go without a pause after one in which most had to be written all the same. */
export const COMMITS_WITHOUT = 64;

/**
 * Keeps commits that nobody waits for apart while there is load: what receivers acknowledge meanwhile need not be
 * written at all. There is no pause without load, and none while receivers take longer than a pause to acknowledge.
 */
export class CommitPace {
  readonly #timers: StoreTimers;
  readonly #onOver: () => void;
  #pausing = false;
  /** The next commit gathers for the length of a pause. */
  #paused = false;
  #without = 0;

  /** `onOver` is called at the end of each pause. */
  constructor(timers: StoreTimers, onOver: () => void) {
    this.#timers = timers;
    this.#onOver = onOver;
  }

  /** Whether what nobody waits for is to wait. */
  get pausing(): boolean {
    return this.#pausing;
  }

  /** A commit begins: so many bytes were taken in for it, and so many of them are still needed. */
  begun(gatheredBytes: number, neededBytes: number): void {
    const busy = gatheredBytes >= BUSY_BYTES;
    if (this.#paused && busy && neededBytes > gatheredBytes / 2) this.#without = COMMITS_WITHOUT;
    else if (this.#without > 0) this.#without--;
    this.#paused = false;
  }

  /** The commit has ended that took in so many bytes. */
  ended(gatheredBytes: number): void {
    if (gatheredBytes < BUSY_BYTES || this.#without > 0 || this.#pausing) return;
    this.#pausing = true;
    void this.#timers.delay(PAUSE_MILLISECONDS, true).then(() => {
      this.#pausing = false;
      this.#paused = true;
      this.#onOver();
    });
  }
}
