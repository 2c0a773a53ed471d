/**
 * Whether `buffer[start, end)` is a UTF-8 encoded string as MQTT wants it: well formed, the shortest form, no
 * surrogates [MQTT-1.5.4-1] and no U+0000 [MQTT-1.5.4-2]. Other control characters and non-characters are allowed.
 * Allocates nothing.
 */
export function isWellFormedText(buffer: Uint8Array, start: number, end: number): boolean {
  let at = start;
  while (at < end) {
    const byte = buffer[at] ?? 0;
    if (byte < 0x80) {
      if (byte === 0) return false;
      at++;
      continue;
    }
    const length = sequenceLength(buffer, at, end);
    if (length === 0) return false;
    at += length;
  }
  return true;
}

/** Bytes of the multi-byte character at `at`, 0 when it is ill formed. */
export function sequenceLength(buffer: Uint8Array, at: number, end: number): number {
  const lead = buffer[at] ?? 0;
  if (lead < 0xc2 || at + 1 >= end) return 0;
  const second = buffer[at + 1] ?? 0;
  if (lead < 0xe0) return isContinuation(second) ? 2 : 0;
  if (at + 2 >= end || !isContinuation(second) || !isContinuation(buffer[at + 2] ?? 0)) return 0;
  if (lead < 0xf0) {
    if (lead === 0xe0 && second < 0xa0) return 0;
    if (lead === 0xed && second >= 0xa0) return 0;
    return 3;
  }
  if (lead > 0xf4 || at + 3 >= end || !isContinuation(buffer[at + 3] ?? 0)) return 0;
  if (lead === 0xf0 && second < 0x90) return 0;
  if (lead === 0xf4 && second >= 0x90) return 0;
  return 4;
}

function isContinuation(byte: number): boolean {
  return (byte & 0xc0) === 0x80;
}
