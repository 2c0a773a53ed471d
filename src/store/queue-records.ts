/** Reference values of one queue that are known without looking. */
interface KnownRecords {
  /** Last sequence number of each, ascending; entries before `start` are gone. */
  lasts: number[];
  /** The segments each points to. */
  segments: (readonly number[])[];
  start: number;
  /** False when there may be more on disk after the known ones. */
  complete: boolean;
  /** All with sequence numbers below it are known or gone, none from here on is: no value is ever listed twice. */
  unknownFrom: number;
  /** References below it are done; Infinity once the queue is removed. */
  doneBelow: number;
  /** While the disk is being read: what has been added since. */
  late: { last: number; segments: readonly number[] }[] | null;
}

/** A reference value that can go. */
export interface DeadRecord {
  readonly queue: number;
  readonly last: number;
  readonly segments: readonly number[];
}

/** What is to be read from disk: reference values of a queue from a sequence number on. */
export interface WantedRecords {
  readonly queue: number;
  readonly from: number;
}

/** How many may be known over all queues; beyond it they are looked up on disk when they are needed. */
const DEFAULT_BUDGET = 200_000;

/**
 * Which reference values each queue has, as far as needed to remove them when all in them is done. Queues of this run
 * are known from the start; those of earlier runs are read from disk the first time one of theirs may go. Nothing is
 * kept for a queue that was not touched in this run.
 */
export class QueueRecords {
  readonly #queues = new Map<number, KnownRecords>();
  /** Queues from this id on are of this run. */
  readonly #firstOwn: number;
  readonly #budget: number;
  #known = 0;
  /** Queues whose known values have to be looked through. */
  readonly #pending = new Set<number>();
  /** Queues that must be read from disk first. */
  readonly #wanting = new Set<number>();

  constructor(firstOwn: number, budget = DEFAULT_BUDGET) {
    this.#firstOwn = firstOwn;
    this.#budget = budget;
  }

  /** A reference value was put into the batch being built. */
  added(queue: number, last: number, segments: readonly number[]): void {
    const known = this.#of(queue);
    if (known.late !== null) known.late.push({ last, segments });
    else if (known.complete) this.#append(known, last, segments);
  }

  /** References of the queue below that number are done. */
  doneBelow(queue: number, sequence: number): void {
    const known = this.#queues.get(queue);
    if (known === undefined) {
      if (queue >= this.#firstOwn || sequence === 0) return;
      this.#of(queue).doneBelow = sequence;
      this.#pending.add(queue);
      return;
    }
    if (sequence <= known.doneBelow) return;
    known.doneBelow = sequence;
    const first = known.lasts[known.start] ?? (known.complete ? Number.POSITIVE_INFINITY : known.unknownFrom);
    if (first < sequence) this.#pending.add(queue);
  }

  /** The queue is gone: all its reference values can go. */
  remove(queue: number): void {
    const known = this.#of(queue);
    known.doneBelow = Number.POSITIVE_INFINITY;
    this.#pending.add(queue);
  }

  /** Whether `take` has something to give. */
  get hasDead(): boolean {
    return this.#pending.size > 0;
  }

  /** Whether something has to be read from disk. */
  get hasWanted(): boolean {
    return this.#wanting.size > 0;
  }

  /** Up to `limit` reference values that are wholly done; they are forgotten here. */
  take(limit: number): DeadRecord[] {
    const dead: DeadRecord[] = [];
    for (const queue of this.#pending) {
      const known = this.#queues.get(queue);
      if (known === undefined) {
        this.#pending.delete(queue);
        continue;
      }
      const { lasts, segments, doneBelow } = known;
      let start = known.start;
      while (start < lasts.length && dead.length < limit) {
        const last = lasts[start] ?? 0;
        if (last >= doneBelow) break;
        dead.push({ queue, last, segments: segments[start] ?? [] });
        start++;
        this.#known--;
      }
      known.start = start;
      this.#compact(known);
      if (dead.length >= limit) break;
      this.#pending.delete(queue);
      if (known.start < known.lasts.length) continue;
      if (!known.complete) {
        // What is being read already comes with `loaded`, which looks again.
        if (known.late === null && known.unknownFrom < doneBelow) this.#wanting.add(queue);
      } else if (queue >= this.#firstOwn || doneBelow === Number.POSITIVE_INFINITY) {
        this.#queues.delete(queue);
      }
    }
    return dead;
  }

  /**
   * Up to `limit` queues to be read from disk. To be called when nothing is being written, and the view of the disk
   * taken in the same turn; each must be answered with `loaded`.
   */
  takeWanted(limit: number): WantedRecords[] {
    const wanted: WantedRecords[] = [];
    for (const queue of this.#wanting) {
      if (wanted.length >= limit) break;
      this.#wanting.delete(queue);
      const known = this.#queues.get(queue);
      if (known === undefined || known.complete || known.late !== null) continue;
      known.late = [];
      wanted.push({ queue, from: known.unknownFrom });
    }
    return wanted;
  }

  /**
   * What was read, in order; `ended` when there was nothing after it. Without `records`, the reading failed and is to
   * be done again.
   */
  loaded(
    queue: number,
    records: readonly { last: number; segments: readonly number[] }[] | null,
    ended: boolean,
  ): void {
    const known = this.#queues.get(queue);
    if (known === undefined || known.late === null) return;
    const late = known.late;
    known.late = null;
    if (records === null) {
      this.#wanting.add(queue);
      return;
    }
    known.complete = true;
    for (const { last, segments } of records) this.#append(known, last, segments, true);
    if (ended) {
      for (const { last, segments } of late) this.#append(known, last, segments);
    } else {
      known.complete = false;
    }
    this.#pending.add(queue);
  }

  #append(known: KnownRecords, last: number, segments: readonly number[], always = false): void {
    // A value listed twice would be counted off its segments twice, and they be deleted while others need them.
    if (!known.complete || last < known.unknownFrom) return;
    if (this.#known >= this.#budget && !always) {
      known.complete = false;
      return;
    }
    known.lasts.push(last);
    known.segments.push(segments);
    known.unknownFrom = last + 1;
    this.#known++;
  }

  #compact(known: KnownRecords): void {
    if (known.start === known.lasts.length) {
      known.lasts = [];
      known.segments = [];
      known.start = 0;
    } else if (known.start > 64 && known.start * 2 > known.lasts.length) {
      known.lasts = known.lasts.slice(known.start);
      known.segments = known.segments.slice(known.start);
      known.start = 0;
    }
  }

  #of(queue: number): KnownRecords {
    let known = this.#queues.get(queue);
    if (known === undefined) {
      known = {
        lasts: [],
        segments: [],
        start: 0,
        complete: queue >= this.#firstOwn,
        unknownFrom: 0,
        doneBelow: 0,
        late: null,
      };
      this.#queues.set(queue, known);
    }
    return known;
  }
}
