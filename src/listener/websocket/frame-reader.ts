import { unmask } from "./unmask.ts";

/** Why a WebSocket is closed [RFC 6455, 7.4.1]. */
export const CloseCode = {
  normal: 1000,
  protocolError: 1002,
  unsupportedData: 1003,
  policyViolation: 1008,
  tooBig: 1009,
} as const;

const FINAL = 0x80;
const RESERVED = 0x70;
const CONTINUATION = 0x0;
const TEXT = 0x1;
const BINARY = 0x2;
const CLOSE = 0x8;
const PING = 0x9;
const PONG = 0xa;

const MASKED = 0x80;
const LONGEST_CONTROL = 125;
/** Pieces in which one message may come. */
const MOST_FRAGMENTS = 16 * 1024;

/** What the next byte is. */
const FIRST = 0;
const SECOND = 1;
const LENGTH = 2;
const MASK = 3;
const PAYLOAD = 4;

const NOTHING = Buffer.alloc(0);

/** Why nothing more is read. */
interface End {
  /** Null when the other side closes without one. */
  readonly code: number | null;
  /** What must not be; null when the other side closes. */
  readonly refusal: string | null;
}

/**
 * Reads the frames of a client [RFC 6455, 5]. Where messages begin and end means nothing to MQTT, so their bytes are
 * passed on as they come, and nothing is gathered but the payload of a control frame.
 */
export abstract class FrameReader {
  readonly #largest: number;
  #state = FIRST;
  /** Bytes of the length or of the mask that are still to come. */
  #left = 0;
  #opcode = 0;
  #final = false;
  /** Bytes of the frame's payload that are still to come. */
  #length = 0;
  /** The byte for the next byte of the payload is in its lowest bits. */
  #mask = 0;
  /** A message has begun, and its last frame has not. */
  #within = false;
  #messageSize = 0;
  #fragments = 0;
  #control = NOTHING;
  #controlSize = 0;
  #end: End | null = null;

  /** `largest`: how many bytes a message may have. */
  constructor(largest: number) {
    this.#largest = largest;
  }

  /** Bytes of binary messages; valid during the call only. */
  protected abstract onData(chunk: Buffer, start: number, end: number): void;
  protected abstract onPing(payload: Buffer): void;
  /** The other side closes, with a code or without. Nothing comes after it. */
  protected abstract onCloseFrame(code: number | null): void;
  /** Something must not be: the WebSocket is to be closed with `code`. Nothing comes after it. */
  protected abstract onRefusal(code: number, reason: string): void;

