/** Which test file belongs to which part of the suite, and how each part is run. */

import { globSync } from "node:fs";

export interface Suite {
  readonly name: string;
  /** How many test files run at the same time. */
  readonly concurrency: number;
  readonly files: readonly string[];
  /** What its test processes get beside the environment of this one. */
  readonly environment: Readonly<Record<string, string>>;
}

/** Black-box files that run over every transport: what they test depends on how bytes come and go. */
const TRANSPORT_FILES =
  /^test\/broker\/(connect|publish|keepalive|flow-control|will|limits|session|retained|lifecycle|enhanced-authentication)\.test\.ts$/;
/** The transports beside TCP. */
const TRANSPORTS = ["unix", "ssl", "ws", "wss"];

interface SuiteRule {
  readonly name: string;
  readonly paths: RegExp;
  readonly concurrency: (cores: number) => number;
}

/** In the order of running; the first rule that matches a file takes it. */
const RULES: readonly SuiteRule[] = [
  { name: "unit", paths: /^(src|scripts|rel|test\/(gates|support|bench))\//, concurrency: (cores) => cores },
  // Installed packages and services are one per machine.
  { name: "system", paths: /^test\/system\//, concurrency: () => 1 },
  { name: "fuzz", paths: /^test\/fuzz\//, concurrency: () => 2 },
  // Brokers in processes of their own, which mostly wait for each other.
  { name: "black-box", paths: /./, concurrency: (cores) => Math.max(2, Math.floor(cores / 2)) },
];

const RUN_ORDER = ["unit", "black-box", "fuzz", "system"];

/** All test files of the checkout, relative to it. What lies in a `fixtures` folder is material, not a test. */
export function findTestFiles(root: string): string[] {
  return globSync("{src,scripts,rel,test}/**/*.test.ts", { cwd: root })
    .map((file) => file.replaceAll("\\", "/"))
    .filter((file) => !file.includes("/fixtures/") && !file.includes("/node_modules/"))
    .sort();
}

/** Sorts the files into suites, in the order of running. Suites without files are left out. */
export function arrangeSuites(files: readonly string[], cores: number): Suite[] {
  const suites = RULES.map((rule) => ({
    name: rule.name,
    concurrency: rule.concurrency(cores),
    files: files.filter((file) => RULES.find(({ paths }) => paths.test(file)) === rule),
    environment: {},
  }));
  const overTransports = TRANSPORTS.map((transport) => ({
    name: `black-box over ${transport}`,
    concurrency: Math.max(2, Math.floor(cores / 2)),
    files: files.filter((file) => TRANSPORT_FILES.test(file)),
    environment: { VERNEMQ_TEST_TRANSPORT: transport },
  }));
  return [...suites, ...overTransports]
    .filter((suite) => suite.files.length > 0)
    .sort((left, right) => placeOf(left.name) - placeOf(right.name));
}

function placeOf(suite: string): number {
  return RUN_ORDER.findIndex((name) => suite === name || suite.startsWith(`${name} over `));
}

/** What is asked for on the command line: the suite `system` only by its option, or by a path in its folder. */
export function chooseSuites(
  suites: readonly Suite[],
  wanted: { readonly unitOnly: boolean; readonly system: boolean; readonly paths: readonly string[] },
): Suite[] {
  const { unitOnly, system, paths } = wanted;
  const named = paths.some((path) => path.startsWith("test/system"));
  return suites.filter(({ name }) => {
    if (name === "system") return system || (named && !unitOnly);
    return unitOnly ? name === "unit" : !system;
  });
}
