import { chownSync, existsSync, readFileSync } from "node:fs";
import { makeDirectory } from "../files/make-directory.ts";
import type { Installation } from "./installation.ts";

/** A command of an installed broker that this user may not give. The text is for standard error, the status is 1. */
export class AccountError extends Error {}

/** The process as this file sees it; tests bring another one. */
export interface Account {
  getuid?: () => number;
  initgroups?: (user: string, group: string) => void;
  setgid?: (group: string) => void;
  setuid?: (user: string) => void;
}

const USERS = "/etc/passwd";

interface User {
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
}

function findUser(name: string, file: string): User | undefined {
  const lines = existsSync(file) ? readFileSync(file, "utf8").split("\n") : [];
  for (const line of lines) {
    const [user, , uid, gid, , home = "/"] = line.split(":");
    if (user === name) return { uid: Number(uid), gid: Number(gid), home };
  }
  return undefined;
}

/**
 * A broker from a package belongs to a user of its own. When root gives a command, this process becomes that user for
 * good, so that nothing in its directories ever belongs to root; the run directory, which may be gone after a boot, is
 * made before. Anybody else but the user itself is refused.
 *
 * @throws {AccountError}
 */
export function becomeOwner(
  { user: name, run }: Pick<Installation, "user" | "run">,
  env: Record<string, string | undefined>,
  account: Account = process,
  users = USERS,
): void {
  const uid = account.getuid?.();
  if (name === undefined || uid === undefined) return;
  const user = findUser(name, users);
  if (uid === user?.uid) return;
  if (uid !== 0) throw new AccountError("You need to be root or use sudo to run this command");
  if (user === undefined) throw new AccountError(`The user ${name} of this installation does not exist`);
  if (!existsSync(run)) {
    makeDirectory(run, 0o700);
    chownSync(run, user.uid, user.gid);
  }
  account.initgroups?.(name, name);
  account.setgid?.(name);
  account.setuid?.(name);
  Object.assign(env, { HOME: user.home, USER: name, LOGNAME: name });
}
