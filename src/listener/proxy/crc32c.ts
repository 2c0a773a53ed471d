/** CRC-32C (Castagnoli), bit by bit reflected; zlib has the other CRC-32 only. */
const POLYNOMIAL = 0x82f6_3b78;

const table = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ POLYNOMIAL : value >>> 1;
  return value;
});

/** The CRC-32C of the bytes as if those from `holeStart` to `holeEnd` were zero: where the checksum itself stands. */
export function crc32cWithHole(bytes: Uint8Array, holeStart: number, holeEnd: number): number {
  let value = 0xffff_ffff;
  for (const [index, byte] of bytes.entries()) {
    const counted = index >= holeStart && index < holeEnd ? 0 : byte;
    value = (table[(value ^ counted) & 0xff] ?? 0) ^ (value >>> 8);
  }
  return (value ^ 0xffff_ffff) >>> 0;
}
