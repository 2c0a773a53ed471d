/** The test run behind `npm test`: picks the files, runs the suites one after the other, reports. */

import { availableParallelism } from "node:os";
import { dirname } from "node:path";
import { parseOptions, USAGE } from "./options.ts";
import { describeSkips, describeTotals } from "./report.ts";
import { emptyResult, type RunResult, runSuite } from "./run-suite.ts";
import { arrangeSuites, chooseSuites, findTestFiles, type Suite } from "./suites.ts";

const FILE_TIMEOUT_MS = 5 * 60 * 1000;
const SYSTEM_FILE_TIMEOUT_MS = 15 * 60 * 1000;
const LONG_FILE_TIMEOUT_MS = 12 * 60 * 60 * 1000;

const root = dirname(dirname(import.meta.dirname));

function fail(message: string): never {
  console.error(message);
  process.exit(2);
}

function readOptions(): ReturnType<typeof parseOptions> {
  try {
    return parseOptions(process.argv.slice(2));
  } catch (error) {
    fail(`${error instanceof Error ? error.message : error}\n\n${USAGE}`);
  }
}

function conclude(result: RunResult, notices: readonly string[]): number {
  const filtered = options.namePattern !== undefined;
  const problems = filtered ? [] : result.emptyFiles.map((file) => `${file} holds no test`);
  if (result.totals.passed + result.totals.failed + result.totals.cancelled === 0)
    problems.push("no test ran");
  const lines = [
    ...describeSkips(result.skips, notices),
    ...problems.map((problem) => `✖ ${problem}`),
    ...describeTotals(result.totals),
  ];
  console.log(`\n${lines.join("\n")}`);
  return problems.length > 0 || result.totals.failed + result.totals.cancelled > 0 ? 1 : 0;
}

const options = readOptions();
if (options.help) {
  process.stdout.write(USAGE);
  process.exit(0);
}

const files = findTestFiles(root).filter(
  (file) => options.paths.length === 0 || options.paths.some((path) => file.includes(path)),
);
const suites = chooseSuites(arrangeSuites(files, availableParallelism()), options);
if (suites.length === 0) fail(`no test file matches ${options.paths.join(", ") || "the options"}`);

if (options.long) process.env.VERNEMQ_TEST_LONG = "1";
// Test files run as processes of this runner, not of one that may have started it.
delete process.env.NODE_TEST_CONTEXT;

function timeoutOf({ name }: Suite): number {
  if (options.long) return LONG_FILE_TIMEOUT_MS;
  return name === "system" ? SYSTEM_FILE_TIMEOUT_MS : FILE_TIMEOUT_MS;
}

const result = emptyResult();
for (const suite of suites) {
  console.log(`\n# ${suite.name}: ${suite.files.length} files, ${suite.concurrency} at a time`);
  await runSuite(
    suite,
    {
      root,
      namePattern: options.namePattern,
      timeoutMs: timeoutOf(suite),
      output: process.stdout,
    },
    result,
  );
}
const notice = process.env.VERNEMQ_TEST_NOTICE;
process.exitCode = conclude(result, notice === undefined ? [] : [notice]);
