import { hash } from "node:crypto";
import {
  closeSync,
  fchmodSync,
  lstatSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { makeDirectory } from "../files/make-directory.ts";

/** The add-on cannot be loaded; the message says why and what to do. */
export class AddonError extends Error {
  override readonly name = "AddonError";
}

export interface AddonPlaces {
  /** Where the installation has it, if it has it. */
  readonly installed: string;
  /** Where it is written to otherwise; made with mode 0700 when it is not there. */
  readonly runDirectory: string;
}

/** Of this process, in tests another one; undefined on systems without users of that kind. */
export type UserId = number | undefined;

const OWNER_ONLY = 0o700;
const WRITABLE_BY_OTHERS = 0o022;
const STICKY = 0o1000;
const UNPACKED = /^classic-level-[0-9a-f]{16}\.node(?:\.\d+)?$/;

/**
 * The file to load the add-on from: that of the installation, if it is byte for byte the one of this executable;
 * otherwise one in the run directory, written there unless it is already. Nobody else may be able to change either that
 * file or what its name stands for, since its code runs with the rights of the broker.
 *
 * @throws {AddonError} when the run directory is not safe or cannot be written to
 */
export function addonFile(
  embedded: Uint8Array,
  { installed, runDirectory }: AddonPlaces,
  user: UserId = process.geteuid?.(),
): string {
  if (holds(installed, embedded)) return installed;
  const name = `classic-level-${hash("sha256", embedded).slice(0, 16)}.node`;
  const file = join(runDirectory, name);
  try {
    makeDirectory(runDirectory, OWNER_ONLY);
    if (user !== undefined) refuseOpenDirectory(runDirectory, user, installed);
    if (isOwn(file, user) && holds(file, embedded)) return file;
    write(file, embedded);
  } catch (error) {
    if (error instanceof AddonError) throw error;
    throw new AddonError(
      `the native part of the database cannot be written to ${file}: ${reason(error)}; ${advice(installed)}`,
    );
  }
  removeOthers(runDirectory, name);
  return file;
}

/** What helps when the run directory cannot be used. */
export function advice(installed: string): string {
  return `name another directory with --run-dir or VERNEMQ_RUN_DIR, or put lib/classic-level.node of the same release at ${installed}`;
}

export function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function refuseOpenDirectory(directory: string, user: number, installed: string): void {
  const { mode, uid } = statSync(directory);
  const others = (mode & WRITABLE_BY_OTHERS) !== 0 && (mode & STICKY) === 0;
  if (!others && (uid === user || uid === 0)) return;
  throw new AddonError(
    `others may change what is in ${directory}, so the native part of the database is not put there: ` +
      `make the directory yours alone (chmod 0700), ${advice(installed)}`,
  );
}

/** Whether a regular file of that user is there that nobody else may write to. */
function isOwn(file: string, user: UserId): boolean {
  const found = lstatSync(file, { throwIfNoEntry: false });
  if (found?.isFile() !== true) return false;
  return user === undefined || (found.uid === user && (found.mode & WRITABLE_BY_OTHERS) === 0);
}

function holds(file: string, bytes: Uint8Array): boolean {
  try {
    return statSync(file).size === bytes.length && readFileSync(file).equals(bytes);
  } catch {
    return false;
  }
}

/** Under another name first: a broker that starts at the same time finds the whole file or none. */
function write(file: string, bytes: Uint8Array): void {
  const temporary = `${file}.${process.pid}`;
  rmSync(temporary, { force: true });
  const descriptor = openSync(temporary, "wx", OWNER_ONLY);
  try {
    for (let at = 0; at < bytes.length; ) at += writeSync(descriptor, bytes, at);
    fchmodSync(descriptor, OWNER_ONLY);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  } finally {
    closeSync(descriptor);
  }
  renameSync(temporary, file);
}

/** Those of executables from before; one that is in use stays where the system has no other way. */
function removeOthers(directory: string, name: string): void {
  for (const other of readdirSync(directory)) {
    if (other === name || !UNPACKED.test(other)) continue;
    try {
      rmSync(join(directory, other), { force: true });
    } catch {
      // Windows keeps what is loaded.
    }
  }
}
