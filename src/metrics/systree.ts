import type { Metrics } from "./metrics.ts";

export interface SystreeEntry {
  /** Topic below the prefix (`$SYS/<node>`), for example `mqtt/publish/received`. */
  readonly topic: string;
  /** Decimal text. */
  readonly value: string;
}

function entry(name: string, value: number): SystreeEntry {
  return { topic: name.replaceAll("_", "/"), value: String(value) };
}

/** What the `$SYS` tree publishes: all metrics, label sets added up. */
export function systreeEntries(metrics: Metrics): SystreeEntry[] {
  const entries = metrics.totals().map(({ name, value }) => entry(name, value));
  for (const { name, count, sum, buckets } of metrics.histograms()) {
    entries.push(entry(`${name}_count`, count), entry(`${name}_sum`, sum));
    for (const bucket of buckets) {
      const bound = bucket.bound === Number.POSITIVE_INFINITY ? "inf" : String(bucket.bound);
      entries.push(entry(`${name}_bucket_${bound}`, bucket.count));
    }
  }
  return entries;
}
