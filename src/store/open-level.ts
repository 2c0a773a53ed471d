import { constants } from "node:fs";
import { chmod, cp, readdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { ClassicLevel } from "classic-level";
import { makeDirectory } from "../files/make-directory.ts";
import type { Logger } from "../log/logger.ts";
import { type Findings, takeInventory, writeInventory } from "./inventory.ts";
import { LevelDatabase, type LevelOptions, levelCode, levelMessage } from "./level-database.ts";
import { isAlive, type Owner, readOwner, removeOwner, writeOwner } from "./owner.ts";
import { StoreLock } from "./store-lock.ts";
import { damagedTables, mendTables, sizeOf, tablesIn } from "./table-files.ts";

/** Copies of damaged stores are named so, beside the store; at most so many are kept, for they fill the disk. */
const ASIDE = "msgstore.damaged-";
const COPIES = 3;
const DIRECTORY_MODE = 0o700;
/** So many bytes of tables are held against their checksums after any crash: that takes about half a second. */
const CHECKED_BYTES = 256 * 1024 * 1024;

/** The store's directory cannot be used; the message is for the person who starts the broker. */
export class StoreOpenError extends Error {
  override readonly name = "StoreOpenError";
}

/** An opened database and what opening it brought to light. */
export interface OpenedLevel {
  readonly database: LevelDatabase;
  /** Something is missing: the database was repaired, or LevelDB dropped a part of its log. */
  readonly damaged: boolean;
}

/**
 * Takes a directory, made if there is none, for this process alone: nobody else looks at its files, mends or opens them
 * until the lock is released.
 *
 * @throws StoreOpenError when another process has it, or the file system refuses
 */
export async function takeDirectory(directory: string): Promise<StoreLock> {
  await prepare(directory);
  try {
    return await StoreLock.take(directory);
  } catch (error) {
    throw await refusal(directory, error);
  }
}

/**
 * Opens the database in a directory whose lock this process holds. What LevelDB drops silently is reported; a database
 * that does not open is repaired after a copy of it was put aside.
 *
 * @param now epoch milliseconds, for the name of the copy
 * @param broken it is known to be damaged though it opens: it is repaired at once
 * @throws StoreOpenError when another process has it, the file system refuses, or it cannot be repaired
 */
export async function openLevel(
  directory: string,
  options: LevelOptions,
  log: Logger,
  now: number,
  broken = false,
): Promise<OpenedLevel> {
  if (broken) {
    log.error("store_damaged", `the message store in ${directory} has unreadable files and is repaired`);
    return repair(directory, options, log, now);
  }
  const headless = await isHeadless(directory);
  const owner = await readOwner(directory);
  const findings = await takeInventory(directory);
  for (const problem of findings.problems)
    log.error("store_missing", `the message store in ${directory} is damaged, data is lost: ${problem}`);
  const openings = 1 + (findings.closed ? 0 : (owner?.openings ?? 0));
  const damaged = await suspectTables(directory, findings, owner);
  if (damaged.length > 0) {
    log.error(
      "store_damaged",
      `the message store in ${directory} is repaired: ${damaged.join(", ")} failed the checksum`,
    );
    return repair(directory, options, log, now, damaged);
  }
  try {
    // LevelDB would begin an empty database in place of one whose CURRENT file is gone.
    if (headless) throw new Error("the file CURRENT is missing");
    const database = await LevelDatabase.open(directory, options);
    await writeOwner(directory, openings);
    const dropped = await droppedLines(directory);
    for (const line of dropped)
      log.error("store_dropped", `the message store lost data: LevelDB says: ${line}`);
    return { database, damaged: dropped.length + findings.problems.length > 0 };
  } catch (error) {
    if (!headless && !isDamage(error)) throw await refusal(directory, error);
    log.error(
      "store_damaged",
      `the message store in ${directory} does not open and is repaired: ${levelMessage(error)}`,
    );
  }
  return repair(directory, options, log, now);
}

/** Gives the directory up after the database was closed. */
export async function releaseLevel(directory: string): Promise<void> {
  await writeInventory(directory).catch(() => undefined);
  await removeOwner(directory);
}

/**
 * Tables that fail their checksums: LevelDB would read them all the same, and might end the process over it. Looked at are
 * those that have changed since they were left. After a crash that may be any, so all are; of a large store only if there has
 * been a second crash since, because the first one need not have to do with it.
 */
async function suspectTables(
  directory: string,
  { closed, changedTables }: Findings,
  owner: Owner | null,
): Promise<readonly string[]> {
  if (!closed && (owner?.openings ?? 0) < 2 && (await sizeOf(directory, changedTables)) > CHECKED_BYTES) {
    return [];
  }
  return damagedTables(directory, changedTables);
}

async function prepare(directory: string): Promise<void> {
  try {
    makeDirectory(directory, DIRECTORY_MODE);
    // LevelDB makes files that everybody may read: the directory keeps others out.
    await chmod(directory, DIRECTORY_MODE);
  } catch (error) {
    const problem = `the message store's directory ${directory} cannot be used: ${levelMessage(error)}`;
    throw new StoreOpenError(problem, { cause: error });
  }
}

async function isHeadless(directory: string): Promise<boolean> {
  const files = await readdir(directory);
  return !files.includes("CURRENT") && files.some((name) => /^MANIFEST-\d+$|^\d+\.(ldb|sst|log)$/.test(name));
}

/** Whether repairing can help: not against locks, permissions, full disks. */
function isDamage(error: unknown): boolean {
  const code = levelCode(error);
  if (code === "LEVEL_CORRUPTION") return true;
  return code !== "LEVEL_LOCKED" && /no such file|not exist/i.test(levelMessage(error));
}

async function refusal(directory: string, error: unknown): Promise<StoreOpenError> {
  if (levelCode(error) !== "LEVEL_LOCKED") {
    return new StoreOpenError(`the message store in ${directory} cannot be opened: ${levelMessage(error)}`, {
      cause: error,
    });
  }
  const owner = await readOwner(directory);
  // While it mends the store that is still the last one.
  const known = owner !== null && isAlive(owner);
  return new StoreOpenError(
    `the message store in ${directory} is in use by another broker${known ? ` (process ${owner.pid})` : ""}: ` +
      "one data directory serves one process; stop that one or set another data directory",
    { cause: error },
  );
}

/** What LevelDB's own log says of this opening about data that it left out. */
async function droppedLines(directory: string): Promise<string[]> {
  const text = await readFile(join(directory, "LOG"), "utf8").catch(() => "");
  return text
    .split("\n")
    .filter((line) => /dropping \d+ bytes|corruption|ignoring error/i.test(line))
    .map((line) => line.replace(/^\S+ \S+ /, ""));
}

/** `suspects`: the tables to be mended, all if it is not known. */
async function repair(
  directory: string,
  options: LevelOptions,
  log: Logger,
  now: number,
  suspects?: readonly string[],
): Promise<OpenedLevel> {
  const stamp = new Date(now).toISOString().replaceAll(/[-:]|\.\d+/g, "");
  const aside = join(dirname(directory), `${ASIDE}${stamp}`);
  try {
    const copies = (await readdir(dirname(directory))).filter((name) => name.startsWith(ASIDE));
    const copied = copies.length < COPIES;
    if (copied) {
      const filter = (path: string): boolean => !StoreLock.owns(path, directory);
      await cp(directory, aside, { recursive: true, mode: constants.COPYFILE_FICLONE, filter });
      await chmod(aside, DIRECTORY_MODE);
    }
    // Repairing reads all tables, and may end the process over a damaged one.
    await mendTables(directory, suspects ?? (await tablesIn(directory)), log);
    await ClassicLevel.repair(directory);
    const database = await LevelDatabase.open(directory, options);
    await writeOwner(directory, 1);
    log.warning(
      "store_repaired",
      `the message store in ${directory} was repaired, what could not be saved is lost; ` +
        (copied
          ? `the files as they were are in ${aside}`
          : `no copy was made of the files as they were, there are ${COPIES} copies from before`),
    );
    return { database, damaged: true };
  } catch (error) {
    throw new StoreOpenError(
      `the message store in ${directory} is damaged and could not be repaired: ${levelMessage(error)}; ` +
        "to start without the stored messages move the directory away",
      { cause: error },
    );
  }
}
