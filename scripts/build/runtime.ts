/** The runtimes that executables are made of: those of other platforms fetched by npm and checked against their hash. */

import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { delimiter, join, sep } from "node:path";
import { generatorPackage, isHost, type Platform, type RuntimePackage, runtimePackage } from "./platform.ts";
import { stripElf } from "./strip-elf.ts";

/** The folder of the platform's runtime package: the installed one, or a fetched one below `_build/runtimes`. */
function runtimeFolder(root: string, platform: Platform): string {
  return isHost(platform)
    ? join(root, "node_modules", platform.package)
    : fetchedFolder(root, runtimePackage(root, platform));
}

/**
 * A runtime of the version that runs here.
 *
 * @throws {Error} when there is none
 */
export function generatorRuntime(root: string, version: string): string {
  if (process.version === `v${version}`) return process.execPath;
  const found = generatorPackage(root, version);
  if (found === undefined || process.platform !== "linux" || process.arch !== "x64") {
    throw new Error(`no runtime ${version} for ${process.platform}-${process.arch} in rel/platforms.json`);
  }
  return join(fetchedFolder(root, found), "bin/node");
}

/** The binary an executable for the platform is made of: its runtime without what only a debugger needs. */
export function baseBinary(root: string, platform: Platform): string {
  const folder = join(root, "_build/runtimes");
  const file = join(folder, `${platform.package}-${platform.version}.base`);
  if (existsSync(file)) return file;
  mkdirSync(folder, { recursive: true });
  const temporary = `${file}.${process.pid}`;
  writeFileSync(temporary, stripElf(readFileSync(join(runtimeFolder(root, platform), platform.binary))), {
    mode: 0o755,
  });
  renameSync(temporary, file);
  return file;
}

function fetchedFolder(root: string, { package: name, version, integrity }: RuntimePackage): string {
  const runtimes = join(root, "_build/runtimes");
  const folder = join(runtimes, `${name}-${version}`);
  if (existsSync(folder)) return folder;
  const temporary = `${folder}.${process.pid}`;
  rmSync(temporary, { recursive: true, force: true });
  mkdirSync(temporary, { recursive: true });
  try {
    const archive = pack(root, `${name}@${version}`, temporary);
    verifyIntegrity(readFileSync(archive), integrity, `${name} ${version}`);
    execFileSync("tar", ["-xzf", archive, "-C", temporary]);
    renameSync(join(temporary, "package"), folder);
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
  return folder;
}

/** npm's own archive of a package. */
function pack(root: string, name: string, directory: string): string {
  const modules = join(root, "node_modules");
  const parts = (process.env.PATH ?? "").split(delimiter);
  // npm runs on the machine's Node.js, as it does for the set-up.
  const path = parts.filter((part) => part !== modules && !part.startsWith(modules + sep)).join(delimiter);
  const { status, stdout, stderr, error } = spawnSync(
    "npm",
    ["pack", name, "--pack-destination", directory, "--loglevel=error", "--ignore-scripts"],
    { cwd: root, encoding: "utf8", env: { ...process.env, PATH: path }, shell: process.platform === "win32" },
  );
  if (error) throw error;
  if (status !== 0) throw new Error(`npm pack ${name} ended with status ${status}:\n${stderr}`);
  return join(directory, stdout.trim().split("\n").at(-1) ?? "");
}

/**
 * Compares an archive with its hash, as in `sha512-BASE64`.
 *
 * @throws {Error} that names the archive when they differ
 */
export function verifyIntegrity(archive: Buffer, integrity: string, name: string): void {
  const [algorithm = "", expected] = integrity.split("-", 2);
  const actual = createHash(algorithm).update(archive).digest("base64");
  if (actual !== expected)
    throw new Error(`${name}: the archive's ${algorithm} is ${actual}, the lock says ${expected}`);
}
