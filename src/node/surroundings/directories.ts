import { accessSync, constants, type Stats, statfsSync, statSync } from "node:fs";
import { dirname } from "node:path";
import type { Configuration } from "../../config/configuration.ts";
import { codeOf, type Finding, isForbidden, problemAt, reasonOf } from "./finding.ts";

/** File systems in which nothing can be made, whatever their permissions say: proc and sysfs. */
const NOTHING_IS_MADE = [0x9fa0, 0x62656572];

interface Obstacle {
  readonly reason: string;
  readonly forbidden: boolean;
}

/** Looks at the directories that the broker writes to, and at its log files. Makes none of them. */
export function inspectDirectories(configuration: Configuration): readonly Finding[] {
  const { data, log, run } = configuration.directories;
  const findings: Finding[] = [];
  const add = (key: string | undefined, path: string, obstacle: Obstacle | undefined, what: string): void => {
    if (obstacle === undefined) return;
    const { reason, forbidden } = obstacle;
    const problem =
      key === undefined
        ? { problem: `${what} ${path} cannot be used: ${reason}` }
        : problemAt(configuration, key, path, `${what} cannot be used: ${reason}`);
    findings.push({ problem, forbidden });
  };
  add("platform_data_dir", data, directoryObstacle(data), "the data directory");
  const store = configuration.get("vmq_generic_msg_store.store_dir");
  if (findings.length === 0 || dirname(store) !== data)
    add("vmq_generic_msg_store.store_dir", store, directoryObstacle(store), "the directory of the store");
  add(undefined, log, directoryObstacle(log), "the log directory");
  add(undefined, run, directoryObstacle(run), "the run directory");
  const logDirectoryFails = directoryObstacle(log) !== undefined;
  for (const key of logFiles(configuration)) {
    const path = configuration.get(key);
    if (logDirectoryFails && dirname(path) === log) continue;
    add(key, path, fileObstacle(path), "the log file");
  }
  return findings;
}

/** File systems without any room. The start goes on where it finds what it needs there; nothing can be stored or logged. */
export function inspectRoom(configuration: Configuration): readonly Finding[] {
  const { data, log, run } = configuration.directories;
  const findings: Finding[] = [];
  for (const [what, path] of [
    ["data", data],
    ["log", log],
    ["run", run],
  ]) {
    // Others say what is wrong with a directory that cannot be looked at.
    if (path === undefined || directoryObstacle(path) !== undefined) continue;
    let present = path;
    while (found(present) === undefined) present = dirname(present);
    if (statfsSync(present).bavail > 0) continue;
    const problem = `the file system of the ${what} directory ${path} is full`;
    findings.push({ problem: { problem }, forbidden: false });
  }
  return findings;
}

type LogFileKey = "log.console.file" | "log.error.file" | "log.crash.file";

function logFiles(configuration: Configuration): readonly LogFileKey[] {
  const keys: LogFileKey[] = [];
  if (["file", "both"].includes(configuration.get("log.console"))) keys.push("log.console.file");
  if (configuration.get("log.error")) keys.push("log.error.file");
  if (configuration.get("log.crash")) keys.push("log.crash.file");
  return keys;
}

function found(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw error;
  }
}

/** Why nothing can be written to a directory, or why it cannot be made; undefined when it can. */
function directoryObstacle(path: string): Obstacle | undefined {
  try {
    let present = path;
    let stats = found(present);
    while (stats === undefined && dirname(present) !== present) {
      present = dirname(present);
      stats = found(present);
    }
    const where = present === path ? "" : `: ${present}`;
    if (stats?.isDirectory() === false) return { reason: `it is not a directory${where}`, forbidden: false };
    if (NOTHING_IS_MADE.includes(statfsSync(present).type))
      return { reason: `nothing can be made in ${present}`, forbidden: false };
    accessSync(present, constants.W_OK | constants.X_OK);
    return undefined;
  } catch (error) {
    return { reason: reasonOf(error), forbidden: isForbidden(error) };
  }
}

/** The same for a file that is written, and made when it is not there. */
function fileObstacle(path: string): Obstacle | undefined {
  try {
    const stats = found(path);
    if (stats === undefined) {
      const obstacle = directoryObstacle(dirname(path));
      return obstacle && { ...obstacle, reason: `its directory: ${obstacle.reason}` };
    }
    if (stats.isDirectory()) return { reason: "it is a directory", forbidden: false };
    // Opening one waits for a reader, perhaps for ever. What /dev/stdout leads to has been opened already.
    if (stats.isFIFO() && !/^\/(?:dev|proc)\//.test(path))
      return { reason: "it is a pipe", forbidden: false };
    accessSync(path, constants.W_OK);
    return undefined;
  } catch (error) {
    return { reason: reasonOf(error), forbidden: isForbidden(error) };
  }
}
