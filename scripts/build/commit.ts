import { execFileSync } from "node:child_process";

/** What a release is made from, and so when. */
export interface Commit {
  /** Its hash; empty outside a repository. */
  readonly revision: string;
  /** SOURCE_DATE_EPOCH, else the time of the commit, else 0: seconds since 1970. */
  readonly epoch: number;
}

/** The commit that is checked out. */
export function commit(root: string): Commit {
  const { SOURCE_DATE_EPOCH } = process.env;
  return {
    revision: git(root, "rev-parse", "HEAD"),
    epoch: Number(SOURCE_DATE_EPOCH ?? (git(root, "log", "-1", "--format=%ct") || "0")),
  };
}

function git(root: string, ...argv: string[]): string {
  try {
    return execFileSync("git", argv, {
      cwd: root,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    }).trim();
  } catch {
    return "";
  }
}
