import type { LogLevel } from "./level.ts";
import type { LogSink } from "./sink.ts";

/** Where lines go besides files and standard output. */
export interface LogDestination {
  /** The least important level that it gets, unless `log.level` is higher. */
  readonly level: LogLevel;
  /** One entry as the text that the sink takes, newline included. `time` is in the form of ISO 8601, in UTC. */
  line(time: string, level: LogLevel, event: string, message: string): string;
  /** Opens it. `tell` writes to the whole log how the destination is. */
  open(lossReport: (lines: number) => string, tell: (level: LogLevel, message: string) => void): LogSink;
}
