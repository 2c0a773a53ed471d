/** The executable as process 1 of a container, to which the kernel gives only signals that it has asked for. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, constants, openSync, readFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { it } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { freePort, run, temporaryDirectory } from "../support/processes.ts";
import { release } from "./support/release.ts";
import { missing } from "./support/requirements.ts";

const DEADLINE_MS = 30_000;

/** The process in the new space of processes. */
function firstProcess(unshare: number): number {
  const [child = ""] = readFileSync(`/proc/${unshare}/task/${unshare}/children`, "utf8").split(" ");
  return Number(child);
}

/** Opens a pipe for writing, which works only while somebody has it open for reading. */
function openForReader(pipe: string): number | undefined {
  try {
    return openSync(pipe, constants.O_WRONLY | constants.O_NONBLOCK);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENXIO") return undefined;
    throw error;
  }
}

it("is stopped by a SIGTERM that comes before it has read its configuration", {
  skip: missing({ root: true, commands: ["unshare", "mkfifo"] }),
}, async (context) => {
  const { executable } = await release();
  const directory = temporaryDirectory();
  // Nothing is written to it yet: the broker waits for its configuration, as it does for pipes below /proc only.
  const conf = join(directory, "vernemq.conf");
  assert.equal((await run("mkfifo", [conf])).code, 0);
  const places = ["data", "log", "run"].flatMap((name) => [`--${name}-dir`, join(directory, name)]);
  const argv = [
    "--pid",
    "--fork",
    "--kill-child",
    executable,
    "--conf",
    `/proc/self/root${conf}`,
    ...places,
    "foreground",
  ];
  const unshare = spawn("unshare", argv, { env: { PATH: process.env.PATH }, stdio: "inherit" });
  context.after(() => unshare.kill("SIGKILL"));
  const end = performance.now() + DEADLINE_MS;
  let reading: number | undefined;
  while (reading === undefined) {
    assert.ok(performance.now() < end, "it does not read its configuration");
    await delay(5);
    reading = openForReader(conf);
  }
  process.kill(firstProcess(unshare.pid ?? 0), "SIGTERM");
  writeSync(reading, `listener.tcp.default = 127.0.0.1:${await freePort()}\n`);
  closeSync(reading);
  const [status] = await Promise.race([once(unshare, "exit"), delay(DEADLINE_MS, ["too late"])]);
  assert.equal(status, 0);
  assert.match(readFileSync(join(directory, "log/console.log"), "utf8"), /SIGTERM/);
});
