/** The severities of a log line, least severe first (the words `log.console.level` accepts). */
export const LOG_LEVELS = [
  "debug",
  "info",
  "notice",
  "warning",
  "error",
  "critical",
  "alert",
  "emergency",
] as const;

export type LogLevel = (typeof LOG_LEVELS)[number];

/** Rank of a level: 0 is debug, higher is more severe. */
export function severity(level: LogLevel): number {
  return LOG_LEVELS.indexOf(level);
}
