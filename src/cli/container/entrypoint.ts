import { accessSync, constants, existsSync, type Stats, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { loadConfiguration } from "../../config/load.ts";
import { readFailure } from "../../config/reader/files.ts";
import { makeDirectory } from "../../files/make-directory.ts";
import type { Places } from "../places.ts";
import type { Network } from "./address.ts";
import { containerConfiguration } from "./configuration.ts";
import { writeUsers } from "./users.ts";
import type { Environment } from "./variables.ts";

/** Whether the node of a container can be started, and lines for standard error. */
export interface Preparation {
  readonly ok: boolean;
  readonly lines: readonly string[];
}

/**
 * Prepares a container for its node: the directories must be there and writable, and the users of the environment
 * are put into the password file. What is wrong with the configuration itself is not looked for here, the start of
 * the node reports it; then nothing is written.
 */
export function prepareContainer(
  places: Places,
  env: Environment,
  extra: readonly string[] = [],
  network?: Network,
): Preparation {
  const lines: string[] = [];
  if (extra.length > 0) lines.push(`warning: without effect: the arguments ${extra.join(" ")}`);
  const etc = dirname(places.confFile);
  if (!existsSync(etc)) {
    lines.push(`error: ${etc} is missing: mount a directory with vernemq.conf there, or nothing at all`);
    return { ok: false, lines };
  }
  const container = containerConfiguration(places.confFile, env, network);
  const { confFile, overlay } = container;
  const loaded = loadConfiguration({ ...places, confFile, overlay, env });
  // The start of the node says what is wrong, all at once.
  if (!loaded.ok) return { ok: true, lines };
  const { configuration } = loaded;
  const { data, log, run } = configuration.directories;
  const errors = [data, log, run].flatMap((directory) => notWritable(directory) ?? []);
  if (errors.length === 0) {
    if (container.users.length > 0 && !configuration.get("plugins.vmq_passwd")) {
      const names = container.users.map(({ variable }) => variable).join(", ");
      lines.push(`warning: without effect, because plugins.vmq_passwd is off: ${names}`);
    }
    const failure = writeUsers(configuration.get("vmq_passwd.password_file"), container.users);
    if (failure !== undefined) errors.push(failure);
  }
  lines.push(...errors.map((error) => `error: ${error}`));
  return { ok: errors.length === 0, lines };
}

/** Why the broker cannot write to a directory, with what would help; undefined when it can. */
function notWritable(directory: string): string | undefined {
  try {
    makeDirectory(directory, 0o750);
    accessSync(directory, constants.R_OK | constants.W_OK | constants.X_OK);
    return undefined;
  } catch (error) {
    const [uid, gid] = [process.getuid?.() ?? -1, process.getgid?.() ?? -1];
    const present = ownerOf(directory);
    const owner = present === undefined ? "" : ` (it belongs to ${present.uid}:${present.gid})`;
    return (
      `${directory} cannot be written by user ${uid}${owner}: ${readFailure(error)}; ` +
      `give it to ${uid}:${gid} (chown ${uid}:${gid} on the host, fsGroup: ${gid} in Kubernetes)`
    );
  }
}

function ownerOf(directory: string): Stats | undefined {
  for (const path of [directory, join(directory, "..")]) {
    try {
      return statSync(path);
    } catch {
      // Then whose directory it would be made in.
    }
  }
  return undefined;
}
