/**
 * The cells of all counters. One instance per worker; increments are plain additions on a typed array.
 *
 * Values are exact up to 2^53.
 */
export class Counters {
  readonly cells: Float64Array;

  constructor(size: number) {
    this.cells = new Float64Array(size);
  }

  /** Adds one to a slot (a number of `Metric` or of `reasonSlot`). */
  increment(slot: number): void {
    this.cells[slot] = (this.cells[slot] ?? 0) + 1;
  }

  /** Adds `amount` to a slot. */
  add(slot: number, amount: number): void {
    this.cells[slot] = (this.cells[slot] ?? 0) + amount;
  }

  value(slot: number): number {
    return this.cells[slot] ?? 0;
  }

  reset(): void {
    this.cells.fill(0);
  }
}
