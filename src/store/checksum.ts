import { crc32 } from "node:zlib";
import type { ByteWriter } from "./byte-writer.ts";

/** Bytes that a checksum adds to a value. */
export const CHECKSUM_BYTES = 4;

/** CRC-32 as zlib has it. */
export function checksum(bytes: Buffer): number {
  return crc32(bytes);
}

/** Ends the string being built with its CRC-32 and gives it. */
export function seal(writer: ByteWriter): Buffer {
  writer.reserve(CHECKSUM_BYTES);
  writer.u32(crc32(writer.buffer.subarray(writer.start, writer.position)));
  return writer.end();
}

/** The value without its checksum, in the same memory; null when that does not fit. */
export function unsealed(value: Buffer): Buffer | null {
  const end = value.length - CHECKSUM_BYTES;
  if (end < 0) return null;
  const content = value.subarray(0, end);
  return crc32(content) === value.readUInt32BE(end) ? content : null;
}

/** Whether the value ends with the CRC-32 of what stands before it. */
export function isSealed(value: Buffer): boolean {
  return unsealed(value) !== null;
}
