const FINAL = 0x80;
/** A final binary frame, the kind in which everything is sent [MQTT-6.0.0-1]. */
const BINARY = FINAL | 0x2;
const CLOSE = FINAL | 0x8;
const PONG = FINAL | 0xa;

/** The longest header of a server's frame, bytes. */
export const LONGEST_HEADER = 10;

/** Writes the header of a binary message of `length` bytes so that it ends at `end`; returns where it begins. */
export function writeBinaryHeader(block: Buffer, end: number, length: number): number {
  if (length < 126) {
    block[end - 2] = BINARY;
    block[end - 1] = length;
    return end - 2;
  }
  if (length < 0x1_0000) {
    block[end - 4] = BINARY;
    block[end - 3] = 126;
    block[end - 2] = length >>> 8;
    block[end - 1] = length & 255;
    return end - 4;
  }
  block[end - 10] = BINARY;
  block[end - 9] = 127;
  block.writeUIntBE(0, end - 8, 2);
  block.writeUIntBE(length, end - 6, 6);
  return end - 10;
}

/** The answer to a ping. */
export function pongFrame(payload: Buffer): Buffer {
  return controlFrame(PONG, payload);
}

/** A close frame; `code` null for one without. */
export function closeFrame(code: number | null, reason = ""): Buffer {
  if (code === null) return controlFrame(CLOSE, Buffer.alloc(0));
  const text = Buffer.from(reason);
  const payload = Buffer.alloc(2 + text.length);
  payload.writeUInt16BE(code);
  text.copy(payload, 2);
  return controlFrame(CLOSE, payload);
}

/** Payloads of control frames have 125 bytes at most. */
function controlFrame(first: number, payload: Buffer): Buffer {
  const frame = Buffer.allocUnsafeSlow(2 + payload.length);
  frame[0] = first;
  frame[1] = payload.length;
  payload.copy(frame, 2);
  return frame;
}
