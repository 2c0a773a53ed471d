import { ByteReader } from "./byte-reader.ts";
import { ByteWriter } from "./byte-writer.ts";
import { CHECKSUM_BYTES, isSealed, seal } from "./checksum.ts";
import { type Database, WriteSet } from "./database.ts";
import { COUNTERS_KEY, FORMAT_KEY } from "./keys.ts";
import { gatherRetained } from "./retained-migration.ts";

/** The format that this program writes. */
export const FORMAT_VERSION = 3;

/** A step from one format version to the next. */
export interface Migration {
  /** The version it starts from; it leads to the next one. */
  readonly from: number;
  /**
   * Rewrites what has changed. May be run again, after it was cut short by a crash or on data of a later version.
   * `report` is told what could not be read.
   */
  run(database: Database, report: (problem: string) => void): Promise<void>;
}

/** All steps so far. */
export const MIGRATIONS: readonly Migration[] = [
  // In format 1 all incoming packet ids are in the heads. They are read like those of today, and written anew by and by.
  { from: 1, run: () => Promise.resolve() },
  // In format 2 each retained message has a value of its own.
  { from: 2, run: gatherRetained },
];

/** The data was written by a newer program, or no step leads from it to this one. */
export class FormatError extends Error {
  override readonly name = "FormatError";
}

/** Numbers never to be given again. */
export interface Counters {
  nextQueue: number;
  nextSegment: number;
}

export function writeCounters(writer: ByteWriter, counters: Counters): Buffer {
  writer.reserve(12);
  writer.u48(counters.nextQueue);
  writer.u48(counters.nextSegment);
  return seal(writer);
}

/** The counters in a stored value; null when it is damaged. */
export function readCounters(value: Buffer): Counters | null {
  if (!isSealed(value)) return null;
  const reader = new ByteReader(value, 0, value.length - CHECKSUM_BYTES);
  const counters = { nextQueue: reader.u48(), nextSegment: reader.u48() };
  return reader.ok ? counters : null;
}

function formatRecord(version: number): WriteSet {
  const writer = new ByteWriter(64);
  writer.u32(version);
  const set = new WriteSet();
  set.put(FORMAT_KEY, seal(writer));
  return set;
}

async function read(database: Database, key: Buffer): Promise<Buffer | undefined | Error> {
  const snapshot = database.snapshot();
  try {
    return (await snapshot.get([key]))[0];
  } finally {
    await snapshot.close();
  }
}

async function isEmpty(database: Database): Promise<boolean> {
  const snapshot = database.snapshot();
  try {
    const range = { gte: Buffer.alloc(0), lt: Buffer.from([0xff]) };
    for await (const page of snapshot.scan(range, { pageEntries: 1, keysOnly: true })) {
      if (page.length > 0) return false;
    }
    return true;
  } finally {
    await snapshot.close();
  }
}

/**
 * Sees to it that the data has the format of this program: a new database gets its version, older data is migrated.
 *
 * @param repaired the database was just repaired: a lost version record is written again
 * @param report told what a migration could not read
 * @returns the version found, 0 for a new database
 * @throws FormatError when the data is newer, or is no message store
 */
export async function ensureFormat(
  database: Database,
  directory: string,
  repaired: boolean,
  target = FORMAT_VERSION,
  migrations: readonly Migration[] = MIGRATIONS,
  report: (problem: string) => void = () => undefined,
): Promise<number> {
  const value = await read(database, FORMAT_KEY);
  if (!(value instanceof Buffer) || !isSealed(value) || value.length !== 8) {
    const fresh = await isEmpty(database);
    const known = (await read(database, COUNTERS_KEY)) !== undefined;
    if (!fresh && !repaired && !known && value === undefined) {
      throw new FormatError(
        `${directory} holds a database that is not a message store of this broker; move it away or use another directory`,
      );
    }
    // Which version it had is not known.
    if (!fresh) for (const migration of migrations) await migration.run(database, report);
    await database.write(formatRecord(target), true);
    return fresh ? 0 : target;
  }
  const found = value.readUInt32BE(0);
  if (found > target) {
    throw new FormatError(
      `the message store in ${directory} has format ${found}, this version of the broker knows formats up to ${target}: ` +
        `it was written by a newer version; start that one, or begin with an empty directory`,
    );
  }
  for (let version = found; version < target; version++) {
    const migration = migrations.find((step) => step.from === version);
    if (migration === undefined) {
      throw new FormatError(
        `the message store in ${directory} has format ${found}; this version of the broker cannot bring format ` +
          `${version} up to ${version + 1}`,
      );
    }
    await migration.run(database, report);
    await database.write(formatRecord(version + 1), true);
  }
  return found;
}
