import { ByteWriter } from "./byte-writer.ts";
import { CHECKSUM_BYTES, isSealed, seal } from "./checksum.ts";
import { type Database, WriteSet } from "./database.ts";
import { quarantineKey, RETAINED_OF_FORMAT_2, recordKey, recordName, recordRange } from "./keys.ts";
import { ENTRY_HEADER, PageBuilder, pageKey, readPageKey, writeEntryHeader } from "./retained-page.ts";

/*
 * In formats 1 and 2 each retained message has a value of its own, under mountpoint, U+0000 and topic:
 * format u8, flags u8, expiry u48, property length u32 | properties, payload. Little-endian.
 */
const OLD_HEADER = 12;
const OLD_FORMAT = 1;
/** Bytes in one write: each write takes out what it has put in, so a crash between two of them is harmless. */
const WRITE_BYTES = 1024 * 1024;

/** An entry made of an old value; null when that is damaged. */
function entryOf(topic: Buffer, value: Buffer): Buffer | null {
  if (!isSealed(value)) return null;
  const end = value.length - CHECKSUM_BYTES;
  if (end < OLD_HEADER || value[0] !== OLD_FORMAT) return null;
  const qos = (value[1] ?? 0) & 3;
  const properties = value.readUInt32LE(8);
  const payload = end - OLD_HEADER - properties;
  if (qos === 3 || payload <= 0 || topic.length === 0 || topic.length > 0xffff) return null;
  const entry = Buffer.allocUnsafe(ENTRY_HEADER + topic.length + properties + payload);
  writeEntryHeader(entry, 0, qos, topic.length, 0, properties, payload, value.readUIntLE(2, 6));
  topic.copy(entry, ENTRY_HEADER);
  value.copy(entry, ENTRY_HEADER + topic.length, OLD_HEADER, end);
  return entry;
}

/**
 * Gathers the retained messages of format 2 in pages. May be run again after it was cut short. Damaged values go to the
 * quarantine; `report` is told how many.
 */
export async function gatherRetained(database: Database, report: (problem: string) => void): Promise<void> {
  const snapshot = database.snapshot();
  try {
    let next = 0;
    for await (const page of snapshot.scan(recordRange("retained"), { keysOnly: true })) {
      for (const [key] of page) next = Math.max(next, (readPageKey(recordName(key))?.number ?? -1) + 1);
    }
    const set = new WriteSet();
    const values = new ByteWriter();
    const builder = new PageBuilder();
    let mountpoint = "";
    let damaged = 0;
    const endPage = () => {
      if (builder.isEmpty) return;
      const page = builder.take();
      values.reserve(page.length + CHECKSUM_BYTES);
      values.bytes(page, 0, page.length);
      set.put(recordKey("retained", pageKey(mountpoint, next++)), seal(values));
    };
    const write = async () => {
      endPage();
      await database.write(set, false);
      set.clear();
      values.rewind();
    };
    const onDamage = (error: Error) => report(`some retained messages cannot be read: ${error.message}`);
    for await (const page of snapshot.scan(RETAINED_OF_FORMAT_2, { onDamage })) {
      for (const [key, value] of page) {
        const name = recordName(key);
        const end = name.lastIndexOf("\0");
        const entry = entryOf(Buffer.from(name.slice(end + 1)), value);
        set.delete(key);
        if (end < 0 || entry === null) {
          damaged++;
          set.put(quarantineKey(key), value);
          continue;
        }
        if (name.slice(0, end) !== mountpoint || builder.isFullFor(entry.length)) endPage();
        mountpoint = name.slice(0, end);
        const at = builder.reserve(entry.length);
        entry.copy(builder.buffer, at);
        if (set.bytes > WRITE_BYTES) await write();
      }
    }
    await write();
    if (damaged > 0)
      report(`${damaged} retained messages failed the checksum and were put aside; they are lost`);
  } finally {
    await snapshot.close();
  }
}
