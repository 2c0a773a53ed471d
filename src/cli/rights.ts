import { userInfo } from "node:os";
import { becomeOwner } from "./account.ts";
import type { Installation } from "./installation.ts";
import type { Places } from "./places.ts";
import type { Service } from "./service.ts";

/** What of a node a command touches. */
export type Scope = "node" | "running node" | "configuration";

/**
 * The places, after this process has become the user to whom they belong. Places that were given are whosever they
 * are: then anybody may run a broker of their own from the same installation.
 *
 * @throws {AccountError} for a user who is neither root nor the broker's
 */
export function ownPlaces(scope: Scope, where: Places, installed: Installation): Places {
  const { given, confFile } = where;
  const { data, log, run } = given;
  switch (scope) {
    case "node":
      if (data !== undefined && log !== undefined && run !== undefined) return where;
      break;
    case "running node":
      if (run !== undefined) return where;
      break;
    case "configuration":
      // Root sees what the broker would see. Others need no more rights than to read the files.
      if (confFile !== installed.confFile || process.getuid?.() !== 0) return where;
  }
  becomeOwner(installed, process.env);
  return where;
}

/** The user that runs the broker of this configuration, when it is another one than that of this process. */
export function otherOwner(where: Places, installed: Installation): string | undefined {
  if (installed.user === undefined || where.confFile !== installed.confFile) return undefined;
  try {
    return userInfo().username === installed.user ? undefined : installed.user;
  } catch {
    return installed.user;
  }
}

/** The service of systemd that commands about a node in these places belong to. */
export async function inService(
  { given, confFile }: Places,
  installed: Installation,
): Promise<Service | undefined> {
  if (installed.service === undefined) return undefined;
  if (Object.keys(given).length > 0 || confFile !== installed.confFile) return undefined;
  const { managedService } = await import("./service.ts");
  return managedService(installed.service);
}
