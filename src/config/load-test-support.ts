import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { TestContext } from "node:test";
import type { Configuration } from "./configuration.ts";
import type { Directories } from "./directories.ts";
import { type LoadRequest, loadConfiguration } from "./load.ts";
import { formatProblem } from "./problem.ts";

/** Directories of tests, none of which exists. */
const testDirectories: Directories = {
  data: "/test/data",
  log: "/test/log",
  etc: "/test/etc",
  run: "/test/run",
  lib: "/test/lib",
  share: "/test/share",
};

/** A request for a new folder with these files, of which `vernemq.conf` is loaded. */
export function requestFor(
  context: TestContext,
  files: Readonly<Record<string, string>>,
  more: Partial<LoadRequest> = {},
): LoadRequest {
  const folder = mkdtempSync(join(tmpdir(), "vernemq-config-"));
  context.after(() => rmSync(folder, { recursive: true }));
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), content);
  }
  return { confFile: join(folder, "vernemq.conf"), env: {}, directories: testDirectories, ...more };
}

/** The configuration of a valid vernemq.conf. */
export function load(context: TestContext, text: string, more: Partial<LoadRequest> = {}): Configuration {
  const result = loadConfiguration(requestFor(context, { "vernemq.conf": text }, more));
  if (!result.ok) throw new Error(result.errors.map(formatProblem).join("\n"));
  return result.configuration;
}

/** The errors of a request as lines, with the folder of its files left out. */
export function errorsOf(request: LoadRequest): readonly string[] {
  const result = loadConfiguration(request);
  const folder = `${dirname(request.confFile)}/`;
  return result.ok ? [] : result.errors.map((error) => formatProblem(error).replaceAll(folder, ""));
}

/** The warnings of a valid configuration as lines, with the folder of its files left out. */
export function warningsOf(request: LoadRequest): readonly string[] {
  const result = loadConfiguration(request);
  if (!result.ok) throw new Error(result.errors.map(formatProblem).join("\n"));
  return result.warnings.map(({ text }) => text.replaceAll(`${dirname(request.confFile)}/`, ""));
}