  /** Reads bytes `start` to `end` of `chunk`, and overwrites them. */
  protected readFrames(chunk: Buffer, start: number, end: number): void {
    if (this.#end !== null) return;
    // Payloads move together: what has come in one piece is passed on in one piece.
    let data = start;
    let at = start;
    while (at < end && this.#end === null) {
      if (this.#state !== PAYLOAD) {
        this.#readHeader(chunk[at++] ?? 0);
        if (this.#state !== PAYLOAD) continue;
      }
      const size = Math.min(end - at, this.#length);
      if (this.#opcode >= CLOSE) {
        chunk.copy(this.#control, this.#controlSize, at, at + size);
        this.#controlSize += size;
      } else {
        if (data !== at) chunk.copyWithin(data, at, at + size);
        this.#mask = unmask(chunk, data, data + size, this.#mask);
        data += size;
      }
      at += size;
      this.#length -= size;
      if (this.#length === 0) this.#endFrame();
    }
    if (data > start) this.onData(chunk, start, data);
    this.#tellEnd();
  }

  #readHeader(byte: number): void {
    switch (this.#state) {
      case FIRST:
        this.#opcode = byte & 0x0f;
        this.#final = (byte & FINAL) !== 0;
        this.#checkFirst(byte);
        this.#state = SECOND;
        return;
      case SECOND:
        this.#length = byte & 0x7f;
        if ((byte & MASKED) === 0) this.#refuse(CloseCode.protocolError, "a frame without mask");
        else if (this.#opcode >= CLOSE && this.#length > LONGEST_CONTROL)
          this.#refuse(CloseCode.protocolError, "a control frame that is too long");
        else if (this.#opcode === CLOSE && this.#length === 1)
          this.#refuse(CloseCode.protocolError, "a close frame with half a code");
        else if (this.#length < 126) this.#checkLength();
        else {
          this.#left = this.#length === 126 ? 2 : 8;
          this.#length = 0;
          this.#state = LENGTH;
        }
        return;
      case LENGTH:
        this.#length = this.#length * 256 + byte;
        if (--this.#left === 0) this.#checkLength();
        return;
      default:
        this.#mask = (this.#mask >>> 8) | (byte << 24);
        if (--this.#left === 0) this.#state = PAYLOAD;
    }
  }

  #checkFirst(byte: number): void {
    if ((byte & RESERVED) !== 0) this.#refuse(CloseCode.protocolError, "a frame with a reserved bit");
    else if (this.#opcode >= CLOSE) {
      if (this.#opcode > PONG) this.#refuse(CloseCode.protocolError, "a frame of a reserved kind");
      else if (!this.#final) this.#refuse(CloseCode.protocolError, "a control frame in fragments");
    } else if (this.#opcode > BINARY) this.#refuse(CloseCode.protocolError, "a frame of a reserved kind");
    else if (this.#within !== (this.#opcode === CONTINUATION))
      this.#refuse(
        CloseCode.protocolError,
        this.#within ? "a message within a message" : "a frame that continues nothing",
      );
    else if (this.#opcode === TEXT)
      this.#refuse(CloseCode.unsupportedData, "MQTT needs binary frames [MQTT-6.0.0-1]");
  }

  #checkLength(): void {
    this.#left = 4;
    this.#state = MASK;
    if (this.#opcode >= CLOSE) {
      this.#control = this.#length === 0 ? NOTHING : Buffer.alloc(this.#length);
      this.#controlSize = 0;
      return;
    }
    this.#messageSize += this.#length;
    if (this.#messageSize > this.#largest)
      this.#refuse(CloseCode.tooBig, `a message of more than ${this.#largest} bytes`);
  }

  #endFrame(): void {
    this.#state = FIRST;
    if (this.#opcode >= CLOSE) {
      this.#endControl();
      return;
    }
    this.#within = !this.#final;
    this.#fragments = this.#final ? 0 : this.#fragments + 1;
    if (this.#final) this.#messageSize = 0;
    if (this.#fragments > MOST_FRAGMENTS)
      this.#refuse(CloseCode.policyViolation, `a message in more than ${MOST_FRAGMENTS} frames`);
  }

  #endControl(): void {
    const payload = this.#control;
    this.#control = NOTHING;
    unmask(payload, 0, payload.length, this.#mask);
    if (this.#opcode === PING) this.onPing(payload);
    if (this.#opcode !== CLOSE) return;
    const code = payload.length === 0 ? null : payload.readUInt16BE(0);
    if (code === null || isCloseCode(code)) this.#end = { code, refusal: null };
    else this.#refuse(CloseCode.protocolError, `the reserved close code ${code}`);
  }

  /** After what came before it has been passed on. */
  #refuse(code: number, refusal: string): void {
    this.#end = { code, refusal };
  }

  #tellEnd(): void {
    if (this.#end === null) return;
    const { code, refusal } = this.#end;
    if (refusal === null) this.onCloseFrame(code);
    else this.onRefusal(code ?? CloseCode.protocolError, refusal);
  }
}

/** Whether an endpoint may send it [RFC 6455, 7.4]. */
function isCloseCode(code: number): boolean {
  if (code >= 3000) return code <= 4999;
  return code >= 1000 && code <= 1014 && (code < 1004 || code > 1006);
}
