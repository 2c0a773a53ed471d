/** Smallest buffer a writer works in, in bytes. */
const DEFAULT_CHUNK = 64 * 1024;
/** A buffer larger than this many chunks is given back when the writer is rewound. */
const KEPT_CHUNKS = 16;
/** Up to so many chunks, each buffer of a busy writer is twice as large as the one before. */
const DOUBLED_CHUNKS = 8;
/** So few bytes are copied faster one by one than by a call. */
const SHORT = 32;
const MAX_SMALL = 0x7fffffff;
const TWO_32 = 0x1_0000_0000;

/**
 * Builds many byte strings one after the other in large buffers. What `end` gives stays valid until `rewind`: growing
 * takes a new buffer and leaves the finished strings where they are. Numbers are big-endian so that keys sort.
 */
export class ByteWriter {
  buffer: Buffer;
  /** Where the next byte goes. */
  position: number;
  /** Where the string being built starts. */
  start: number;
  readonly chunk: number;

  constructor(chunk = DEFAULT_CHUNK) {
    this.chunk = chunk;
    this.buffer = Buffer.allocUnsafeSlow(chunk);
    this.position = 0;
    this.start = 0;
  }

  /** Makes room for `bytes` more. To be called before the methods below, which do not check. */
  reserve(bytes: number): void {
    if (this.position + bytes > this.buffer.length) this.#grow(bytes);
  }

  #grow(bytes: number): void {
    const used = this.position - this.start;
    const needed = used + bytes;
    const doubled = Math.min(this.buffer.length * 2, this.chunk * DOUBLED_CHUNKS);
    const larger = Buffer.allocUnsafeSlow(Math.max(doubled, needed + Math.min(needed, 1024 * 1024)));
    this.buffer.copy(larger, 0, this.start, this.position);
    this.buffer = larger;
    this.start = 0;
    this.position = used;
  }

  u8(value: number): void {
    this.buffer[this.position++] = value;
  }

  u16(value: number): void {
    this.buffer[this.position++] = value >>> 8;
    this.buffer[this.position++] = value;
  }

  u32(value: number): void {
    const { buffer } = this;
    let position = this.position;
    buffer[position++] = value >>> 24;
    buffer[position++] = value >>> 16;
    buffer[position++] = value >>> 8;
    buffer[position++] = value;
    this.position = position;
  }

  /** 0 to 2^48 - 1. */
  u48(value: number): void {
    this.u16(Math.floor(value / TWO_32));
    this.u32(value % TWO_32);
  }

  /** 0 to 2^53 - 1, at most 8 bytes, low groups of seven bits first. */
  varint(value: number): void {
    const { buffer } = this;
    let rest = value;
    let position = this.position;
    while (rest > MAX_SMALL) {
      buffer[position++] = (rest % 128) | 0x80;
      rest = Math.floor(rest / 128);
    }
    while (rest > 0x7f) {
      buffer[position++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    buffer[position++] = rest;
    this.position = position;
  }

  /** Any safe integer of at most 52 bits; small ones of either sign are short. */
  signedVarint(value: number): void {
    this.varint(value >= 0 ? value * 2 : -value * 2 - 1);
  }

  bytes(source: Buffer, start: number, end: number): void {
    if (end - start > SHORT) {
      source.copy(this.buffer, this.position, start, end);
      this.position += end - start;
      return;
    }
    const { buffer } = this;
    let position = this.position;
    for (let at = start; at < end; at++) buffer[position++] = source[at] ?? 0;
    this.position = position;
  }

  /** The string built since the last `end`. */
  end(): Buffer {
    const built = this.buffer.subarray(this.start, this.position);
    this.start = this.position;
    return built;
  }

  /** Starts over: everything given out by `end` is invalid from now on. */
  rewind(): void {
    this.position = 0;
    this.start = 0;
    if (this.buffer.length > this.chunk * KEPT_CHUNKS) this.buffer = Buffer.allocUnsafeSlow(this.chunk);
  }
}
