import { askInfo, request } from "../admin/control-client.ts";
import type { Output } from "../admin/render.ts";
import type { Places } from "./places.ts";
import { Prompt } from "./prompt.ts";
import { runRemote } from "./remote.ts";

/** `vernemq attach`: the prompt of a running node. Leaving it leaves the node alone. */
export async function attach({ directories }: Places): Promise<number> {
  const info = await askInfo(directories.run).catch(() => undefined);
  if (info === undefined) {
    process.stderr.write("Node did not respond to ping!\n");
    return 1;
  }
  const terminal = process.stdin.isTTY && process.stdout.isTTY;
  const prompt = new Prompt(
    {
      execute: async (argv: readonly string[], output: Output, signal: AbortSignal) => {
        await runRemote(directories.run, argv, { output, terminal, signal });
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
  return 0;
}
