import { endianness } from "node:os";

/** From so many bytes on it pays to go by words of four. */
const LONG = 128;
const LITTLE_ENDIAN = endianness() === "LE";

/**
 * Takes the mask off bytes `start` to `end`, in place [RFC 6455, 5.3]. `mask` has the byte for the first one in its
 * lowest bits; returns the mask for the byte after the last.
 */
export function unmask(bytes: Buffer, start: number, end: number, mask: number): number {
  let at = start;
  let left = mask;
  if (LITTLE_ENDIAN && end - start >= LONG) {
    for (; ((bytes.byteOffset + at) & 3) !== 0; at++) {
      bytes[at] = (bytes[at] ?? 0) ^ (left & 255);
      left = turn(left);
    }
    const words = new Int32Array(bytes.buffer, bytes.byteOffset + at, (end - at) >> 2);
    for (let i = 0; i < words.length; i++) words[i] = (words[i] ?? 0) ^ left;
    at += words.length * 4;
  }
  for (; at < end; at++) {
    bytes[at] = (bytes[at] ?? 0) ^ (left & 255);
    left = turn(left);
  }
  return left;
}

function turn(mask: number): number {
  return (mask >>> 8) | (mask << 24);
}
