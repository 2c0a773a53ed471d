import { existsSync } from "node:fs";
import { join } from "node:path";
import { AddonError, addonFile, advice, reason } from "./addon-file.ts";
import { assetBytes } from "./assets.ts";

/*
 * The bundle has this in place of the file with which classic-level searches its native add-on in the folders of its
 * package. In the executable the command line says where it may be before anything asks for it.
 */

const NAME = "classic-level.node";

const loaded: { exports?: unknown } = {};

/** What a module that the runtime loads from a file is given to fill. */
function load(file: string): void {
  const module = { exports: {} };
  process.dlopen(module, file);
  loaded.exports = module.exports;
}

/**
 * Loads the add-on of the executable: from `lib` of the installation, else from the run directory, where it is put then.
 * Returns what somebody should know about it. Does nothing outside the executable.
 *
 * @throws {AddonError}
 */
export function provideAddon(lib: string, runDirectory: string): string | undefined {
  const embedded = assetBytes(NAME);
  if (embedded === undefined) return undefined;
  const installed = join(lib, NAME);
  const file = addonFile(embedded, { installed, runDirectory });
  try {
    load(file);
  } catch (error) {
    if (file === installed) throw new AddonError(`${file} cannot be loaded: ${reason(error)}`);
    throw new AddonError(
      `the native part of the database cannot be loaded from ${file}: ${reason(error)}; ` +
        `if the file system of ${runDirectory} is mounted noexec, ${advice(installed)}`,
    );
  }
  return file !== installed && existsSync(installed)
    ? `${installed} belongs to another release; the one inside the executable is used`
    : undefined;
}

/** classic-level's binding. Outside the executable the add-on is a file beside the bundle. */
export function binding(): unknown {
  if (loaded.exports === undefined) load(join(import.meta.dirname, NAME));
  return loaded.exports;
}
