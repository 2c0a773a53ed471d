/**
 * Child processes, ports and directories of the black-box tests. Everything taken here is given back
 * when the test process ends, however it ends.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { accepts } from "./transport.ts";

const children = new Set<ChildProcess>();
const claims = new Set<string>();
const directories = new Set<string>();

function cleanUp(): void {
  for (const child of children) child.kill("SIGKILL");
  for (const claim of claims) {
    try {
      unlinkSync(claim);
    } catch {
      // Somebody has emptied the temporary directory already.
    }
  }
  for (const directory of directories) rmSync(directory, { recursive: true, force: true });
}
process.once("exit", cleanUp);
for (const [signal, status] of [
  ["SIGINT", 130],
  ["SIGTERM", 143],
  ["SIGHUP", 129],
] as const) {
  process.once(signal, () => process.exit(status));
}

/** Starts a process that cannot outlive this one's orderly or signalled end. */
export function startProcess(
  command: string,
  argv: readonly string[],
  env: Record<string, string> = {},
  output: (text: string) => void = () => {},
): ChildProcess {
  const child = spawn(command, argv, { env: { ...process.env, ...env }, stdio: ["pipe", "pipe", "pipe"] });
  children.add(child);
  child.once("exit", () => children.delete(child));
  child.once("error", (error) => {
    children.delete(child);
    output(`${command}: ${error.message}\n`);
  });
  child.stdout?.setEncoding("utf8").on("data", output);
  child.stderr?.setEncoding("utf8").on("data", output);
  return child;
}

/** Runs a process to its end. Status -1: it could not be started or a signal ended it. */
export async function run(
  command: string,
  argv: readonly string[],
  options: { env?: Record<string, string>; input?: string; deadlineMs?: number } = {},
): Promise<{ stdout: string; stderr: string; code: number }> {
  const child = startProcess(command, argv, options.env);
  let stdout = "";
  let stderr = "";
  child.stdout?.on("data", (text: string) => {
    stdout += text;
  });
  child.stderr?.on("data", (text: string) => {
    stderr += text;
  });
  child.stdin?.on("error", () => {});
  child.stdin?.end(options.input ?? "");
  const timer = setTimeout(() => child.kill("SIGKILL"), options.deadlineMs ?? 30_000);
  const code = await new Promise<number>((resolve) => {
    child.once("close", (status) => resolve(status ?? -1));
    child.once("error", () => resolve(-1));
  });
  clearTimeout(timer);
  return { stdout, stderr, code };
}

/** Waits for the end of a process: its exit status, or 128 when a signal ended it. */
export async function ended(child: ChildProcess): Promise<number> {
  if (child.exitCode !== null) return child.exitCode;
  if (child.signalCode !== null) return 128;
  await once(child, "exit");
  return child.exitCode ?? 128;
}

/** A new directory below the system's temporary one; removed at the end. */
export function temporaryDirectory(prefix = "vernemq-test-"): string {
  const directory = mkdtempSync(join(tmpdir(), prefix));
  directories.add(directory);
  return directory;
}

export function removeDirectory(directory: string): void {
  directories.delete(directory);
  rmSync(directory, { recursive: true, force: true });
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

function claim(file: string): boolean {
  for (const attempt of [0, 1]) {
    try {
      const fd = openSync(file, "wx");
      writeSync(fd, String(process.pid));
      closeSync(fd);
      claims.add(file);
      return true;
    } catch {
      if (attempt === 1) return false;
      try {
        const owner = Number(readFileSync(file, "utf8"));
        if (owner > 0 && alive(owner)) return false;
        unlinkSync(file);
      } catch {
        // Its owner has given it back in this very moment: the second attempt decides.
      }
    }
  }
  return false;
}

async function bindable(port: number): Promise<boolean> {
  const server = createServer();
  return await new Promise((resolve) => {
    server.once("error", () => resolve(false));
    server.listen({ port, host: "127.0.0.1" }, () => server.close(() => resolve(true)));
  });
}

let nextPort = 20_000 + ((process.pid * 37) % 10_000);

/**
 * A port on 127.0.0.1 that no other test process takes: below the range from which the system picks
 * the ports of outgoing connections, claimed by a file that holds our process id.
 */
export async function freePort(): Promise<number> {
  const directory = join(tmpdir(), `vernemq-test-ports-${userInfo().uid}`);
  mkdirSync(directory, { recursive: true });
  for (let i = 0; i < 10_000; i++) {
    nextPort = nextPort >= 31_999 ? 20_000 : nextPort + 1;
    const port = nextPort;
    const file = join(directory, String(port));
    if (!claim(file)) continue;
    if (await bindable(port)) return port;
    claims.delete(file);
    unlinkSync(file);
  }
  throw new Error("no free port between 20000 and 32000");
}

/** Resolves when the port takes connections; throws when the process ends first or the time is over. */
export async function portOpen(
  port: number,
  child: ChildProcess | undefined,
  deadlineMs: number,
): Promise<void> {
  const end = performance.now() + deadlineMs;
  while (performance.now() < end) {
    if (await accepts(port, "127.0.0.1")) return;
    if (child !== undefined && (child.exitCode !== null || child.signalCode !== null)) {
      throw new Error(
        `it ended with status ${child.exitCode ?? child.signalCode} before port ${port} was open`,
      );
    }
    await delay(20);
  }
  throw new Error(`port ${port} is not open after ${deadlineMs} ms`);
}

/** Resident memory of a process in bytes, 0 where the system does not tell. */
export function residentBytes(pid: number): number {
  try {
    const line = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
    return Number(line?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}
