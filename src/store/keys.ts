import type { ByteWriter } from "./byte-writer.ts";
import type { RecordTable } from "./participant.ts";

/*
 * The key space. One byte says what it is; numbers are 48 bits, big-endian.
 *
 *   'd' segment                 size of a body segment and how many refer to it (its "directory entry")
 *   'h' queue                   head of a queue
 *   'm' name                    format version, counters
 *   'q' key                     quarantine: a damaged value, as it was found
 *   'r' queue last-sequence     references of one queue made by one commit; the last sequence number in it, so that a
 *                               seek to a sequence number finds the value that contains it
 *   's' segment                 message bodies
 *   't' table key               records; of retained messages see retained-page.ts
 */
const DIRECTORY = 0x64;
const HEAD = 0x68;
const QUARANTINE = 0x71;
const REFERENCES = 0x72;
const SEGMENT = 0x73;
const RECORD = 0x74;

const NUMBER_BYTES = 6;
const TABLES: Readonly<Record<RecordTable, number>> = {
  group: 0x67,
  incoming: 0x69,
  meta: 0x6d,
  retained: 0x70,
  subscriber: 0x73,
  will: 0x77,
};

/** From `gte` up to but without `lt`. */
export interface KeyRange {
  readonly gte: Buffer;
  readonly lt: Buffer;
}

export const FORMAT_KEY: Buffer = Buffer.from("mformat");
export const COUNTERS_KEY: Buffer = Buffer.from("mcounters");

/** All heads, references, segments and directory entries. */
export const HEAD_RANGE: KeyRange = prefixRange(HEAD);
export const REFERENCES_RANGE: KeyRange = prefixRange(REFERENCES);
export const SEGMENT_RANGE: KeyRange = prefixRange(SEGMENT);
export const DIRECTORY_RANGE: KeyRange = prefixRange(DIRECTORY);

/** Retained messages before they were gathered in pages: one value for each. */
export const RETAINED_OF_FORMAT_2: KeyRange = tableRange(0x72);

function prefixRange(prefix: number): KeyRange {
  return { gte: Buffer.from([prefix]), lt: Buffer.from([prefix + 1]) };
}

function tableRange(letter: number): KeyRange {
  return { gte: Buffer.from([RECORD, letter]), lt: Buffer.from([RECORD, letter + 1]) };
}

function numbered(prefix: number, value: number): Buffer {
  const key = Buffer.allocUnsafe(1 + NUMBER_BYTES);
  key[0] = prefix;
  key.writeUIntBE(value, 1, NUMBER_BYTES);
  return key;
}

export function headKey(queue: number): Buffer {
  return numbered(HEAD, queue);
}

export function segmentKey(segment: number): Buffer {
  return numbered(SEGMENT, segment);
}

export function directoryKey(segment: number): Buffer {
  return numbered(DIRECTORY, segment);
}

/** Key of the references of `queue` that end with sequence number `last`. */
export function referencesKey(queue: number, last: number): Buffer {
  const key = Buffer.allocUnsafe(1 + 2 * NUMBER_BYTES);
  key[0] = REFERENCES;
  key.writeUIntBE(queue, 1, NUMBER_BYTES);
  key.writeUIntBE(last, 1 + NUMBER_BYTES, NUMBER_BYTES);
  return key;
}

/** References of one queue that hold sequence number `from` or later ones. */
export function queueRange(queue: number, from: number): KeyRange {
  return { gte: referencesKey(queue, from), lt: referencesKey(queue + 1, 0) };
}

/** The number in a head, segment or directory key, the queue in a references key; -1 in a key of any other length. */
export function keyNumber(key: Buffer): number {
  return key.length < 1 + NUMBER_BYTES ? -1 : key.readUIntBE(1, NUMBER_BYTES);
}

/** The last sequence number in a references key. */
export function keySequence(key: Buffer): number {
  return key.length < 1 + 2 * NUMBER_BYTES ? -1 : key.readUIntBE(1 + NUMBER_BYTES, NUMBER_BYTES);
}

/** Writes a head, segment or directory key: what the functions above make, without an allocation. */
export function writeHeadKey(writer: ByteWriter, queue: number): Buffer {
  writer.reserve(1 + NUMBER_BYTES);
  writer.u8(HEAD);
  writer.u48(queue);
  return writer.end();
}

export function writeReferencesKey(writer: ByteWriter, queue: number, last: number): Buffer {
  writer.reserve(1 + 2 * NUMBER_BYTES);
  writer.u8(REFERENCES);
  writer.u48(queue);
  writer.u48(last);
  return writer.end();
}

export function recordKey(table: RecordTable, key: string): Buffer {
  const bytes = Buffer.allocUnsafe(2 + Buffer.byteLength(key));
  bytes[0] = RECORD;
  bytes[1] = TABLES[table];
  bytes.write(key, 2, "utf8");
  return bytes;
}

export function recordRange(table: RecordTable): KeyRange {
  return tableRange(TABLES[table]);
}

/** The text key in a record's key. */
export function recordName(key: Buffer): string {
  return key.toString("utf8", RECORD_PREFIX);
}

/** How many characters of a record's key stand before its text key. */
export const RECORD_PREFIX = 2;

/** Where a damaged value is kept. */
export function quarantineKey(key: Buffer): Buffer {
  return Buffer.concat([Buffer.from([QUARANTINE]), key]);
}

/** A key in words, for the log. */
export function describeKey(key: Buffer): string {
  switch (key[0]) {
    case HEAD:
      return `the head of queue ${keyNumber(key)}`;
    case REFERENCES:
      return `references of queue ${keyNumber(key)} up to number ${keySequence(key)}`;
    case SEGMENT:
      return `message bodies (segment ${keyNumber(key)})`;
    case DIRECTORY:
      return `the directory entry of segment ${keyNumber(key)}`;
    case RECORD: {
      const table = Object.entries(TABLES).find(([, letter]) => letter === key[1]);
      if (key[1] === TABLES.retained)
        return `a page of retained messages, ${JSON.stringify(recordName(key))},`;
      return `the ${table?.[0] ?? "unknown"} record ${JSON.stringify(recordName(key))}`;
    }
    default:
      return `key ${key.toString("hex")}`;
  }
}
