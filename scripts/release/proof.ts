import { spawnSync } from "node:child_process";
import { isHost, platformName } from "../build/platform.ts";
import { emulated, emulationLacks } from "./arm-root.ts";
import type { BuiltTree } from "./step.ts";

/** Said of executables that could not be tried where they were built. */
const NOT_RUN = "built, not run";

/**
 * Runs the executable of a tree, if it can run here, and says how; otherwise "built, not run" and why.
 *
 * @throws {Error} when it runs and does not say its version
 */
export function prove(root: string, { platform, executable }: BuiltTree, version: string): string {
  if (isHost(platform)) {
    return run([executable], version, "run");
  }
  if (platform.platform !== "linux" || process.platform !== "linux") return NOT_RUN;
  const lacks = emulationLacks();
  if (lacks !== undefined) return `${NOT_RUN}: ${lacks}`;
  const [emulator, ...words] = emulated(root);
  return run([emulator, ...words, executable], version, `run under ${emulator}`);

  function run([program = "", ...argv]: readonly string[], expected: string, proof: string): string {
    const { status, stdout, stderr, error } = spawnSync(program, [...argv, "version"], {
      encoding: "utf8",
      env: {},
    });
    if (status === 0 && stdout === `${expected}\n`) return proof;
    throw new Error(
      `the executable for ${platformName(platform)} does not run: ${error?.message ?? ""}${stdout}${stderr}`,
    );
  }
}
