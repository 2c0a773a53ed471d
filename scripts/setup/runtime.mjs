// Where the pinned runtime is, and how to continue on it.
//
// Plain JavaScript for Node 18 and later: it runs before anything of the project is installed.

import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { constants } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The checkout's root folder. */
export const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** A set-up that cannot succeed, explained in a message meant for the person at the keyboard. */
export class SetUpError extends Error {}

/**
 * The pinned runtime for a platform: the npm package that carries it, its version and the binary's
 * path relative to the checkout. The table is rel/platforms.json, the versions are package.json's.
 *
 * @throws {SetUpError} when the project has no runtime for the platform
 */
export function pinnedRuntime(platform = process.platform, arch = process.arch, directory = root) {
  const { platforms } = JSON.parse(readFileSync(join(directory, "rel/platforms.json"), "utf8"));
  const { optionalDependencies } = JSON.parse(readFileSync(join(directory, "package.json"), "utf8"));
  const entry = platforms.find((candidate) => candidate.platform === platform && candidate.arch === arch);
  const version = entry && optionalDependencies[entry.package];
  if (!version) {
    const known = platforms.map((candidate) => `${candidate.platform}-${candidate.arch}`).join(", ");
    throw new SetUpError(`there is no pinned runtime for ${platform}-${arch}; known platforms: ${known}`);
  }
  return { name: entry.package, version, path: `node_modules/${entry.package}/${entry.binary}` };
}

/**
 * Continues on the runtime: replaces this process where Node can, else runs it as a child, passes signals on and ends with its status. Does not return control to the caller's work.
 */
export function become(program, args, environment = process.env) {
  // Keeps what Node makes of the sources: later starts take half the time.
  const cache = { NODE_COMPILE_CACHE: join(root, "node_modules/.cache/node") };
  const settings = { ...cache, ...environment };
  if (typeof process.execve === "function" && process.platform !== "win32") {
    process.execve(program, [program, ...args], settings);
  }
  const child = spawn(program, args, { stdio: "inherit", env: settings });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR2"]) {
    process.on(signal, () => {
      // A terminal sends these two to the whole process group: the child has them already.
      const fromTerminal = process.stdin.isTTY && (signal === "SIGINT" || signal === "SIGQUIT");
      if (!fromTerminal) child.kill(signal);
    });
  }
  child.on("error", (error) => {
    console.error(`cannot run ${program}: ${error.message}`);
    process.exit(126);
  });
  child.on("exit", (status, signal) => process.exit(status ?? 128 + (constants.signals[signal] ?? 0)));
}
