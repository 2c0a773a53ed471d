import type { Counters } from "../metrics/counters.ts";
import { Histogram, observe } from "../metrics/histogram-metrics.ts";
import type { Database, ScanOptions, Snapshot, WriteSet } from "./database.ts";
import type { KeyRange } from "./keys.ts";

function since(started: number): number {
  return (performance.now() - started) * 1_000;
}

/**
 * A database whose operations are timed for the `storage_*_microseconds` metrics. Deletions travel in writes, so a write
 * with deletions counts as both.
 */
export class MeasuredDatabase implements Database {
  readonly #database: Database;
  readonly #counters: Counters;

  constructor(database: Database, counters: Counters) {
    this.#database = database;
    this.#counters = counters;
  }

  async write(set: WriteSet, sync: boolean): Promise<void> {
    const started = performance.now();
    const deletes = set.values.includes(null);
    await this.#database.write(set, sync);
    const time = since(started);
    observe(this.#counters, Histogram.storage_write_microseconds, time);
    if (deletes) observe(this.#counters, Histogram.storage_delete_microseconds, time);
  }

  snapshot(): Snapshot {
    const snapshot = this.#database.snapshot();
    const counters = this.#counters;
    return {
      async get(keys, cached) {
        const started = performance.now();
        const values = await snapshot.get(keys, cached);
        observe(counters, Histogram.storage_read_microseconds, since(started));
        return values;
      },
      scan: (range: KeyRange, options?: ScanOptions) => timedPages(snapshot.scan(range, options), counters),
      scanTexts: (range: KeyRange, options?: ScanOptions) =>
        timedPages(snapshot.scanTexts(range, options), counters),
      close: () => snapshot.close(),
    };
  }

  settle(): Promise<void> {
    return this.#database.settle();
  }

  close(): Promise<void> {
    return this.#database.close();
  }
}

/** One scan is timed page by page: what is done with a page is not the database's time. */
async function* timedPages<Page>(pages: AsyncIterable<Page>, counters: Counters): AsyncGenerator<Page> {
  let started = performance.now();
  for await (const page of pages) {
    observe(counters, Histogram.storage_scan_microseconds, since(started));
    yield page;
    started = performance.now();
  }
}
