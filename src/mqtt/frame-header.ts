/**
 * Size in bytes of the packet that starts at `start`, fixed header included, so that a connection can make room
 * for a packet of which only a part has come. 0: the header is not complete; -1: its Remaining Length has a fifth
 * byte.
 */
export function frameLength(buffer: Uint8Array, start: number, end: number): number {
  let value = 0;
  for (let index = 0; index < 4; index++) {
    const at = start + 1 + index;
    if (at >= end) return 0;
    const byte = buffer[at] ?? 0;
    value |= (byte & 0x7f) << (7 * index);
    if (byte < 0x80) return 2 + index + value;
  }
  return -1;
}

/** How many bytes the variable byte integer `value` takes, 1 to 4. */
export function variableByteIntegerSize(value: number): number {
  return value < 0x80 ? 1 : value < 0x4000 ? 2 : value < 0x20_0000 ? 3 : 4;
}

/** Writes a variable byte integer at `at` and returns where it ends. */
export function writeVariableByteInteger(target: Uint8Array, at: number, value: number): number {
  let rest = value;
  let position = at;
  while (rest >= 0x80) {
    target[position++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  target[position++] = rest;
  return position;
}
