import { AddonError } from "../embedded/addon-file.ts";
import { provideAddon } from "../embedded/native-addon.ts";
import type { Places } from "./places.ts";

/** Loads the native part of the database for a node in these places; false when it cannot, which is said then. */
export function loadAddon({ directories }: Places): boolean {
  try {
    const notice = provideAddon(directories.lib, directories.run);
    if (notice !== undefined) process.stderr.write(`${notice}\n`);
    return true;
  } catch (error) {
    if (!(error instanceof AddonError)) throw error;
    process.stderr.write(`${error.message}\n`);
    return false;
  }
}
