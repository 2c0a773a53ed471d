import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Platform } from "../build/platform.ts";
import { tarGz, zip } from "./archive.ts";
import type { ReleaseStep } from "./step.ts";

/** What people call the systems that `process.platform` names darwin and win32. */
const SYSTEM_NAMES = { linux: "linux", darwin: "macos", win32: "windows" } as const;

/** `vernemq-1.2.3-macos-arm64`: the archive's name, and that of the folder in it. */
export function archiveName(version: string, { platform, arch }: Platform): string {
  return `vernemq-${version}-${SYSTEM_NAMES[platform]}-${arch}`;
}

/** The tree of each platform as it is: a .zip for Windows, a .tar.gz for the others. */
export const archives: ReleaseStep = {
  name: "archives",
  async make({ version, epoch, trees, output }) {
    return trees.map(({ platform, directory }) => {
      const name = archiveName(version, platform);
      const windows = platform.platform === "win32";
      const file = `${name}.${windows ? "zip" : "tar.gz"}`;
      writeFileSync(join(output, file), (windows ? zip : tarGz)(directory, name, epoch));
      return file;
    });
  },
};
