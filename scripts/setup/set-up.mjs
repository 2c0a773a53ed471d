// Makes the checkout ready to run: dependencies as the lock file wants them and the pinned runtime.
// `node scripts/setup/set-up.mjs` does just that; the scripts for start, test and checks call setUp().
//
// Plain JavaScript for Node 18 and later: it runs before anything of the project is installed.

import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { delimiter, join, sep } from "node:path";
import { pathToFileURL } from "node:url";
import { takeLock } from "./lock.mjs";
import { pinnedRuntime, root, SetUpError } from "./runtime.mjs";

const LOCK_WAIT_MS = 10 * 60 * 1000;

/**
 * Sets the checkout up if needed and returns the absolute path of the pinned runtime.
 *
 * The stamp node_modules/.set-up holds the runtime's path relative to the checkout (for the shell
 * wrappers). While it is younger than the lock file nothing is looked at any closer.
 *
 * @throws {SetUpError} when the platform is unknown or the installation fails
 */
function setUp(directory = root) {
  const runtime = pinnedRuntime(process.platform, process.arch, directory);
  const binary = join(directory, runtime.path);
  if (isStamped(directory, runtime)) return binary;
  withLock(directory, () => {
    if (isStamped(directory, runtime)) return;
    if (!isInstalled(directory) || !existsSync(binary)) install(directory);
    verifyRuntime(binary, runtime);
    writeFileSync(join(directory, "node_modules/.set-up"), `${runtime.path}\n`);
  });
  return binary;
}

function isStamped(directory, runtime) {
  const stamp = join(directory, "node_modules/.set-up");
  if (!existsSync(stamp) || !existsSync(join(directory, runtime.path))) return false;
  if (statSync(stamp).mtimeMs <= statSync(join(directory, "package-lock.json")).mtimeMs) return false;
  return readFileSync(stamp, "utf8").trim() === runtime.path;
}

/**
 * Whether node_modules is what the lock file describes, by npm's own record of what it installed
 * (npm writes that record last). Optional packages of other platforms may be absent.
 */
function isInstalled(directory) {
  const record = join(directory, "node_modules/.package-lock.json");
  if (!existsSync(record)) return false;
  const wanted = JSON.parse(readFileSync(join(directory, "package-lock.json"), "utf8")).packages;
  const present = JSON.parse(readFileSync(record, "utf8")).packages;
  return Object.entries(wanted).every(([path, { version, integrity, optional }]) => {
    if (path === "") return true;
    const found = present[path];
    if (!found) return optional === true;
    return found.version === version && found.integrity === integrity;
  });
}

function install(directory) {
  console.error("Installing dependencies and the pinned runtime (npm ci) …");
  // npm removes node_modules first, so it must not run on a runtime from there.
  const environment = { ...process.env, PATH: pathWithout(join(directory, "node_modules")) };
  const { status, error } = spawnSync(
    "npm",
    [
      "ci",
      "--ignore-scripts",
      "--include=dev",
      "--include=optional",
      "--no-audit",
      "--no-fund",
      "--loglevel=error",
    ],
    // npm's output goes to stderr: stdout belongs to the command that is being set up.
    { cwd: directory, env: environment, stdio: ["ignore", 2, 2], shell: process.platform === "win32" },
  );
  if (error) throw new SetUpError(`cannot run npm: ${error.message}`);
  if (status !== 0) {
    throw new SetUpError(
      `npm ci ended with status ${status}; it needs an npm registry, see its message above`,
    );
  }
}

function pathWithout(modules) {
  const parts = (process.env.PATH ?? "").split(delimiter);
  return parts.filter((part) => part !== modules && !part.startsWith(modules + sep)).join(delimiter);
}

function verifyRuntime(binary, { name, version }) {
  let printed;
  try {
    printed = execFileSync(binary, ["--version"], { encoding: "utf8" }).trim();
  } catch (error) {
    throw new SetUpError(
      `the runtime of package ${name} does not run here (glibc 2.28 or later and libstdc++ are needed on Linux): ${error.message}`,
    );
  }
  if (printed !== `v${version}`) {
    throw new SetUpError(`the runtime of package ${name} says ${printed}, expected v${version}`);
  }
}

/** Runs the action while no other set-up of this checkout runs. */
function withLock(directory, action) {
  const lock = join(directory, ".dev/set-up.lock");
  const release = takeLock(lock, LOCK_WAIT_MS);
  if (!release) throw new SetUpError(`another set-up holds ${lock}; remove it if none runs`);
  try {
    action();
  } finally {
    release();
  }
}

/** Runs setUp for a script: on failure prints the reason and ends the process with status 1. */
export function setUpOrExit() {
  try {
    return setUp();
  } catch (error) {
    if (!(error instanceof SetUpError)) throw error;
    console.error(`set-up failed: ${error.message}`);
    process.exit(1);
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) setUpOrExit();
