/** So many steps are done in one turn of the event loop, over all works: some milliseconds. */
export const STEPS_PER_TURN = 512;
/** So many of one work, before another has its turn. */
const STEPS_IN_A_ROW = 64;

/** A work of one step, for what is much only because there are many of them. */
export function oneStep(step: () => void): Iterator<unknown> {
  return {
    next: () => {
      step();
      return { done: true, value: undefined };
    },
  };
}

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
  /** Those before it are over, or stand further behind once more. */
  #first = 0;
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
    return this.#first === this.#works.length;
  }

  /** Begins a work: behind those that wait. */
  start(work: Iterator<unknown>): void {
    const first = this.idle;
    this.#works.push(work);
    if (first) this.#go();
  }

  /** A step was as much work as so many more. */
  spend(steps: number): void {
    this.#left -= steps;
  }

  /** `mayGoOn` may say yes again. */
  resume(): void {
    if (!this.idle) this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(this.#turn);
  }

  #go(): void {
    while (this.#left > 0 && !this.idle && this.#mayGoOn()) {
      const work = this.#works[this.#first];
      const over = work === undefined || this.#some(work);
      // While it does its steps it stands in the list, so that what it starts waits.
      this.#first++;
      if (!over) this.#works.push(work);
    }
    if (this.idle || (this.#first > 1_024 && this.#first * 2 > this.#works.length)) {
      this.#works = this.#works.slice(this.#first);
      this.#first = 0;
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
