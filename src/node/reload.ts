import { type Configuration, type Difference, formatDifference } from "../config/configuration.ts";
import { type LoadRequest, loadConfiguration } from "../config/load.ts";
import { formatProblem } from "../config/problem.ts";
import type { Logger } from "../log/logger.ts";

/** A part of the node that has files of its own. */
export interface Reloadable {
  /** Reads them again; where one is bad, what was read before stays. Resolves to what is wrong, each a sentence. */
  reload(): Promise<readonly string[]>;
}

/** What came of reading everything again. */
export interface ReloadReport {
  /** Options that count from now on: `key = value (was value)`. */
  readonly changed: readonly string[];
  /** Options that count after the next start. */
  readonly needRestart: readonly string[];
  /** What is wrong. When vernemq.conf is, nothing else has been read and nothing has changed. */
  readonly problems: readonly string[];
}

export interface ReloadOptions {
  readonly request: LoadRequest;
  readonly configuration: Configuration;
  readonly parts: readonly Reloadable[];
  readonly log: Logger;
}

/** Makes the function that reads vernemq.conf and all files of the parts again. Calls wait for each other. */
export function reloader(options: ReloadOptions): () => Promise<ReloadReport> {
  let last: Promise<unknown> = Promise.resolve();
  return () => {
    const report = last.then(() => reload(options));
    last = report.catch(() => {});
    return report;
  };
}

async function reload({ request, configuration, parts, log }: ReloadOptions): Promise<ReloadReport> {
  const loaded = loadConfiguration(request);
  if (!loaded.ok) {
    const problems = [
      ...loaded.errors.map(formatProblem),
      "the configuration is refused; what was in force stays",
    ];
    for (const problem of problems) log.error("reload", problem);
    return { changed: [], needRestart: [], problems };
  }
  const adoption = configuration.adopt(loaded.configuration);
  const changed = adoption.changed.map(formatDifference);
  const needRestart = adoption.needRestart.map(formatDifference);
  for (const line of changed) log.info("reload", `changed: ${line}`);
  for (const line of needRestart) log.warning("reload", `a restart is needed for ${line}`);
  // What is wrong with them the parts have logged themselves.
  const problems = (await Promise.all(parts.map((part) => part.reload()))).flat();
  log.info("reload", `the configuration was read again: ${summary(adoption.changed, adoption.needRestart)}`);
  return { changed, needRestart, problems };
}

function summary(changed: readonly Difference[], needRestart: readonly Difference[]): string {
  return `options changed: ${changed.length}, for the next start: ${needRestart.length}`;
}
