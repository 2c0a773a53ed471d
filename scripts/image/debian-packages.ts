/** Debian packages for another root or architecture, downloaded and unpacked without being installed. Needs no root. */

import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export interface DebianPackage {
  readonly name: string;
  readonly version: string;
  /** The control file, as `dpkg --status` shows it. */
  readonly control: string;
}

/** Runs a command and returns its standard output. Throws with what it said when it fails. */
export function command(name: string, argv: readonly string[], directory?: string): string {
  const { status, stdout, stderr, error } = spawnSync(name, argv, {
    encoding: "utf8",
    maxBuffer: 64 * 1024 * 1024,
    env: { ...process.env, LC_ALL: "C" },
    ...(directory !== undefined && { cwd: directory }),
  });
  if (error) throw new Error(`${name} cannot be run: ${error.message}`);
  if (status !== 0) throw new Error(`${name} ${argv.join(" ")} failed:\n${stdout}${stderr}`);
  return stdout;
}

/**
 * Unpacks the newest version that the apt sources of this machine have into `root`. `scratch` is emptied; it keeps
 * what was downloaded. The machine's own package lists are neither used nor changed.
 */
export function unpackPackages(
  names: readonly string[],
  architecture: string,
  root: string,
  scratch: string,
): readonly DebianPackage[] {
  rmSync(scratch, { recursive: true, force: true });
  const archives = join(scratch, "archives");
  for (const folder of ["lists/partial", "cache/archives/partial", "archives"])
    mkdirSync(join(scratch, folder), { recursive: true });
  writeFileSync(join(scratch, "status"), "");
  const options = [
    `Dir::State=${scratch}`,
    `Dir::State::lists=${join(scratch, "lists")}`,
    `Dir::State::status=${join(scratch, "status")}`,
    `Dir::Cache=${join(scratch, "cache")}`,
    `APT::Architecture=${architecture}`,
    `APT::Architectures=${architecture}`,
    "APT::Sandbox::User=",
    "Acquire::Languages=none",
    "Acquire::Retries=3",
  ].flatMap((option) => ["-o", option]);
  command("apt-get", [...options, "-qq", "update"]);
  command("apt-get", [...options, "-qq", "download", ...names], archives);
  const files = readdirSync(archives).sort();
  if (files.length !== names.length) throw new Error(`apt-get downloaded ${files.join(", ")} only`);
  return files.map((file) => {
    const path = join(archives, file);
    command("dpkg-deb", ["--extract", path, root]);
    const field = (name: string): string => command("dpkg-deb", ["--field", path, name]).trim();
    const control = command("dpkg-deb", ["--field", path]);
    return { name: field("Package"), version: field("Version"), control };
  });
}
