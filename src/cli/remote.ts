import type { Caller } from "../admin/admin.ts";
import { request } from "../admin/control-client.ts";
import type { ControlFrame } from "../admin/control-protocol.ts";
import type { Output } from "../admin/render.ts";

/**
 * Prints a node's answer as it comes. Resolves to the exit status that it ends with; undefined when it breaks off before.
 */
export async function printAnswer(
  frames: AsyncIterable<ControlFrame>,
  output: Output,
): Promise<number | undefined> {
  for await (const frame of frames) {
    if (frame.frame === "stdout") await output.stdout(frame.text);
    else if (frame.frame === "stderr") await output.stderr(frame.text);
    else if (frame.frame === "exit") return frame.status;
  }
  return undefined;
}

/**
 * Runs an admin command on the node of a run directory and prints its answer as it comes. Resolves to the exit status;
 * throws NotRunningError when no node is there.
 */
export async function runRemote(
  runDirectory: string,
  argv: readonly string[],
  { output, terminal, signal }: Caller,
): Promise<number> {
  const frames = request(runDirectory, { request: "admin", argv, terminal }, signal);
  const status = await printAnswer(frames, output);
  if (status !== undefined) return status;
  if (signal.aborted) return 130;
  throw new Error("the node ended the connection before the command was done");
}
