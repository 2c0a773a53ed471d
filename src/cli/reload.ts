import { NotRunningError, request } from "../admin/control-client.ts";
import type { Output } from "../admin/render.ts";
import type { Places } from "./places.ts";
import { complainNotResponding } from "./presence.ts";
import { printAnswer } from "./remote.ts";
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
  let status: number | undefined;
  try {
    status = await printAnswer(request(where.directories.run, { request: "reload" }), {
      stdout: (text) => void process.stdout.write(text),
      stderr: (text) => void process.stderr.write(text),
    });
  } catch (error) {
    if (!(error instanceof NotRunningError)) throw error;
    await complainNotResponding(where);
    return 1;
  }
  if (status !== undefined) return status;
  process.stderr.write("The node ended the connection before it had read everything again.\n");
  return 1;
}
