const EMPTY = Buffer.alloc(0);

/** A buffer of its own, for what lives as long as a session: it pins neither the read buffer nor Node's pool. */
export function lastingCopy(source: Buffer, start: number, end: number): Buffer {
  if (end <= start) return EMPTY;
  const copy = Buffer.allocUnsafeSlow(end - start);
  source.copy(copy, 0, start, end);
  return copy;
}
