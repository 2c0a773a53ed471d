import { spawn } from "node:child_process";
import { once } from "node:events";

export interface Finished {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface BareOptions {
  /** All of the environment; empty if not given. */
  readonly env?: Record<string, string>;
  readonly input?: string;
  readonly deadlineMs?: number;
}

/** Runs a program to its end in an environment without anything: no PATH to a Node.js, no HOME. */
export async function runBare(
  program: string,
  argv: readonly string[],
  { env = {}, input = "", deadlineMs = 60_000 }: BareOptions,
): Promise<Finished> {
  const path = program.includes("/") ? {} : { PATH: process.env.PATH ?? "" };
  const child = spawn(program, argv, {
    env: { ...path, ...env },
    cwd: "/",
    timeout: deadlineMs,
    killSignal: "SIGKILL",
  });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    // Whether the machine's limit of open files is a good one is not what is tested.
    stderr += text.replace(/^!!!!\n!!!! WARNING: ulimit -n.*\n!!!!\n/, "");
  });
  child.stdin.on("error", () => {});
  child.stdin.end(input);
  const [status] = await once(child, "close");
  return { status: typeof status === "number" ? status : null, stdout, stderr };
}
