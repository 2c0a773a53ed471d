import type { Configuration } from "../../config/configuration.ts";
import type { Problem } from "../../config/problem.ts";

/** What a look at the files and directories that a configuration names comes to. */
export interface Finding {
  readonly problem: Problem;
  /** This user may not look: another one may find nothing wrong. */
  readonly forbidden: boolean;
}

const REASONS: ReadonlyMap<string, string> = new Map([
  ["ENOENT", "it does not exist"],
  ["EACCES", "permission denied"],
  ["EPERM", "permission denied"],
  ["EISDIR", "it is a directory"],
  ["ENOTDIR", "a part of its path is not a directory"],
  ["EEXIST", "it is not a directory"],
  ["EROFS", "the file system is read-only"],
  ["ENOSPC", "the file system is full"],
  ["ELOOP", "its symbolic links lead in a circle"],
  ["EPIPE", "it is a pipe, not a file"],
  ["ENODEV", "it is a device, not a file"],
  ["ENAMETOOLONG", "its name is too long"],
]);

/** The code of an error of the operating system; the empty text for another error. */
export function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}

/** Why something could not be done with a file or directory, in words. */
export function reasonOf(error: unknown): string {
  return REASONS.get(codeOf(error)) ?? (error instanceof Error ? error.message : String(error));
}

export function isForbidden(error: unknown): boolean {
  return ["EACCES", "EPERM"].includes(codeOf(error));
}

/** A problem with what a key names, where the key is written. `path` goes before `problem` unless it is the value. */
export function problemAt(
  configuration: Configuration,
  key: string,
  path: string | undefined,
  problem: string,
): Problem {
  const place = configuration.setting(key)?.place;
  const value = configuration.show(key);
  const same = path === undefined || value === path;
  return {
    ...(place && { place }),
    key,
    ...(value !== undefined && { value }),
    problem: same ? problem : `${path}: ${problem}`,
  };
}
