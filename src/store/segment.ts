import { Message } from "../mqtt/message.ts";
import type { Topic } from "../mqtt/topic.ts";
import { ByteReader } from "./byte-reader.ts";
import type { ByteWriter } from "./byte-writer.ts";
import { CHECKSUM_BYTES, checksum, isSealed, seal } from "./checksum.ts";
import type { StoredTopics } from "./participant.ts";

/*
 * A body segment: the bodies of many messages in one value.
 *
 *   dense:   kind 1 (1 byte), number (6), bodies
 *   sparse:  kind 2 (1 byte), number (6), count (4), count × [offset in the dense form (4), offset here (4)], bodies
 *   then the checksum.
 *
 * A sparse segment is a dense one without the bodies that nobody needs any more. It keeps the number, and bodies are
 * still found by their old offsets, so that nothing that refers to it has to change.
 *
 * A body: flags (1), topic length (2), properties length (4), payload length (4), expiry (6, if flagged), topic,
 * properties, payload.
 */
const DENSE = 1;
const SPARSE = 2;
const HEADER_BYTES = 7;
const BODY_HEADER_BYTES = 11;
const EXPIRY_BYTES = 6;
const FLAG_QOS = 0x03;
const FLAG_RETAIN = 0x04;
const FLAG_EXPIRES = 0x08;

/** Bytes of a message's body in a segment. */
export function bodySize(message: Message): number {
  return (
    BODY_HEADER_BYTES +
    (message.expiresAt > 0 ? EXPIRY_BYTES : 0) +
    message.topic.bytes.length +
    (message.propertyEnd - message.propertyStart) +
    (message.payloadEnd - message.payloadStart)
  );
}

/** Starts a segment. */
export function beginSegment(writer: ByteWriter, segment: number): void {
  writer.reserve(HEADER_BYTES);
  writer.u8(DENSE);
  writer.u48(segment);
}

/** Adds a body; gives its offset in the segment. */
export function writeBody(writer: ByteWriter, message: Message): number {
  writer.reserve(bodySize(message));
  const offset = writer.position - writer.start;
  const topic = message.topic.bytes;
  writer.u8(message.qos | (message.retain ? FLAG_RETAIN : 0) | (message.expiresAt > 0 ? FLAG_EXPIRES : 0));
  writer.u16(topic.length);
  writer.u32(message.propertyEnd - message.propertyStart);
  writer.u32(message.payloadEnd - message.payloadStart);
  if (message.expiresAt > 0) writer.u48(Math.ceil(message.expiresAt));
  writer.bytes(topic, 0, topic.length);
  writer.bytes(message.buffer, message.propertyStart, message.propertyEnd);
  writer.bytes(message.buffer, message.payloadStart, message.payloadEnd);
  return offset;
}

/** Ends a segment; gives its value. */
export function endSegment(writer: ByteWriter): Buffer {
  return seal(writer);
}

/** Whether the value is the undamaged segment of that number. */
export function isSegment(value: Buffer, segment: number): boolean {
  return (
    value.length >= HEADER_BYTES + CHECKSUM_BYTES &&
    (value[0] === DENSE || value[0] === SPARSE) &&
    value.readUIntBE(1, HEADER_BYTES - 1) === segment &&
    isSealed(value)
  );
}

/** Where the body of that (dense) offset stands in the value; -1 when it is not in there. */
function locate(value: Buffer, offset: number): number {
  if (value[0] !== SPARSE) return offset;
  const table = HEADER_BYTES + 4;
  let low = 0;
  let high = value.readUInt32BE(HEADER_BYTES);
  while (low < high) {
    const middle = (low + high) >>> 1;
    const found = value.readUInt32BE(table + middle * 8);
    if (found === offset) return value.readUInt32BE(table + middle * 8 + 4);
    if (found < offset) low = middle + 1;
    else high = middle;
  }
  return -1;
}

/** Total length of the body at `position`; -1 if there can be none. */
function bodyLength(value: Buffer, position: number): number {
  const end = value.length - CHECKSUM_BYTES;
  if (position < HEADER_BYTES || position + BODY_HEADER_BYTES > end) return -1;
  const reader = new ByteReader(value, position, end);
  const flags = reader.u8();
  const length =
    BODY_HEADER_BYTES +
    reader.u16() +
    reader.u32() +
    reader.u32() +
    ((flags & FLAG_EXPIRES) === 0 ? 0 : EXPIRY_BYTES);
  return position + length > end ? -1 : length;
}

/**
 * Reads bodies into messages. One reader serves one call that reads many: consecutive messages of the same topic cost
 * no second look-up of the topic.
 */
export class BodyReader {
  readonly #topics: StoredTopics;
  #topic: Topic | null = null;

  constructor(topics: StoredTopics) {
    this.#topics = topics;
  }

  /** The message whose body has that offset in the (undamaged) segment; null when there is none. */
  read(value: Buffer, segment: number, offset: number): Message | null {
    const position = locate(value, offset);
    const length = bodyLength(value, position);
    if (length < 0) return null;
    const flags = value.readUInt8(position);
    const topicLength = value.readUInt16BE(position + 1);
    const propertyLength = value.readUInt32BE(position + 3);
    let start = position + BODY_HEADER_BYTES;
    let expiresAt = 0;
    if ((flags & FLAG_EXPIRES) !== 0) {
      expiresAt = value.readUIntBE(start, EXPIRY_BYTES);
      start += EXPIRY_BYTES;
    }
    const propertyStart = start + topicLength;
    const payloadStart = propertyStart + propertyLength;
    let topic = this.#topic;
    if (topic === null || topic.bytes.compare(value, start, propertyStart) !== 0) {
      try {
        topic = this.#topics.internText(value.toString("utf8", start, propertyStart));
      } catch {
        return null;
      }
      this.#topic = topic;
    }
    const message = new Message(
      topic,
      flags & FLAG_QOS,
      (flags & FLAG_RETAIN) !== 0,
      value,
      payloadStart,
      position + length,
      propertyStart,
      payloadStart,
      expiresAt,
      null,
    );
    message.segment = segment;
    message.segmentOffset = offset;
    return message;
  }
}

/**
 * The sparse form of a segment: only the bodies of these (dense) offsets are kept. Offsets that are not in it are
 * ignored. The value is new and stays valid.
 */
export function sparseSegment(value: Buffer, offsets: Iterable<number>): Buffer {
  const kept: { offset: number; position: number; length: number }[] = [];
  for (const offset of [...new Set(offsets)].sort((a, b) => a - b)) {
    const position = locate(value, offset);
    const length = bodyLength(value, position);
    if (length >= 0) kept.push({ offset, position, length });
  }
  let at = HEADER_BYTES + 4 + kept.length * 8;
  const total = kept.reduce((sum, body) => sum + body.length, at);
  const sparse = Buffer.allocUnsafeSlow(total + CHECKSUM_BYTES);
  sparse[0] = SPARSE;
  value.copy(sparse, 1, 1, HEADER_BYTES);
  sparse.writeUInt32BE(kept.length, HEADER_BYTES);
  kept.forEach(({ offset, position, length }, index) => {
    sparse.writeUInt32BE(offset, HEADER_BYTES + 4 + index * 8);
    sparse.writeUInt32BE(at, HEADER_BYTES + 8 + index * 8);
    value.copy(sparse, at, position, position + length);
    at += length;
  });
  sparse.writeUInt32BE(checksum(sparse.subarray(0, total)), total);
  return sparse;
}
