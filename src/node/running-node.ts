import type { Clock } from "../clock/clock.ts";
import type { TimerWheel } from "../clock/timer-wheel.ts";
import type { Configuration } from "../config/configuration.ts";
import type { Directories } from "../config/directories.ts";
import type { LoadResult } from "../config/load.ts";
import type { Overlay } from "../config/overlay.ts";
import type { RootLogger } from "../log/logger.ts";
import type { Metrics } from "../metrics/metrics.ts";
import type { PluginManager } from "../plugin/manager.ts";
import type { Registry } from "../registry/registry.ts";
import type { DurableStore } from "../store/store.ts";
import type { Health } from "./health.ts";
import type { Mountpoints } from "./mountpoints.ts";

/** What a node is started with. */
export interface StartOptions {
  readonly confFile: string;
  readonly directories: Directories;
  /** Directories that were given explicitly: they go before vernemq.conf. */
  readonly given: Partial<Directories>;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** What goes after the files of the configuration. */
  readonly overlay?: Overlay | undefined;
  /** What all that gave at first. */
  readonly loaded: LoadResult;
  /** Lines for standard output go here instead (the prompt of `vernemq console`). */
  readonly writeLog?: (text: string) => void;
}

/** What a node is made of, for what looks into it. */
export interface NodeParts {
  readonly name: string;
  readonly configuration: Configuration;
  readonly log: RootLogger;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly wheel: TimerWheel;
  readonly store: DurableStore;
  readonly registry: Registry;
  readonly mountpoints: Mountpoints;
  readonly plugins: PluginManager;
  readonly health: Health;
  /** The nodes of the cluster, this one included. */
  readonly members: () => readonly { readonly name: string; readonly running: boolean }[];
}
