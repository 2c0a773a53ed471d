import { NotRunningError, request } from "../admin/control-client.ts";
import type { Output } from "../admin/render.ts";
import type { Places } from "./places.ts";
import { ask } from "./presence.ts";
import { Prompt } from "./prompt.ts";
import { runRemote } from "./remote.ts";

/**
 * `vernemq attach`: the prompt of a running node. Leaving it leaves the node alone; when the node is gone, it ends with
 * the first command that finds that out.
 */
export async function attach(where: Places): Promise<number> {
  const { directories } = where;
  const info = await ask(where);
  if (info === undefined) {
    process.stderr.write("Node did not respond to ping!\n");
    return 1;
  }
  let status = 0;
  const terminal = process.stdin.isTTY && process.stdout.isTTY;
  const prompt = new Prompt(
    {
      execute: async (argv: readonly string[], output: Output, signal: AbortSignal) => {
        try {
          await runRemote(directories.run, argv, { output, terminal, signal });
        } catch (error) {
          if (!(error instanceof NotRunningError)) throw error;
          await output.stderr(`Node '${info.node}' is not running any more.\n`);
          status = 1;
          prompt.close();
        }
      },
      complete: async (words, begun) => {
        for await (const frame of request(directories.run, { request: "complete", words, begun })) {
          if (frame.frame === "completions") return frame.words;
        }
        return [];
      },
    },
    {
      input: process.stdin,
      output: process.stdout,
      terminal,
      name: info.node,
      closing: "leaves the prompt; the node goes on",
    },
  );
  await prompt.closed;
  return status;
}
