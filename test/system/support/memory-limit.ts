/** Runs programs with a limit of memory: in a control group of this machine, or with what the other kind would show. */
import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryDirectory } from "../../support/processes.ts";
import { missing } from "./requirements.ts";

export interface MemoryLimit {
  /** The words before a command that is to have the limit. */
  readonly command: readonly [string, ...string[]];
  /** Takes the limit away when nothing runs in it any more. */
  done(): void;
}

/**
 * A control group of this machine with a limit.
 *
 * @returns why there is none instead, for `skip`
 */
export function memoryLimit(bytes: number): MemoryLimit | string {
  const lacks = missing({ root: true });
  if (lacks !== false) return lacks;
  const own = /^\d+:memory:(.*)$/m.exec(readFileSync("/proc/self/cgroup", "utf8"))?.[1];
  const [parent, file] =
    own === undefined
      ? ["/sys/fs/cgroup", "memory.max"]
      : [join("/sys/fs/cgroup/memory", own), "memory.limit_in_bytes"];
  const group = join(parent, `vernemq-test-${process.pid}`);
  try {
    mkdirSync(group);
  } catch (error) {
    return `no control groups can be made here: ${String(error)}`;
  }
  try {
    writeFileSync(join(group, file), String(bytes));
  } catch (error) {
    rmdirSync(group);
    return `control groups cannot limit memory here: ${String(error)}`;
  }
  return {
    command: ["/bin/sh", "-c", 'echo $$ > "$0/cgroup.procs" && exec "$@"', group],
    done: () => rmdirSync(group),
  };
}

/** The files of a control group of the second version: its path from the mount, and what they hold. */
export interface GroupFiles {
  readonly path: string;
  readonly max: string;
  readonly high: string;
}

/** The words before a command that is to find itself in such a group; nothing is limited. Needs root. */
export function pretendedGroup({ path, max, high }: GroupFiles): readonly [string, ...string[]] {
  const directory = temporaryDirectory();
  const group = join(directory, "mount", path);
  mkdirSync(group, { recursive: true });
  writeFileSync(join(group, "memory.max"), `${max}\n`);
  writeFileSync(join(group, "memory.high"), `${high}\n`);
  writeFileSync(join(directory, "cgroup"), `0::${path}\n`);
  const mounts = 'mount --bind "$0/cgroup" /proc/$$/cgroup && mount --bind "$0/mount" /sys/fs/cgroup';
  const shell = ["/bin/sh", "-c", `${mounts} && exec "$@"`, directory];
  return ["unshare", "--mount", "--propagation", "private", ...shell];
}
