import type { Metrics } from "../metrics/metrics.ts";

/** What HTTP modules see of a node. */
export interface NodeView {
  readonly name: string;
  readonly health: {
    /** What is wrong at present, one line each. */
    readonly problems: readonly string[];
  };
  readonly metrics: Metrics;
  /** What stands before the name of each metric. */
  readonly metricPrefix: string;
  members(): Iterable<{ readonly name: string; readonly running: boolean }>;
  /** `type` as in commands: mqtt, http. */
  listeners(): Iterable<{ readonly type: string; readonly running: boolean }>;
}
