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

interface Table {
  readonly platforms: readonly Omit<Platform, "version">[];
}

interface Manifest {
  readonly optionalDependencies: Record<string, string>;
}

/** All platforms, in the order of the table. */
function platforms(root: string): Platform[] {
  const table: Table = JSON.parse(readFileSync(join(root, "rel/platforms.json"), "utf8"));
  const manifest: Manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  return table.platforms.map((entry) => {
    const version = manifest.optionalDependencies[entry.package];
    if (version === undefined) throw new Error(`package.json names no version of ${entry.package}`);
    return { ...entry, version };
  });
}

/** `linux-x64`, `win32-x64` … */
function platformName({ platform, arch }: Pick<Platform, "platform" | "arch">): string {
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
