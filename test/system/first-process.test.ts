/** The executable as process 1 of a container, to which the kernel gives only signals that it has asked for. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { it } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { freePort, run, temporaryDirectory } from "../support/processes.ts";
import { release } from "./support/release.ts";
import { missing } from "./support/requirements.ts";

const SIGTERM_BIT = 1 << 14;
const DEADLINE_MS = 30_000;

/** The process in the new space of processes. */
function firstProcess(unshare: number): number {
  const [child = ""] = readFileSync(`/proc/${unshare}/task/${unshare}/children`, "utf8").split(" ");
  return Number(child);
}

function catchesSigterm(pid: number): boolean {
  const caught = /^SigCgt:\s*([0-9a-f]+)$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? "";
  return (Number.parseInt(caught.slice(-8), 16) & SIGTERM_BIT) !== 0;
}

it("is stopped by a SIGTERM that comes before it has read its configuration", {
  skip: missing({ root: true, commands: ["unshare", "mkfifo"] }),
}, async (context) => {
  const { executable } = await release();
  const directory = temporaryDirectory();
  // Nothing is written to it yet: the broker waits for its configuration.
  const conf = join(directory, "vernemq.conf");
  assert.equal((await run("mkfifo", [conf])).code, 0);
  const places = ["data", "log", "run"].flatMap((name) => [`--${name}-dir`, join(directory, name)]);
  const argv = ["--pid", "--fork", "--kill-child", executable, "--conf", conf, ...places, "foreground"];
  const unshare = spawn("unshare", argv, { env: { PATH: process.env.PATH }, stdio: "inherit" });
  context.after(() => unshare.kill("SIGKILL"));
  const end = performance.now() + DEADLINE_MS;
  let pid = 0;
  while (pid === 0 || !catchesSigterm(pid)) {
    assert.ok(performance.now() < end, "it does not listen to SIGTERM");
    await delay(5);
    pid = firstProcess(unshare.pid ?? 0);
  }
  process.kill(pid, "SIGTERM");
  writeFileSync(conf, `listener.tcp.default = 127.0.0.1:${await freePort()}\n`);
  const [status] = await Promise.race([once(unshare, "exit"), delay(DEADLINE_MS, ["too late"])]);
  assert.equal(status, 0);
  assert.match(readFileSync(join(directory, "log/console.log"), "utf8"), /SIGTERM/);
});
