/** The release: one relocatable tree, from which every package is made. What it holds is told in RELEASING.md. */

import { chmodSync, copyFileSync, cpSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { schemaFile } from "../../src/config/generate/schema-file.ts";
import { VERSION } from "../../src/config/version.ts";
import { addonOf } from "../bundle/bundle.ts";
import type { Platform } from "./platform.ts";

/** The program's other names: links to it, or on Windows, which has no such links for everybody, small scripts. */
const OTHER_NAMES = ["vmq-admin", "vmq-passwd"];

/** The file in `bin`. */
export function executableName({ platform }: Platform): string {
  return platform === "win32" ? "vernemq.exe" : "vernemq";
}

export interface TreeOptions {
  readonly root: string;
  readonly platform: Platform;
  /** The tree; emptied first. */
  readonly directory: string;
}

/** Lays out everything but the executable, which is then made in place at the path that is returned. */
export function layOutTree({ root, platform, directory }: TreeOptions): string {
  rmSync(directory, { recursive: true, force: true });
  for (const folder of ["bin", "etc/conf.d", "data", "log", "lib", "share/doc/guides", "share/schema"])
    mkdirSync(join(directory, folder), { recursive: true });
  const copy = (from: string, to: string): void => {
    copyFileSync(join(root, from), join(directory, to));
    chmodSync(join(directory, to), 0o644);
  };
  for (const file of ["vernemq.conf", "vmq.acl"]) copy(join("etc", file), join("etc", file));
  for (const file of ["README.md", "CHANGELOG.md"]) copy(file, join("share/doc", file));
  copy("LICENSE", "share/LICENSE");
  writeFileSync(join(directory, "share/schema/vernemq.json"), schemaFile(VERSION));
  cpSync(join(root, "docs"), join(directory, "share/doc/guides"), { recursive: true });
  copyFileSync(addonOf(platform.platform, platform.arch), join(directory, "lib/classic-level.node"));
  chmodSync(join(directory, "lib/classic-level.node"), 0o644);
  writeOtherNames(platform, join(directory, "bin"));
  return join(directory, "bin", executableName(platform));
}

function writeOtherNames(platform: Platform, bin: string): void {
  for (const name of OTHER_NAMES) {
    if (platform.platform === "win32") {
      const script = `@"%~dp0vernemq.exe" ${name} %*\r\n`;
      writeFileSync(join(bin, `${name}.cmd`), script);
    } else symlinkSync("vernemq", join(bin, name));
  }
}
