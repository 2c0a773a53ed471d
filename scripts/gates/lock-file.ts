import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { GateResult } from "./gate.ts";

interface Manifest {
  readonly engines: { readonly node: string };
  readonly dependencies?: Record<string, string>;
  readonly devDependencies?: Record<string, string>;
  readonly optionalDependencies?: Record<string, string>;
}

interface LockedPackage {
  readonly version?: string;
  readonly resolved?: string;
  readonly integrity?: string;
  /** Only on a package that is for one platform. */
  readonly os?: unknown;
  readonly optional?: boolean;
  readonly optionalDependencies?: Record<string, string>;
}

interface LockFile {
  readonly packages: Record<string, LockedPackage>;
}

interface Platforms {
  readonly platforms: readonly {
    readonly platform: string;
    readonly arch: string;
    readonly package: string;
  }[];
}

/**
 * The lock file names no download addresses (whoever installs has a registry of their own), has a
 * version and a hash for every package and an entry for those of other platforms too, and package.json
 * and rel/platforms.json agree with it on exact versions.
 */
export function checkLockFile(root: string): GateResult {
  const manifest: Manifest = readJson(root, "package.json");
  const lock: LockFile = readJson(root, "package-lock.json");
  const { platforms }: Platforms = readJson(root, "rel/platforms.json");
  const problems = Object.entries(lock.packages).flatMap(([path, entry]) =>
    judgeLocked(path, entry, lock).map((problem) => `package-lock.json: ${path || "the project"} ${problem}`),
  );
  const wanted = { ...manifest.dependencies, ...manifest.devDependencies, ...manifest.optionalDependencies };
  for (const [name, version] of Object.entries(wanted)) {
    const locked = lock.packages[`node_modules/${name}`]?.version;
    if (locked !== version) {
      problems.push(`package.json: ${name} is ${version}, not exactly the locked ${locked ?? "(nothing)"}`);
    }
  }
  for (const { platform, arch, package: name } of platforms) {
    const version = manifest.optionalDependencies?.[name];
    if (version === undefined) problems.push(`rel/platforms.json: ${name} is no optional dependency`);
    // macOS is served by the newest runtime that the registry has for it.
    else if (platform !== "darwin" && version !== manifest.engines.node) {
      problems.push(
        `package.json: ${name} (${platform}-${arch}) is ${version}, engines.node ${manifest.engines.node}`,
      );
    }
  }
  if (!/^omit-lockfile-registry-resolved=true$/m.test(readFileSync(join(root, ".npmrc"), "utf8"))) {
    problems.push(".npmrc: omit-lockfile-registry-resolved=true is missing");
  }
  return { files: 4, problems };
}

function judgeLocked(path: string, entry: LockedPackage, lock: LockFile): string[] {
  const problems: string[] = [];
  if (entry.resolved !== undefined) problems.push('has a "resolved" field');
  if (entry.version === undefined) problems.push('has no "version" field');
  // Of other platforms' packages that its registry does not carry npm does not know the hash.
  const forOnePlatform = entry.optional === true && entry.os !== undefined;
  if (path !== "" && entry.integrity === undefined && !forOnePlatform)
    problems.push('has no "integrity" field');
  for (const name of Object.keys(entry.optionalDependencies ?? {})) {
    if (lock.packages[`node_modules/${name}`] || lock.packages[`${path}/node_modules/${name}`]) continue;
    problems.push(
      `wants ${name}, which has no entry: npm ci would refuse; run node scripts/complete-lock.mjs`,
    );
  }
  return problems;
}

function readJson<T>(root: string, file: string): T {
  return JSON.parse(readFileSync(join(root, file), "utf8"));
}
