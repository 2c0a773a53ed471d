import { Counters } from "./counters.ts";
import { BUCKET_BOUNDS, SLOTS } from "./histogram-metrics.ts";
import { type Label, type MeasuredName, type MetricFamily, metricTable } from "./metric-table.ts";

/** One value of a metric. Histograms are not samples: see {@link Metrics.histograms}. */
export interface MetricSample {
  readonly name: string;
  readonly type: "counter" | "gauge";
  readonly help: string;
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

/** The metrics of a node: the counters, and functions that read what is measured on demand. */
export class Metrics {
  readonly counters = new Counters(SLOTS);
  readonly #measured = new Map<MeasuredName, () => number>();

  /** Says how to read a measured metric; until then it reads 0. The later call wins. */
  provide(name: MeasuredName, read: () => number): void {
    this.#measured.set(name, read);
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
      }
    }
    return samples;
  }

  /** All values except histograms, label sets of one name added up. */
  totals(): MetricSample[] {
    const totals = new Map<string, MetricSample>();
    for (const sample of this.samples()) {
      const value = sample.value + (totals.get(sample.name)?.value ?? 0);
      totals.set(sample.name, { ...sample, labels: [], value });
    }
    return [...totals.values()];
  }

  /** The value of a metric, all its label sets added up; 0 for a name that does not exist. */
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
    return "measured" in family ? this.#read(family.name) : this.counters.value(family.slot);
  }

  #read(name: MeasuredName): number {
    return Math.round(this.#measured.get(name)?.() ?? 0);
  }
}
