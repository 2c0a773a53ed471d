import type { AdminPorts } from "../admin/ports.ts";
import type { LoadResult } from "../config/load.ts";
import type { Overlay } from "../config/overlay.ts";
import type { RootLogger } from "../log/logger.ts";
import type { Places } from "./places.ts";

/** What a node is started with. */
export interface StartOptions extends Places {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** What a container's environment adds to the configuration. */
  readonly overlay?: Overlay | undefined;
  /** The configuration of these places and this environment, as it is at the start. */
  readonly loaded: LoadResult;
  /** Lines for standard output go here instead (the prompt of `vernemq console`). */
  readonly writeLog?: (text: string) => void;
}

/** What came of reading everything again, in lines for people. */
export interface ReloadReport {
  /** Options that count from now on. */
  readonly changed: readonly string[];
  /** Options that count after the next start. */
  readonly needRestart: readonly string[];
  readonly problems: readonly string[];
}

/** A node that serves clients. */
export interface RunningNode {
  readonly ports: AdminPorts;
  readonly log: RootLogger;
  /** Stops accepting, says good-bye to clients, flushes and closes the store. Resolves within a bounded time. */
  stop(reason: string): Promise<void>;
  /** Reads the configuration and the files of the plugins again. */
  reload(): Promise<ReloadReport>;
}

/** Resolves when everything behind the listeners works and they accept connections. */
export type StartNode = (options: StartOptions) => Promise<RunningNode>;

/** A start that failed for a reason its user can mend: the lines are for standard error. */
export interface StartFailure {
  readonly lines: readonly string[];
}

export function isStartFailure(error: unknown): error is StartFailure {
  return error instanceof Error && "lines" in error && Array.isArray(error.lines);
}
