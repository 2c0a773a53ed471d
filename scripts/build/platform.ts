/** The platforms a release is built for: rel/platforms.json, with the versions of package.json. */

import { readFileSync } from "node:fs";
import { join } from "node:path";

export interface Platform {
  /** `process.platform` there. */
  readonly platform: "linux" | "darwin" | "win32";
  /** `process.arch` there. */
  readonly arch: "x64" | "arm64";
  /** The npm package with the runtime, its version, and the binary's path in it. */
  readonly package: string;
  readonly version: string;
  readonly binary: string;
}

/** A package with a runtime, and the hash of its archive as the registry has it (Subresource Integrity). */
export interface RuntimePackage {
  readonly package: string;
  readonly version: string;
  readonly integrity: string;
}

interface Table {
  readonly platforms: readonly Omit<Platform, "version">[];
  /** Runtimes for Linux x64 of the versions that other platforms have: they make what those read. */
  readonly generators: readonly RuntimePackage[];
}

interface Lock {
  readonly packages: Readonly<Record<string, { readonly integrity?: string }>>;
}

interface Manifest {
  readonly optionalDependencies: Record<string, string>;
}

/** All platforms, in the order of the table. */
export function platforms(root: string): Platform[] {
  const table: Table = readJson(root, "rel/platforms.json");
  const manifest: Manifest = readJson(root, "package.json");
  return table.platforms.map((entry) => {
    const version = manifest.optionalDependencies[entry.package];
    if (version === undefined) throw new Error(`package.json names no version of ${entry.package}`);
    return { ...entry, version };
  });
}

/** `linux-x64`, `win32-x64` … */
export function platformName({ platform, arch }: Pick<Platform, "platform" | "arch">): string {
  return `${platform}-${arch}`;
}

/**
 * The platform of that name, or the one this runs on.
 *
 * @throws {Error} that lists the platforms when there is none of that name
 */
export function platformNamed(root: string, name = `${process.platform}-${process.arch}`): Platform {
  const all = platforms(root);
  const found = all.find((platform) => platformName(platform) === name);
  if (found) return found;
  throw new Error(`there is no platform ${name}; there are ${all.map(platformName).join(", ")}`);
}

/** Whether an executable for the platform runs here. */
export function isHost({ platform, arch }: Platform): boolean {
  return platform === process.platform && arch === process.arch;
}

/**
 * The runtime's package of a platform, with its hash from package-lock.json.
 *
 * @throws {Error} when the lock file has no hash for it
 */
export function runtimePackage(root: string, { package: name, version }: Platform): RuntimePackage {
  const lock: Lock = readJson(root, "package-lock.json");
  const integrity = lock.packages[`node_modules/${name}`]?.integrity;
  if (integrity === undefined) throw new Error(`package-lock.json has no hash of ${name} ${version}`);
  return { package: name, version, integrity };
}

/** The runtime of that version for Linux x64, if rel/platforms.json names one. */
export function generatorPackage(root: string, version: string): RuntimePackage | undefined {
  const { generators }: Table = readJson(root, "rel/platforms.json");
  return generators.find((generator) => generator.version === version);
}

function readJson<T>(root: string, file: string): T {
  return JSON.parse(readFileSync(join(root, file), "utf8"));
}
