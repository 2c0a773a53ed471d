import type { QueueHead } from "../store/participant.ts";

const FIRST_ROOM = 1024;
const NONE: readonly number[] = [];

/**
 * The heads found in the store while their owners are made: flat, since there may be millions of them and all are
 * garbage a moment later.
 */
export class StoredHeads {
  #queues = new Float64Array(FIRST_ROOM);
  /** Four values each: doneBelow, next, sentBelow, stored. */
  #numbers = new Float64Array(4 * FIRST_ROOM);
  #taken = new Uint8Array(FIRST_ROOM);
  /** Those with lists. */
  readonly #whole = new Map<number, QueueHead>();
  #count = 0;
  #left = 0;

  /** Heads not taken. */
  get size(): number {
    return this.#left;
  }

  /** Heads come in ascending order of their queues. */
  add(queue: number, head: QueueHead): void {
    if (this.#count === this.#taken.length) this.#grow();
    const at = this.#count++;
    this.#left++;
    this.#queues[at] = queue;
    this.#numbers[4 * at] = head.doneBelow;
    this.#numbers[4 * at + 1] = head.next;
    this.#numbers[4 * at + 2] = head.sentBelow;
    this.#numbers[4 * at + 3] = head.stored;
    if (head.done.length + head.released.length + head.incoming.length > 0) this.#whole.set(queue, head);
  }

  /** Gives the head of a queue to its owner, once. */
  take(queue: number): QueueHead | undefined {
    let low = 0;
    let high = this.#count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#queues[middle] ?? 0) < queue) low = middle + 1;
      else high = middle;
    }
    if (low === this.#count || this.#queues[low] !== queue || this.#taken[low] === 1) return undefined;
    this.#taken[low] = 1;
    this.#left--;
    return this.#head(low);
  }

  /** The heads that nobody took. */
  *rest(): Generator<readonly [queue: number, head: QueueHead]> {
    for (let at = 0; at < this.#count; at++) {
      if (this.#taken[at] === 0) yield [this.#queues[at] ?? 0, this.#head(at)];
    }
  }

  #head(at: number): QueueHead {
    const numbers = this.#numbers;
    const whole = this.#whole.get(this.#queues[at] ?? 0);
    if (whole !== undefined) return whole;
    return {
      doneBelow: numbers[4 * at] ?? 0,
      done: NONE,
      released: NONE,
      incoming: NONE,
      next: numbers[4 * at + 1] ?? 0,
      sentBelow: numbers[4 * at + 2] ?? 0,
      stored: numbers[4 * at + 3] ?? 0,
    };
  }

  #grow(): void {
    const room = 2 * this.#taken.length;
    const queues = new Float64Array(room);
    queues.set(this.#queues);
    const numbers = new Float64Array(4 * room);
    numbers.set(this.#numbers);
    const taken = new Uint8Array(room);
    taken.set(this.#taken);
    this.#queues = queues;
    this.#numbers = numbers;
    this.#taken = taken;
  }
}
