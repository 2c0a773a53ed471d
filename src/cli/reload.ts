import { NotRunningError, request } from "../admin/control-client.ts";
import type { Output } from "../admin/render.ts";
import { nodeName } from "./node-name.ts";
import type { Places } from "./places.ts";
import type { RunningNode } from "./running-node.ts";

/** Lets the node read its configuration again and prints what came of it. Resolves to the exit status. */
export async function printReload(node: Pick<RunningNode, "reload">, output: Output): Promise<number> {
  const { changed, needRestart, problems } = await node.reload();
  for (const line of changed) await output.stdout(`changed: ${line}\n`);
  for (const line of needRestart) await output.stderr(`a restart is needed for ${line}\n`);
  for (const problem of problems) await output.stderr(`error: ${problem}\n`);
  return problems.length === 0 ? 0 : 1;
}

/** `vernemq reload`: the running node reads its configuration and the files that belong to it again. */
export async function reload(where: Places): Promise<number> {
  try {
    for await (const frame of request(where.directories.run, { request: "reload" })) {
      if (frame.frame === "stdout") process.stdout.write(frame.text);
      else if (frame.frame === "stderr") process.stderr.write(frame.text);
      else if (frame.frame === "exit") return frame.status;
    }
  } catch (error) {
    if (!(error instanceof NotRunningError)) throw error;
    process.stderr.write(`Node '${await nodeName(where)}' not responding to pings.\n`);
    return 1;
  }
  process.stderr.write("The node ended the connection before it had read everything again.\n");
  return 1;
}
