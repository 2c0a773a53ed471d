import type { Problem } from "./problem.ts";
import type { WrittenSetting } from "./reader/files.ts";
import type { Warning } from "./warning.ts";

/** What somebody adds to the files of a configuration: the environment of a container, say. */
export interface Overlay {
  /** They go after all settings of the files, the last one of a key counts. */
  readonly settings: readonly WrittenSetting[];
  /** What is wrong with them already; it is reported with what else is wrong. */
  readonly problems: readonly Problem[];
  readonly warnings: readonly Warning[];
  /** Changes the text of vernemq.conf before it is read. */
  readonly edit?: (text: string) => string;
}
