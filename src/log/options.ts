import type { LogLevel } from "./level.ts";
import type { RotationTime } from "./rotation-time.ts";

export type LogFormat = "text" | "json";

export type LogTemplate = "simple" | "extended";

export interface RotationOptions {
  /** The file is rotated before a write that would take it above this many bytes; Infinity: never. */
  readonly size: number;
  /** It is also rotated at these times; undefined: by size only. */
  readonly time: RotationTime | undefined;
  /** How many rotated files are kept as FILE.0 (newest) to FILE.N-1. */
  readonly keep: number;
  /** Rotated files are compressed with gzip (FILE.0.gz). */
  readonly compress: boolean;
}

export interface LogFileOptions {
  readonly path: string;
  readonly format: LogFormat;
  readonly rotation: RotationOptions;
}

/** What the node makes from the `log.*` keys. */
export interface LogOptions {
  /** Floor over all sinks (`log.level`; "all" is debug). */
  readonly level: LogLevel;
  /** Layout of text lines: `TIME [info] message` (extended) or `TIME info: message` (simple). Default: extended. */
  readonly template?: LogTemplate;
  readonly console: {
    readonly target: "off" | "file" | "console" | "both";
    readonly level: LogLevel;
    readonly file: LogFileOptions;
    /** Format on standard output. */
    readonly format: LogFormat;
    /** Takes the place of standard output (an interactive prompt redraws itself around the lines). */
    readonly write?: (text: string) => void;
  };
  /** Lines of level error and above; undefined: `log.error = off`. */
  readonly error: LogFileOptions | undefined;
  /** Full crash reports; undefined: `log.crash = off`, they go to the error file then. */
  readonly crash: LogFileOptions | undefined;
  /** Longest crash report in UTF-16 units. Default: 65,536. */
  readonly maximumCrashReport?: number;
}
