import { Counters } from "./counters.ts";
import { BUCKET_BOUNDS, SLOTS } from "./histogram-metrics.ts";
import {
  type Label,
  type LabelledName,
  type MeasuredName,
  type MetricFamily,
  metricTable,
} from "./metric-table.ts";

/** One value of a metric. Histograms are not samples: see {@link Metrics.histograms}. */
export interface MetricSample {
  readonly name: string;
  readonly type: "counter" | "gauge";
  readonly help: string;
  readonly labels: readonly Label[];
  readonly value: number;
}

/** One of the values that a name has by labels. */
export interface LabelledValue {
  readonly labels: readonly Label[];
  readonly value: number;
}

export interface HistogramSample {
  readonly name: string;
  readonly help: string;
  readonly count: number;
  readonly sum: number;
  /** Cumulative counts; the last bucket is the infinite one. */
  readonly buckets: readonly { readonly bound: number; readonly count: number }[];
}

/** Names for which the smallest value stands for all. */
const smallest: ReadonlySet<string> = new Set(
  metricTable.flatMap((family) => ("summary" in family ? [family.name] : [])),
);

/** What stands for two values of one name where their labels are not shown; `before` is undefined for the first. */
export function combined(name: string, before: number | undefined, value: number): number {
  if (before === undefined) return value;
  return smallest.has(name) ? Math.min(before, value) : before + value;
}

/** The metrics of a node: the counters, and functions that read what is measured on demand. */
export class Metrics {
  readonly counters = new Counters(SLOTS);
  readonly #measured = new Map<MeasuredName, () => number>();
  readonly #labelled = new Map<LabelledName, () => readonly LabelledValue[]>();

  /** Says how to read a measured metric; until then it reads 0. The later call wins. */
  provide(name: MeasuredName, read: () => number): void {
    this.#measured.set(name, read);
  }

  /** Says how to read a metric with labels; until then it has no values. The later call wins. */
  provideSeries(name: LabelledName, read: () => readonly LabelledValue[]): void {
    this.#labelled.set(name, read);
  }

  /** All values except histograms, one per label set, sorted by name. */
  samples(): MetricSample[] {
    const samples: MetricSample[] = [];
    for (const family of metricTable) {
      const { name, type, help } = family;
      if ("series" in family) {
        for (const { labels, slot } of family.series) {
          samples.push({ name, type: "counter", help, labels, value: this.counters.value(slot) });
        }
      } else if ("measured" in family) {
        samples.push({
          name,
          type: type === "gauge" ? type : "counter",
          help,
          labels: [],
          value: this.#read(family.name),
        });
      } else if ("summary" in family) {
        for (const { labels, value } of this.#series(family.name))
          samples.push({ name, type: "gauge", help, labels, value });
      }
    }
    return samples;
  }

  /** All values except histograms, label sets of one name as one: added up, or the smallest of them. */
  totals(): MetricSample[] {
    const totals = new Map<string, MetricSample>();
    for (const sample of this.samples()) {
      const value = combined(sample.name, totals.get(sample.name)?.value, sample.value);
      totals.set(sample.name, { ...sample, labels: [], value });
    }
    return [...totals.values()];
  }

  /** The value of a metric, all its label sets as one; 0 for a name that does not exist. */
  total(name: string): number {
    const family = metricTable.find((candidate) => candidate.name === name);
    return family === undefined ? 0 : this.#totalOf(family);
  }

  histograms(): HistogramSample[] {
    const samples: HistogramSample[] = [];
    for (const family of metricTable) {
      if (family.type !== "histogram") continue;
      const { name, help, slot } = family;
      const bounds = [...BUCKET_BOUNDS, Number.POSITIVE_INFINITY];
      samples.push({
        name,
        help,
        count: this.counters.value(slot),
        sum: this.counters.value(slot + 1),
        buckets: bounds.map((bound, index) => ({ bound, count: this.counters.value(slot + 2 + index) })),
      });
    }
    return samples;
  }

  /** Sets all counters and histograms to 0; measured values stay. */
  reset(): void {
    this.counters.reset();
  }

  #totalOf(family: MetricFamily): number {
    if ("series" in family) {
      return family.series.reduce((sum, { slot }) => sum + this.counters.value(slot), 0);
    }
    if ("summary" in family) {
      const values = this.#series(family.name).map(({ value }) => value);
      return values.length === 0 ? 0 : Math.min(...values);
    }
    return "measured" in family ? this.#read(family.name) : this.counters.value(family.slot);
  }

  #series(name: LabelledName): readonly LabelledValue[] {
    return this.#labelled.get(name)?.() ?? [];
  }

  #read(name: MeasuredName): number {
    return Math.round(this.#measured.get(name)?.() ?? 0);
  }
}
