/** Runs one suite with node's test runner, a process per file, and adds what happened to a result. */

import { relative } from "node:path";
import { run } from "node:test";
import { spec as SpecReporter } from "node:test/reporters";
import { emptyTotals, type Skip, type Totals } from "./report.ts";
import type { Suite } from "./suites.ts";

export interface RunResult {
  readonly totals: Totals;
  readonly skips: Skip[];
  /** Files that ended well without holding a test: a defect, since they look like a success. */
  readonly emptyFiles: string[];
}

export function emptyResult(): RunResult {
  return { totals: emptyTotals(), skips: [], emptyFiles: [] };
}

export interface RunOptions {
  readonly root: string;
  readonly namePattern: string | undefined;
  /** Milliseconds after which a test file that has not ended is a failure. */
  readonly timeoutMs: number;
  readonly output: NodeJS.WritableStream;
}

const SUMMARY = /^(tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) [\d.]+$/;

/** Reports on `output` as node's spec reporter does, without the summary. */
export async function runSuite(suite: Suite, options: RunOptions, result: RunResult): Promise<void> {
  const reporter = new SpecReporter();
  reporter.pipe(options.output, { end: false });
  const events = run({
    files: suite.files.map((file) => `${options.root}/${file}`),
    cwd: options.root,
    concurrency: suite.concurrency,
    timeout: options.timeoutMs,
    env: { ...process.env, ...suite.environment },
    ...(options.namePattern === undefined ? {} : { testNamePatterns: [new RegExp(options.namePattern)] }),
  });
  for await (const event of events) {
    if (event.type === "test:diagnostic" && event.data.nesting === 0 && SUMMARY.test(event.data.message))
      continue;
    if (event.type === "test:summary" && event.data.file === undefined) {
      addTotals(result.totals, event.data.counts, event.data.duration_ms);
      continue;
    }
    if (event.type === "test:pass") notePass(event.data, options.root, result);
    reporter.write(event);
  }
  const flushed = new Promise((resolve) => reporter.once("end", resolve));
  reporter.end();
  await flushed;
}

interface PassedTest {
  readonly name: string;
  readonly file?: string;
  readonly skip?: string | boolean;
  readonly nesting: number;
}

function notePass(test: PassedTest, root: string, result: RunResult): void {
  const file = test.file === undefined ? "?" : relative(root, test.file);
  if (test.skip !== undefined && test.skip !== false) {
    const reason = typeof test.skip === "string" && test.skip !== "" ? test.skip : "no reason was given";
    result.skips.push({ file, name: test.name, reason });
  }
  // The runner reports a file as a test of the file's name when the file itself held none.
  if (test.nesting === 0 && test.name === test.file) result.emptyFiles.push(file);
}

interface Counts {
  readonly tests: number;
  readonly suites: number;
  readonly passed: number;
  readonly failed?: number;
  readonly cancelled: number;
  readonly skipped: number;
  readonly todo: number;
}

function addTotals(totals: Totals, counts: Counts, durationMs: number): void {
  totals.tests += counts.tests;
  totals.suites += counts.suites;
  totals.passed += counts.passed;
  totals.failed +=
    counts.failed ?? counts.tests - counts.passed - counts.cancelled - counts.skipped - counts.todo;
  totals.cancelled += counts.cancelled;
  totals.skipped += counts.skipped;
  totals.todo += counts.todo;
  totals.durationMs += durationMs;
}
