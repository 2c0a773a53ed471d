import type { Counters } from "./counters.ts";
import { FIRST_HISTOGRAM_SLOT } from "./reason-metrics.ts";

/** Upper bounds of the buckets in microseconds; one more bucket takes everything. */
export const BUCKET_BOUNDS: readonly number[] = [10, 100, 1000, 10_000, 100_000, 1_000_000];

/** Cells of one histogram: count, sum, then one cumulative bucket per bound and the infinite one. */
const CELLS = 2 + BUCKET_BOUNDS.length + 1;

/** First slot of each histogram, for {@link observe}. */
export const Histogram = {
  storage_read_microseconds: FIRST_HISTOGRAM_SLOT,
  storage_write_microseconds: FIRST_HISTOGRAM_SLOT + CELLS,
  storage_delete_microseconds: FIRST_HISTOGRAM_SLOT + 2 * CELLS,
  storage_scan_microseconds: FIRST_HISTOGRAM_SLOT + 3 * CELLS,
} as const;

/** How many slots a Counters needs for everything in the table. */
export const SLOTS = FIRST_HISTOGRAM_SLOT + 4 * CELLS;

/** Counts one operation that took `microseconds`. */
export function observe(counters: Counters, histogram: number, microseconds: number): void {
  counters.increment(histogram);
  counters.add(histogram + 1, Math.round(microseconds));
  let bucket = histogram + 2;
  for (const bound of BUCKET_BOUNDS) {
    if (microseconds <= bound) counters.increment(bucket);
    bucket++;
  }
  counters.increment(bucket);
}
