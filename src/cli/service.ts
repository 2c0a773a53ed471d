import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { askInfo, NotRespondingError } from "../admin/control-client.ts";
import type { NodeInfo } from "../admin/control-protocol.ts";
import { nodeName } from "./node-name.ts";
import type { Places } from "./places.ts";

/** Runs a program to its end; `shown`: its words go to this process's standard error. */
export type RunProgram = (
  program: string,
  argv: readonly string[],
  shown: boolean,
) => { readonly status: number; readonly stdout: string };

/** Lines of the journal that tell why a start has failed. */
const REASON_LINES = "20";

/**
 * The unit of systemd to which root's `start`, `stop` and `restart` belong: a broker started past the service manager
 * would be unknown to it, and could be started a second time. Undefined where systemd is not the init system or does
 * not know the unit, for anybody but root, and within the unit itself.
 */
export function managedService(
  name: string | undefined,
  run: RunProgram = runProgram,
  { uid = process.getuid?.(), booted = "/run/systemd/system", cgroup = "/proc/self/cgroup" } = {},
): Service | undefined {
  if (name === undefined || uid !== 0 || !existsSync(booted)) return undefined;
  if (existsSync(cgroup) && readFileSync(cgroup, "utf8").includes(`/${name}`)) return undefined;
  const service = new Service(name, run);
  return service.property("LoadState") === "loaded" ? service : undefined;
}

export class Service {
  readonly #name: string;
  readonly #run: RunProgram;

  constructor(name: string, run: RunProgram) {
    this.#name = name;
    this.#run = run;
  }

  property(name: string): string {
    return this.#run("systemctl", ["show", `--property=${name}`, "--value", this.#name], false).stdout.trim();
  }

  /** `vernemq start`. */
  async start(where: Places): Promise<number> {
    if ((await ask(where)) !== undefined) {
      process.stderr.write("Node is already running!\n");
      return 1;
    }
    return this.#begin("start");
  }

  /** `vernemq stop`; undefined: the node that runs is not the service's. */
  async stop(where: Places): Promise<number | undefined> {
    const info = await ask(where);
    const idle = ["inactive", "failed", ""].includes(this.property("ActiveState"));
    if (info === undefined && idle) {
      process.stderr.write(
        `Node '${await nodeName(where)}' not responding to pings.\nNode is not running!\n`,
      );
      return 1;
    }
    if (info !== undefined && Number(this.property("MainPID")) !== info.pid) return undefined;
    const { status } = this.#run("systemctl", ["stop", this.#name], true);
    if (status !== 0) return 1;
    process.stdout.write("ok\n");
    return 0;
  }

  /** `vernemq restart`; undefined: the node that runs is not the service's. */
  async restart(where: Places): Promise<number | undefined> {
    const info = await ask(where);
    if (info === undefined) return this.#begin("restart");
    if (Number(this.property("MainPID")) !== info.pid) return undefined;
    const status = this.#begin("restart");
    if (status === 0) process.stdout.write("ok\n");
    return status;
  }

  #begin(verb: "start" | "restart"): number {
    const since = `@${Math.floor(Date.now() / 1000)}`;
    const { status } = this.#run("systemctl", [verb, this.#name], true);
    if (status === 0) return 0;
    const journal = ["--quiet", "--no-pager", "--output=cat", `--unit=${this.#name}`, `--since=${since}`];
    const { stdout } = this.#run("journalctl", [...journal, `--lines=${REASON_LINES}`], false);
    process.stderr.write(stdout);
    process.stderr.write("vernemq failed to start\n");
    return 1;
  }
}

async function ask({ directories }: Places): Promise<NodeInfo | undefined> {
  try {
    return await askInfo(directories.run);
  } catch (error) {
    if (error instanceof NotRespondingError) return undefined;
    throw error;
  }
}

function runProgram(program: string, argv: readonly string[], shown: boolean): ReturnType<RunProgram> {
  const { status, stdout } = spawnSync(program, argv, {
    encoding: "utf8",
    stdio: ["ignore", "pipe", shown ? "inherit" : "ignore"],
  });
  return { status: status ?? 1, stdout: stdout ?? "" };
}
