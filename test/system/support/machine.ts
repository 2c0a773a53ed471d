/** A system in a directory, run by systemd-nspawn with a network of its own, and commands in it. */
import assert from "node:assert/strict";
import type { ChildProcess } from "node:child_process";
import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { ended, removeDirectory, run, startProcess } from "../../support/processes.ts";

export interface Answer {
  readonly stdout: string;
  readonly stderr: string;
  readonly code: number;
}

const START_MS = 60_000;

export class Machine {
  readonly directory: string;
  readonly #process: ChildProcess;
  readonly #leader: number;

  private constructor(directory: string, process: ChildProcess, leader: number) {
    this.directory = directory;
    this.#process = process;
    this.#leader = leader;
  }

  /** `init`: with systemd as process 1; else with nothing that runs. */
  static async start(directory: string, init: boolean): Promise<Machine> {
    let output = "";
    const what = init ? ["--boot"] : ["--as-pid2", "/bin/sleep", "infinity"];
    const argv = ["-q", "-D", directory, "--register=no", "--keep-unit", "--private-network"];
    const nspawn = startProcess("systemd-nspawn", [...argv, "--console=read-only", ...what], {}, (text) => {
      output += text;
    });
    nspawn.stdin?.end();
    const end = performance.now() + START_MS;
    while (performance.now() < end && nspawn.exitCode === null) {
      const leader = childOf(nspawn.pid ?? 0);
      if (leader !== undefined) {
        const machine = new Machine(directory, nspawn, leader);
        if (await machine.#isUp(init)) return machine;
      }
      await delay(100);
    }
    nspawn.kill("SIGKILL");
    throw new Error(`the system did not start:\n${output}`);
  }

  /** Runs a line of shell to its end, as root. */
  run(script: string, deadlineMs = 60_000): Promise<Answer> {
    const spaces = ["-m", "-u", "-i", "-n", "-p", "-C", "-r", "-w"];
    const env = ["env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LC_ALL=C.UTF-8"];
    return run("nsenter", ["-t", String(this.#leader), ...spaces, ...env, "/bin/sh", "-c", script], {
      deadlineMs,
    });
  }

  /** The same; the line must end with status 0. Gives what it printed, without the last line end. */
  async sh(script: string, deadlineMs?: number): Promise<string> {
    const { code, stdout, stderr } = await this.run(script, deadlineMs);
    assert.equal(code, 0, `${script}\n${stdout}${stderr}`);
    return stdout.trimEnd();
  }

  /** Runs the line until it ends with status 0. */
  async until(script: string, deadlineMs = 60_000): Promise<void> {
    const end = performance.now() + deadlineMs;
    let last: Answer | undefined;
    while (performance.now() < end) {
      last = await this.run(script);
      if (last.code === 0) return;
      await delay(100);
    }
    throw new Error(`never true: ${script}\n${last?.stdout}${last?.stderr}`);
  }

  /** Ends everything in the system, and removes it. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      process.kill(this.#leader, "SIGKILL");
    } catch {
      // It has ended by itself.
    }
    await ended(this.#process);
    removeDirectory(this.directory);
  }

  async #isUp(init: boolean): Promise<boolean> {
    const { code, stdout } = await this.run(init ? "systemctl is-system-running" : "test -e /proc/self");
    return init ? /^(running|degraded)$/m.test(stdout) : code === 0;
  }
}

function childOf(pid: number): number | undefined {
  try {
    const [child] = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ");
    return Number(child) > 0 ? Number(child) : undefined;
  } catch {
    return undefined;
  }
}
