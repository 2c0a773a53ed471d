import { dirname, resolve } from "node:path";
import type { Directories } from "../config/directories.ts";
import type { Installation } from "./installation.ts";

/** Where a node has its files, as given on the command line, by the environment, or by the installation. */
export interface Places {
  readonly confFile: string;
  readonly directories: Directories;
  /** Directories that were given explicitly: they go before vernemq.conf. */
  readonly given: Partial<Directories>;
}

/** The values of --conf, --data-dir, --log-dir and --run-dir. */
export interface PlaceOptions {
  readonly conf?: string | undefined;
  readonly dataDir?: string | undefined;
  readonly logDir?: string | undefined;
  readonly runDir?: string | undefined;
}

function absolute(path: string | undefined): string | undefined {
  return path === undefined || path === "" ? undefined : resolve(path);
}

/**
 * Options go before VERNEMQ_CONF, VERNEMQ_DATA_DIR, VERNEMQ_LOG_DIR and VERNEMQ_RUN_DIR, these before the places of the
 * installation.
 */
export function places(
  options: PlaceOptions,
  env: Readonly<Record<string, string | undefined>>,
  installation: Installation,
): Places {
  const data = absolute(options.dataDir) ?? absolute(env.VERNEMQ_DATA_DIR);
  const log = absolute(options.logDir) ?? absolute(env.VERNEMQ_LOG_DIR);
  const run = absolute(options.runDir) ?? absolute(env.VERNEMQ_RUN_DIR);
  const confFile = absolute(options.conf) ?? absolute(env.VERNEMQ_CONF) ?? installation.confFile;
  const given = {
    ...(data !== undefined && { data }),
    ...(log !== undefined && { log }),
    ...(run !== undefined && { run }),
  };
  return {
    confFile,
    given,
    directories: {
      data: installation.data,
      log: installation.log,
      run: installation.run,
      lib: installation.lib,
      share: installation.share,
      etc: dirname(confFile),
      ...given,
    },
  };
}

/** The options that lead to the same places, for another process. */
export function placeArguments({ confFile, given }: Places): string[] {
  const argv = ["--conf", confFile];
  if (given.data !== undefined) argv.push("--data-dir", given.data);
  if (given.log !== undefined) argv.push("--log-dir", given.log);
  if (given.run !== undefined) argv.push("--run-dir", given.run);
  return argv;
}
