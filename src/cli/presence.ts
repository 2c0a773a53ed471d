import { askInfo, NotRespondingError } from "../admin/control-client.ts";
import type { NodeInfo } from "../admin/control-protocol.ts";
import { nodeName } from "./node-name.ts";
import type { Places } from "./places.ts";

/*
 * What asks a node whether it is there: run by health checks every few seconds, so it loads little.
 */

/** Who serves there; undefined when nobody does or it does not answer. */
export async function ask({ directories }: Places): Promise<NodeInfo | undefined> {
  try {
    return await askInfo(directories.run);
  } catch (error) {
    if (error instanceof NotRespondingError) return undefined;
    throw error;
  }
}

/** Says on standard error that nobody answers. */
export async function complainNotResponding(where: Places): Promise<void> {
  process.stderr.write(`Node '${await nodeName(where)}' not responding to pings.\n`);
}

/** `vernemq ping`. */
export async function ping(where: Places): Promise<number> {
  const info = await ask(where);
  if (info?.state === "running") {
    process.stdout.write("pong\n");
    return 0;
  }
  await complainNotResponding(where);
  return 1;
}

/** `vernemq getpid`. */
export async function getpid(where: Places): Promise<number> {
  const info = await ask(where);
  if (info === undefined) {
    process.stderr.write("Node is not running!\n");
    return 1;
  }
  process.stdout.write(`${info.pid}\n`);
  return 0;
}
