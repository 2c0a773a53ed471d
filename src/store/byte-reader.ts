const TWO_32 = 0x1_0000_0000;

/** Reads what `ByteWriter` wrote. Reading past the end gives 0 and clears `ok`; nothing throws. */
export class ByteReader {
  buffer: Buffer;
  position: number;
  end: number;
  /** False once more was asked for than there is. */
  ok: boolean;

  constructor(buffer: Buffer, position: number, end: number) {
    this.buffer = buffer;
    this.position = position;
    this.end = end;
    this.ok = end <= buffer.length;
  }

  /** Begins anew with other bytes. */
  reset(buffer: Buffer, position: number, end: number): void {
    this.buffer = buffer;
    this.position = position;
    this.end = end;
    this.ok = end <= buffer.length;
  }

  u8(): number {
    if (this.position >= this.end) {
      this.ok = false;
      return 0;
    }
    return this.buffer[this.position++] ?? 0;
  }

  u16(): number {
    return this.u8() * 256 + this.u8();
  }

  u32(): number {
    return this.u16() * 65_536 + this.u16();
  }

  u48(): number {
    return this.u16() * TWO_32 + this.u32();
  }

  varint(): number {
    let value = 0;
    let scale = 1;
    for (let count = 0; count < 8; count++) {
      const byte = this.u8();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      scale *= 128;
    }
    this.ok = false;
    return 0;
  }

  signedVarint(): number {
    const value = this.varint();
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }
}
