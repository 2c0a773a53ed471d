/**
 * Containers by podman and crun, on a machine that may itself be a container: storage without overlays, no cgroups, the
 * network of the machine. Needs root.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { removeDirectory, run, temporaryDirectory } from "../../support/processes.ts";
import { missing } from "./requirements.ts";

/** The reason to skip tests with containers here; false when they can run. */
export const NO_PODMAN = missing({ root: true, commands: ["podman", "crun", "conmon", "unshare"] });

export interface ContainerResult {
  readonly stdout: string;
  readonly stderr: string;
  readonly code: number;
}

// crun refuses a machine with both kinds of cgroups mounted; each command gets a view of the machine without the second.
const WRAPPER = 'umount -l /sys/fs/cgroup/unified 2>/dev/null; exec podman "$@"';

export class Podman {
  readonly #directory = temporaryDirectory("vernemq-podman-");
  readonly #env: Record<string, string>;

  constructor() {
    const file = (name: string, lines: readonly string[]): string => {
      const path = join(this.#directory, name);
      writeFileSync(path, lines.map((line) => `${line}\n`).join(""));
      return path;
    };
    const folder = (name: string): string => {
      const path = join(this.#directory, name);
      mkdirSync(path);
      return path;
    };
    this.#env = {
      CONTAINERS_STORAGE_CONF: file("storage.conf", [
        "[storage]",
        'driver = "vfs"',
        `runroot = "${folder("run")}"`,
        `graphroot = "${folder("store")}"`,
      ]),
      CONTAINERS_CONF: file("containers.conf", [
        "[containers]",
        'cgroups = "disabled"',
        'netns = "host"',
        'default_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]',
        "[engine]",
        'cgroup_manager = "cgroupfs"',
        'events_logger = "file"',
        'runtime = "crun"',
        `tmp_dir = "${folder("tmp")}"`,
      ]),
      HOME: folder("home"),
      TMPDIR: folder("download"),
    };
  }

  /** Runs `podman`; any exit status is an answer. */
  run(...argv: readonly string[]): Promise<ContainerResult> {
    const unshare = ["--mount", "--propagation", "private", "sh", "-c", WRAPPER, "podman", ...argv];
    return run("unshare", unshare, { env: this.#env, deadlineMs: 120_000 });
  }

  /** Runs `podman` and returns what it printed; throws unless its exit status is 0. */
  async expect(...argv: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await this.run(...argv);
    if (code !== 0)
      throw new Error(`podman ${argv.join(" ")} ended with status ${code}:\n${stdout}${stderr}`);
    return stdout.trim();
  }

  /** Removes all containers, images and volumes of this object. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.run("rm", "--all", "--force", "--time", "0", "--volumes");
    removeDirectory(this.#directory);
  }
}
