import { mkdirSync, statSync } from "node:fs";
import { dirname } from "node:path";

/**
 * Makes a directory and those above it, where they are missing. Not with the `recursive` of the runtime, which never
 * returns in file systems such as /proc, where nothing can be made although nothing is missing.
 *
 * @throws {Error} with a `code` when it cannot be made, or when something else than a directory is there
 */
export function makeDirectory(path: string, mode = 0o777): void {
  try {
    mkdirSync(path, { mode });
    return;
  } catch (error) {
    if (codeOf(error) === "EEXIST" && isDirectory(path)) return;
    const parent = dirname(path);
    if (codeOf(error) !== "ENOENT" || parent === path || isDirectory(parent)) throw error;
    makeDirectory(parent, mode);
  }
  try {
    mkdirSync(path, { mode });
  } catch (error) {
    if (codeOf(error) !== "EEXIST" || !isDirectory(path)) throw error;
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}
