/** So many steps are done in one turn of the event loop, over all works: some milliseconds. */
export const STEPS_PER_TURN = 512;
/** So many of one work, before another has its turn. */
const STEPS_IN_A_ROW = 64;

/**
 * Works of very many small steps (the filters of one packet, the subscriptions of a session that has ended): a bounded
 * number of steps is done in each turn of the event loop, so that others are served in between.
 *
 * A work is an iterator that does one step with each `next`. As long as the steps of a turn suffice it is done at once.
 */
export class LongWorks {
  readonly #failed: (error: unknown) => void;
  readonly #mayGoOn: () => boolean;
  #works: Iterator<unknown>[] = [];
  #left = STEPS_PER_TURN;
  #scheduled = false;
  readonly #turn = (): void => {
    this.#scheduled = false;
    this.#left = STEPS_PER_TURN;
    this.#go();
  };

  /**
   * `failed` hears of a step that throws: that work is over. While `mayGoOn` says no, everything waits for
   * `resume`.
   */
  constructor(failed: (error: unknown) => void, mayGoOn: () => boolean = () => true) {
    this.#failed = failed;
    this.#mayGoOn = mayGoOn;
  }

  /** Nothing is left to be done. */
  get idle(): boolean {
    return this.#works.length === 0;
  }

  /** Begins a work: behind those that wait. */
  start(work: Iterator<unknown>): void {
    this.#works.push(work);
    if (this.#works.length === 1) this.#go();
  }

  /** `mayGoOn` may say yes again. */
  resume(): void {
    if (this.#works.length > 0) this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(this.#turn);
  }

  #go(): void {
    while (this.#left > 0 && this.#works.length > 0 && this.#mayGoOn()) {
      const work = this.#works[0];
      if (work === undefined || this.#some(work)) this.#works.shift();
      else if (this.#works.length > 1) this.#works.push(...this.#works.splice(0, 1));
    }
    // Also when all is done: what comes later in this turn shares its steps.
    if (this.#left < STEPS_PER_TURN) this.#schedule();
  }

  /** Some steps of a work. True: it is over. */
  #some(work: Iterator<unknown>): boolean {
    for (let step = 0; step < STEPS_IN_A_ROW && this.#left > 0; step++) {
      this.#left--;
      try {
        if (work.next().done === true) return true;
      } catch (error) {
        this.#failed(error);
        return true;
      }
    }
    return false;
  }
}
