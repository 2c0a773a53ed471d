/** Runs a Linux arm64 program here, with the emulator and the libraries that Debian has for it. */

import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";

/** Debian's, which needs no library. */
export const EMULATOR = "qemu-aarch64-static";
const SOURCES = "/etc/apt/sources.list.d/debian.sources";
/** What the runtime is linked with. */
const PACKAGES = "libc6,libstdc++6,libgcc-s1";

/** What is missing here to run arm64 programs; undefined when nothing is. */
export function emulationLacks(): string | undefined {
  const absent = [EMULATOR, "mmdebstrap"].filter(
    (command) => spawnSync(command, ["--version"], { stdio: "ignore" }).error !== undefined,
  );
  if (absent.length > 0) return `${absent.join(" and ")} not installed`;
  if (process.getuid?.() !== 0) return "root is needed";
  return existsSync(SOURCES) ? undefined : `there is no ${SOURCES}`;
}

/**
 * The command line before an arm64 program. The libraries are fetched once into `_build/arm64-root`.
 *
 * @throws {Error} when they cannot be fetched
 */
export function emulated(root: string): [string, ...string[]] {
  const directory = join(root, "_build/arm64-root");
  if (!existsSync(directory)) {
    const temporary = `${directory}.${process.pid}`;
    mkdirSync(temporary, { recursive: true });
    const { status, stderr } = spawnSync(
      "mmdebstrap",
      [
        "--quiet",
        "--variant=extract",
        "--arch=arm64",
        `--include=${PACKAGES}`,
        "bookworm",
        temporary,
        SOURCES,
      ],
      { encoding: "utf8" },
    );
    if (status !== 0) {
      rmSync(temporary, { recursive: true, force: true });
      throw new Error(`the libraries for arm64 could not be fetched:\n${stderr}`);
    }
    renameSync(temporary, directory);
  }
  return [EMULATOR, "-L", directory];
}
