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

/** Whether the value ends with the CRC-32 of what stands before it. */
export function isSealed(value: Buffer): boolean {
  const end = value.length - CHECKSUM_BYTES;
  return end >= 0 && crc32(value.subarray(0, end)) === value.readUInt32BE(end);
}
