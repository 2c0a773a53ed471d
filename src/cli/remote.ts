import type { Caller } from "../admin/admin.ts";
import { request } from "../admin/control-client.ts";

/**
 * Runs an admin command on the node of a run directory and prints its answer as it comes. Resolves to the exit status;
 * throws NotRunningError when no node is there.
 */
export async function runRemote(
  runDirectory: string,
  argv: readonly string[],
  caller: Caller,
): Promise<number> {
  const { output, terminal, signal } = caller;
  for await (const frame of request(runDirectory, { request: "admin", argv, terminal }, signal)) {
    if (frame.frame === "stdout") await output.stdout(frame.text);
    else if (frame.frame === "stderr") await output.stderr(frame.text);
    else if (frame.frame === "exit") return frame.status;
  }
  if (signal.aborted) return 130;
  throw new Error("the node ended the connection before the command was done");
}
