import { readFileSync } from "node:fs";
import { join } from "node:path";
import { findCycles } from "./cycles.ts";
import type { GateResult } from "./gate.ts";
import { type Import, readImports } from "./imports.ts";
import { sourceFiles } from "./source-files.ts";

/** Folders of src from the top down: a file imports from lower levels, or one way only on its own level. */
const LEVELS: readonly (readonly string[])[] = [
  ["main.ts"],
  ["cli", "admin"],
  ["node"],
  ["plugins"],
  ["http"],
  ["listener", "session"],
  ["registry", "queue", "routing", "retained"],
  ["store", "plugin", "metrics", "mqtt"],
  ["config", "log"],
  ["clock", "embedded"],
  ["files"],
];

/** Folders whose imports are fewer than their level allows. */
const ONLY: ReadonlyMap<string, readonly string[]> = new Map([
  ["plugins", ["plugin"]],
  // What HTTP shows of the node it gets as interfaces, so that no request reaches a session, a queue or the store.
  ["http", ["listener", "session", "metrics", "config", "log", "clock"]],
]);

/** Who may import a folder, where its level would allow more. */
const ONLY_FROM: ReadonlyMap<string, readonly string[]> = new Map([
  ["cli", ["main.ts"]],
  ["plugins", ["node", "cli", "main.ts"]],
  ["http", ["node"]],
]);

/** These know no sockets: what reaches them are bytes and facts about the peer. */
const WITHOUT_SOCKETS = ["mqtt", "session", "queue", "routing", "registry", "retained", "store", "plugin"];
const SOCKETS = ["node:net", "node:tls", "node:http", "node:https", "node:http2", "node:dgram"];

/**
 * The layer rule of the architecture, and no cycles: not between files (type imports count too), not
 * between the folders of src. Unit tests may import what they like, but nothing imports a test, and
 * src knows neither the test folder nor packages that are not shipped.
 */
export function checkLayers(root: string): GateResult {
  const files = sourceFiles(root, "src/**/*.ts");
  const imports = readImports(root, files).filter(({ from }) => !isTest(from));
  const shipped = shippedPackages(root);
  const problems = imports.flatMap((found) => {
    const reason = judge(found, shipped);
    return reason === undefined
      ? []
      : [`${found.from}:${found.line}: import of ${found.specifier}: ${reason}`];
  });
  for (const name of new Set(files.map(folderOf))) {
    if (levelOf(name) === -1) problems.push(`src/${name}: has no place among the layers`);
  }
  return { files: files.length, problems: [...problems, ...cycleProblems(imports)] };
}

function judge({ from, target }: Import, shipped: ReadonlySet<string>): string | undefined {
  const importer = folderOf(from);
  if (target.kind === "package") {
    return shipped.has(target.name)
      ? undefined
      : `${target.name} is not among the dependencies of package.json`;
  }
  if (target.kind === "builtin") {
    const forbidden = WITHOUT_SOCKETS.includes(importer) && SOCKETS.includes(target.name);
    return forbidden ? `${importer} knows no sockets` : undefined;
  }
  if (!target.name.startsWith("src/")) return "src imports nothing outside src";
  if (isTest(target.name)) return "only the test runner loads a test";
  return judgeFolders(from, target.name);
}

function judgeFolders(from: string, to: string): string | undefined {
  const [importer, imported] = [folderOf(from), folderOf(to)];
  if (importer === imported) {
    const [own, other] = [pluginOf(from), pluginOf(to)];
    return importer === "plugins" && own !== other && other !== undefined && own !== undefined
      ? `plugin ${own} knows nothing of plugin ${other}`
      : undefined;
  }
  if (levelOf(imported) < levelOf(importer)) return `${imported} lies above ${importer}`;
  const allowed = ONLY.get(importer);
  if (allowed !== undefined && !allowed.includes(imported))
    return `${importer} imports only ${allowed.join(", ")}`;
  const importers = ONLY_FROM.get(imported);
  if (importers !== undefined && !importers.includes(importer)) {
    return `${imported} is imported only by ${importers.join(", ")}`;
  }
  return undefined;
}

function cycleProblems(imports: readonly Import[]): string[] {
  const files = new Map<string, Set<string>>();
  const folders = new Map<string, Set<string>>();
  for (const { from, target } of imports) {
    if (target.kind !== "file") continue;
    connect(files, from, target.name);
    if (folderOf(from) !== folderOf(target.name)) connect(folders, folderOf(from), folderOf(target.name));
  }
  return [
    ...findCycles(folders).map((cycle) => `folders import each other: ${describeCycle(cycle)}`),
    ...findCycles(files).map((cycle) => `files import each other: ${describeCycle(cycle)}`),
  ];
}

function connect(graph: Map<string, Set<string>>, from: string, to: string): void {
  graph.set(from, (graph.get(from) ?? new Set()).add(to));
}

function describeCycle(cycle: readonly string[]): string {
  return [...cycle, cycle[0]].join(" -> ");
}

/** "session" for src/session/x.ts, "main.ts" for src/main.ts. */
function folderOf(file: string): string {
  return file.split("/")[1] ?? "";
}

/** "acl" for src/plugins/acl/x.ts; undefined for files of src/plugins itself. */
function pluginOf(file: string): string | undefined {
  const parts = file.split("/");
  return parts.length > 3 ? parts[2] : undefined;
}

function levelOf(folder: string): number {
  return LEVELS.findIndex((level) => level.includes(folder));
}

function isTest(file: string): boolean {
  return file.endsWith(".test.ts");
}

function shippedPackages(root: string): Set<string> {
  const manifest: { dependencies?: Record<string, string> } = JSON.parse(
    readFileSync(join(root, "package.json"), "utf8"),
  );
  return new Set(Object.keys(manifest.dependencies ?? {}));
}
