/** What is said at the end of a test run: the skipped tests with their reasons, and the totals. */

export interface Skip {
  readonly file: string;
  readonly name: string;
  readonly reason: string;
}

export interface Totals {
  tests: number;
  suites: number;
  passed: number;
  failed: number;
  cancelled: number;
  skipped: number;
  todo: number;
  durationMs: number;
}

export function emptyTotals(): Totals {
  return { tests: 0, suites: 0, passed: 0, failed: 0, cancelled: 0, skipped: 0, todo: 0, durationMs: 0 };
}

/** The skipped tests by reason, one line per test; empty when nothing was skipped. */
export function describeSkips(skips: readonly Skip[], notices: readonly string[]): string[] {
  if (skips.length === 0 && notices.length === 0) return [];
  const lines = [
    `!!! SKIPPED: ${skips.length} tests did not run`,
    ...notices.map((notice) => `!!! ${notice}`),
  ];
  for (const [reason, group] of Map.groupBy(skips, (skip) => skip.reason)) {
    lines.push(`!!! because ${reason}:`, ...group.map((skip) => `      ${skip.file}: ${skip.name}`));
  }
  return lines;
}

/** The totals as node's own reporter prints them, so that whoever reads its summary can read this one. */
export function describeTotals(totals: Totals): string[] {
  return [
    `tests ${totals.tests}`,
    `suites ${totals.suites}`,
    `pass ${totals.passed}`,
    `fail ${totals.failed}`,
    `cancelled ${totals.cancelled}`,
    `skipped ${totals.skipped}`,
    `todo ${totals.todo}`,
    `duration_ms ${totals.durationMs.toFixed(3)}`,
  ].map((line) => `ℹ ${line}`);
}
