import { ByteReader } from "./byte-reader.ts";

/** No block that is read here is larger. */
const LARGEST = 256 * 1024 * 1024;

/** What Snappy made smaller (its raw format, as LevelDB has it in blocks); null when the bytes are damaged. */
export function unsnap(bytes: Buffer): Buffer | null {
  const reader = new ByteReader(bytes, 0, bytes.length);
  const length = reader.varint();
  if (!reader.ok || length > LARGEST) return null;
  const out = Buffer.allocUnsafe(length);
  let at = 0;
  while (reader.position < bytes.length) {
    const tag = reader.u8();
    const kind = tag & 3;
    if (kind === 0) {
      let size = tag >>> 2;
      if (size >= 60) size = littleEndian(reader, size - 59);
      size++;
      const start = reader.position;
      if (start + size > bytes.length || at + size > length) return null;
      bytes.copy(out, at, start, start + size);
      reader.position = start + size;
      at += size;
      continue;
    }
    const size = kind === 1 ? ((tag >>> 2) & 7) + 4 : (tag >>> 2) + 1;
    const distance = kind === 1 ? ((tag >>> 5) << 8) | reader.u8() : littleEndian(reader, kind === 2 ? 2 : 4);
    if (!reader.ok || distance === 0 || distance > at || at + size > length) return null;
    // Source and target may overlap: then it repeats.
    for (let i = 0; i < size; i++, at++) out[at] = out[at - distance] ?? 0;
  }
  return at === length ? out : null;
}

function littleEndian(reader: ByteReader, bytes: number): number {
  let value = 0;
  for (let i = 0, scale = 1; i < bytes; i++, scale *= 256) value += reader.u8() * scale;
  return value;
}
