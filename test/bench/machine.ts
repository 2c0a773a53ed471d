/** What a fair measurement needs of the machine: quiet, one benchmark at a time, the load generator built. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const source = fileURLToPath(new URL("./mqload.c", import.meta.url));

/**
 * Compiles the load generator unless that has been done since its source changed; gives its path. For TLS it needs the
 * headers of OpenSSL (libssl-dev).
 */
export function loadGenerator(tls: boolean): string {
  const directory = fileURLToPath(new URL("../../node_modules/.cache", import.meta.url));
  const binary = join(directory, tls ? "mqload-tls" : "mqload");
  if (existsSync(binary) && statSync(binary).mtimeMs > statSync(source).mtimeMs) return binary;
  mkdirSync(directory, { recursive: true });
  const compiler = process.env.CC ?? "cc";
  const made = spawnSync(
    compiler,
    ["-O2", ...(tls ? ["-DWITH_TLS"] : []), "-o", binary, source, ...(tls ? ["-lssl", "-lcrypto"] : [])],
    {
      encoding: "utf8",
    },
  );
  if (made.status !== 0) throw new Error(`${compiler} did not build ${source}: ${made.stderr ?? made.error}`);
  return binary;
}

/** Busy CPU seconds of the whole machine since it started. */
function busySeconds(): number {
  const line = readFileSync("/proc/stat", "utf8").split("\n", 1)[0] ?? "";
  const ticks = line.trim().split(/\s+/).slice(1, 9).map(Number);
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = ticks;
  return (user + nice + system + irq + softirq + steal) / 100;
}

/** Waits until less than an eighth of one core is in use, or the time is over. */
export async function quiet(limitMs: number): Promise<void> {
  const end = performance.now() + limitMs;
  while (performance.now() < end) {
    const before = busySeconds();
    const from = performance.now();
    await delay(500);
    if ((busySeconds() - before) / ((performance.now() - from) / 1000) < 0.125) return;
  }
}

/** Takes an flock(2) on a file, waiting for others; the returned function gives it back. */
export async function lock(file: string): Promise<() => void> {
  const holder: ChildProcess = spawn("flock", ["-x", file, "sh", "-c", "echo locked; cat >/dev/null"], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const [first] = await Promise.race([
    once(holder.stdout ?? holder, "data"),
    once(holder, "exit").then(() => [undefined]),
  ]);
  if (first === undefined) throw new Error(`cannot lock ${file}`);
  return () => holder.stdin?.end();
}
