import { ByteReader } from "./byte-reader.ts";
import { ByteWriter } from "./byte-writer.ts";
import { crc32c } from "./crc32c.ts";
import { unsnap } from "./snappy.ts";

/*
 * A table file of LevelDB: data blocks | filter block | metaindex block | index block | footer.
 *
 *   block    content | type u8 (0 plain, 1 Snappy) | masked CRC-32C of both, u32
 *   content  entry, entry … | restart u32, … | number of restarts u32
 *   entry    shared, unshared, value length varint | end of the key, value
 *   footer   handles of metaindex and index, padded to 40 bytes | magic
 *   handle   offset, length varint
 *
 * Little-endian. The index has a handle for each data block, the metaindex one for the filter block.
 */
const FOOTER = 48;
const MAGIC = Buffer.from("57fb808b247547db", "hex");
const TRAILER = 5;
const PLAIN = 0;
const SNAPPY = 1;
const MASK_DELTA = 0xa282ead8;

/** Where a block stands, without its trailer. */
interface Handle {
  readonly offset: number;
  readonly length: number;
}

/** What was found in a table. */
export type TableCheck =
  /** Nothing wrong, or a form that is not known here. */
  | { readonly kind: "whole" }
  /** `bytes` is the same table, of the same size, without the damaged blocks. */
  | { readonly kind: "mended"; readonly bytes: Buffer; readonly lostBlocks: number; readonly blocks: number }
  /** Nothing of it can be used. */
  | { readonly kind: "lost" };

/**
 * Holds a table against its checksums. LevelDB reads blocks without looking at them, as its binding opens it, and ends the
 * process over some that are damaged.
 */
export function checkTable(table: Buffer): TableCheck {
  const footer = table.length - FOOTER;
  if (footer < 0 || !table.subarray(-MAGIC.length).equals(MAGIC)) return { kind: "lost" };
  const reader = new ByteReader(table, footer, table.length - MAGIC.length);
  const metaindex = readHandle(reader);
  const index = readHandle(reader);
  if (!reader.ok || !isWhole(table, index)) return { kind: "lost" };
  const content = contentOf(table, index);
  if (content === "unknown") return { kind: "whole" };
  const entries = content === null ? null : entriesOf(content);
  if (entries === null) return { kind: "lost" };
  const good = entries.filter(({ handle }) => isWhole(table, handle));
  const lostBlocks = entries.length - good.length;
  if (lostBlocks === 0 && isFilterWhole(table, metaindex)) return { kind: "whole" };
  const bytes = lostBlocks === entries.length ? null : withIndex(table, good);
  return bytes === null ? { kind: "lost" } : { kind: "mended", bytes, lostBlocks, blocks: entries.length };
}

function readHandle(reader: ByteReader): Handle {
  return { offset: reader.varint(), length: reader.varint() };
}

function masked(crc: number): number {
  return (((crc >>> 15) | (crc << 17)) + MASK_DELTA) >>> 0;
}

function isWhole(table: Buffer, { offset, length }: Handle): boolean {
  const end = offset + length + 1;
  if (end + 4 > table.length - FOOTER) return false;
  return masked(crc32c(table, offset, end)) === table.readUInt32LE(end);
}

/** The content of a block whose checksum is right. */
function contentOf(table: Buffer, { offset, length }: Handle): Buffer | "unknown" | null {
  const bytes = table.subarray(offset, offset + length);
  const type = table[offset + length];
  if (type === PLAIN) return bytes;
  return type === SNAPPY ? unsnap(bytes) : "unknown";
}

/** The entries of an index; null when they cannot be read. */
function entriesOf(content: Buffer): { readonly key: Buffer; readonly handle: Handle }[] | null {
  if (content.length < 8) return null;
  const restarts = content.readUInt32LE(content.length - 4);
  const end = content.length - 4 - 4 * restarts;
  if (end < 0) return null;
  const entries: { key: Buffer; handle: Handle }[] = [];
  const reader = new ByteReader(content, 0, end);
  let key = Buffer.alloc(0);
  while (reader.position < end) {
    const shared = reader.varint();
    const unshared = reader.varint();
    const length = reader.varint();
    const start = reader.position;
    if (!reader.ok || shared > key.length || start + unshared + length > end) return null;
    key = Buffer.concat([key.subarray(0, shared), content.subarray(start, start + unshared)]);
    const value = new ByteReader(content, start + unshared, start + unshared + length);
    entries.push({ key, handle: readHandle(value) });
    if (!value.ok) return null;
    reader.position = start + unshared + length;
  }
  return entries;
}

function isFilterWhole(table: Buffer, metaindex: Handle): boolean {
  if (!isWhole(table, metaindex)) return false;
  const content = contentOf(table, metaindex);
  if (content === "unknown") return true;
  const entries = content === null ? null : entriesOf(content);
  return entries?.every(({ handle }) => isWhole(table, handle)) ?? false;
}

/** The table with an index of these blocks, which stay where they are, and without a filter; null if there is no room. */
function withIndex(
  table: Buffer,
  entries: readonly { readonly key: Buffer; readonly handle: Handle }[],
): Buffer | null {
  const mended = Buffer.from(table);
  const start = Math.max(...entries.map(({ handle }) => handle.offset + handle.length + TRAILER));
  const writer = new ByteWriter();
  const metaindex = writeBlock(writer, start, []);
  const index = writeBlock(writer, start, entries);
  const tail = writer.end();
  const footer = table.length - FOOTER;
  if (start + tail.length > footer) return null;
  mended.fill(0, start, table.length - MAGIC.length);
  tail.copy(mended, start);
  writer.reserve(FOOTER);
  writeHandle(writer, metaindex);
  writeHandle(writer, index);
  writer.end().copy(mended, footer);
  return mended;
}

/** Writes a plain block with these entries, each with its whole key, that will stand `base` bytes further on. */
function writeBlock(
  writer: ByteWriter,
  base: number,
  entries: readonly { readonly key: Buffer; readonly handle: Handle }[],
): Handle {
  const offset = writer.position - writer.start;
  const restarts: number[] = [];
  for (const { key, handle } of entries) {
    restarts.push(writer.position - writer.start - offset);
    const value = new ByteWriter(32);
    writeHandle(value, handle);
    const bytes = value.end();
    writer.reserve(24 + key.length + bytes.length);
    writer.varint(0);
    writer.varint(key.length);
    writer.varint(bytes.length);
    writer.bytes(key, 0, key.length);
    writer.bytes(bytes, 0, bytes.length);
  }
  if (restarts.length === 0) restarts.push(0);
  writer.reserve(4 * restarts.length + 4 + TRAILER);
  for (const restart of [...restarts, restarts.length]) writeUnsigned32(writer, restart);
  const length = writer.position - writer.start - offset;
  writer.u8(PLAIN);
  const first = writer.start + offset;
  writeUnsigned32(writer, masked(crc32c(writer.buffer, first, first + length + 1)));
  return { offset: base + offset, length };
}

function writeHandle(writer: ByteWriter, { offset, length }: Handle): void {
  writer.varint(offset);
  writer.varint(length);
}

/** Little-endian, as LevelDB has it. */
function writeUnsigned32(writer: ByteWriter, value: number): void {
  for (let shift = 0; shift < 32; shift += 8) writer.u8((value >>> shift) & 0xff);
}
