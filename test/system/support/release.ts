/**
 * The built release, for the tests of this folder. `npm run build` is done once per run, and not at all while what
 * it is made from is unchanged.
 */
import { copyFileSync, cpSync, linkSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { ensureRelease, type ReleaseTree } from "../../../scripts/build/release-tree.ts";

const root = dirname(dirname(dirname(import.meta.dirname)));

/** The release tree of this checkout. Tests do not change it: see `copyRelease`. */
export function release(): Promise<ReleaseTree> {
  return ensureRelease(root);
}

/** A copy of the release for one test; `directory` must not exist. The executable takes no room if it can be linked. */
export async function copyRelease(directory: string): Promise<ReleaseTree> {
  const built = await release();
  cpSync(built.directory, directory, {
    recursive: true,
    verbatimSymlinks: true,
    filter: (source) => source !== built.executable,
  });
  const executable = join(directory, "bin", basename(built.executable));
  try {
    linkSync(built.executable, executable);
  } catch {
    copyFileSync(built.executable, executable);
  }
  return { directory, executable };
}
