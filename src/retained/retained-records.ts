import type { Publication } from "../mqtt/publication.ts";
import { RecordArena } from "./record-arena.ts";

/** A topic name as text and as on the wire; a `Topic` is one. */
export interface TopicName {
  readonly text: string;
  readonly bytes: Buffer;
}

/*
 * A record in memory:     flags u8, topic length u16, property length u32, payload length u32, expiry u48 | topic, properties, payload
 * The value in the store: format u8, flags u8, expiry u48, property length u32 | properties, payload
 * Flags: the QoS in the lowest two bits. Expiry: epoch milliseconds, 0 for never. All little-endian.
 */
const HEADER = 17;
const STORED_HEADER = 12;
const FORMAT = 1;
const QOS_MASK = 3;
/** Names up to this length are copied faster byte by byte than by a call. */
const SHORT_NAME = 32;

/** One record, opened. */
export class RecordView {
  buffer: Buffer = Buffer.alloc(0);
  topicStart = 0;
  /** Where the topic ends and the properties begin; the payload follows them. */
  bodyStart = 0;
  propertyLength = 0;
  payloadLength = 0;
  qos = 0;
  /** Epoch milliseconds, 0 for never. */
  expiresAt = 0;

  get bodyEnd(): number {
    return this.bodyStart + this.propertyLength + this.payloadLength;
  }
}

function unsigned32(buffer: Buffer, at: number): number {
  return (
    ((buffer[at] ?? 0) | ((buffer[at + 1] ?? 0) << 8) | ((buffer[at + 2] ?? 0) << 16)) +
    (buffer[at + 3] ?? 0) * 2 ** 24
  );
}

/** The retained messages themselves, each one record outside the JavaScript heap, known by its address. */
export class RetainedRecords {
  private readonly arena = new RecordArena();
  private readonly view = new RecordView();
  private readonly head = Buffer.alloc(STORED_HEADER);

  /** Bytes taken from the system. */
  get bytes(): number {
    return this.arena.bytes;
  }

  /** Makes a record of a publish. `expiresAt`: epoch milliseconds, 0 for never. */
  add(publication: Publication, expiresAt: number): number {
    const { topic, buffer, payloadStart, payloadEnd, propertyBuffer, propertyStart, propertyEnd } =
      publication;
    const properties = propertyEnd - propertyStart;
    const payload = payloadEnd - payloadStart;
    const address = this.make(topic.bytes.length, publication.qos, expiresAt, properties, payload);
    const target = this.arena.buffer(address);
    const topicStart = this.arena.offset(address) + HEADER;
    const { bytes } = topic;
    const at = topicStart + bytes.length;
    if (bytes.length > SHORT_NAME) bytes.copy(target, topicStart);
    else for (let i = 0; i < bytes.length; i++) target[topicStart + i] = bytes[i] ?? 0;
    if (properties > 0) propertyBuffer.copy(target, at, propertyStart, propertyEnd);
    buffer.copy(target, at + properties, payloadStart, payloadEnd);
    return address;
  }

  /** Makes a record of a stored value; -1 when the value is damaged or of an unknown format. */
  restore(topic: string, value: Buffer): number {
    if (value.length < STORED_HEADER || value[0] !== FORMAT) return -1;
    const qos = (value[1] ?? 0) & QOS_MASK;
    const properties = value.readUInt32LE(8);
    const payload = value.length - STORED_HEADER - properties;
    if (qos === 3 || payload <= 0) return -1;
    const topicLength = Buffer.byteLength(topic);
    const address = this.make(topicLength, qos, value.readUIntLE(2, 6), properties, payload);
    const target = this.arena.buffer(address);
    const topicStart = this.arena.offset(address) + HEADER;
    target.write(topic, topicStart);
    value.copy(target, topicStart + topicLength, STORED_HEADER);
    return address;
  }

  /**
   * The first part of the value to be stored, in one reused buffer; the second one, properties and payload, is what
   * `open` gives from `bodyStart` to `bodyEnd`.
   */
  storedHead(record: RecordView): Buffer {
    const head = this.head;
    head[0] = FORMAT;
    head[1] = record.qos;
    head.writeUIntLE(record.expiresAt, 2, 6);
    head.writeUInt32LE(record.propertyLength, 8);
    return head;
  }

  free(address: number): void {
    this.arena.free(address);
  }

  /** Whether the memory of a record is its own: it is not used for another one after `free` then. */
  alone(address: number): boolean {
    return this.arena.alone(address);
  }

  /** What a record is made of, in one reused object that is valid until the next call. Hot path. */
  open(address: number): RecordView {
    const { view } = this;
    const buffer = this.arena.buffer(address);
    const at = this.arena.offset(address);
    const topicLength = (buffer[at + 1] ?? 0) | ((buffer[at + 2] ?? 0) << 8);
    view.buffer = buffer;
    view.topicStart = at + HEADER;
    view.bodyStart = at + HEADER + topicLength;
    view.propertyLength = unsigned32(buffer, at + 3);
    view.payloadLength = unsigned32(buffer, at + 7);
    view.qos = (buffer[at] ?? 0) & QOS_MASK;
    view.expiresAt =
      unsigned32(buffer, at + 11) + ((buffer[at + 15] ?? 0) | ((buffer[at + 16] ?? 0) << 8)) * 2 ** 32;
    return view;
  }

  topicText(address: number): string {
    const { buffer, topicStart, bodyStart } = this.open(address);
    return buffer.toString("utf8", topicStart, bodyStart);
  }

  hasTopic(address: number, topic: TopicName): boolean {
    const { bytes } = topic;
    const length = bytes.length;
    const buffer = this.arena.buffer(address);
    const at = this.arena.offset(address);
    if (((buffer[at + 1] ?? 0) | ((buffer[at + 2] ?? 0) << 8)) !== length) return false;
    const start = at + HEADER;
    for (let i = 0; i < length; i++) if (buffer[start + i] !== bytes[i]) return false;
    return true;
  }

  /** A record with its header; topic, properties and payload are to be filled in. */
  private make(
    topicLength: number,
    qos: number,
    expiresAt: number,
    properties: number,
    payload: number,
  ): number {
    const address = this.arena.allocate(HEADER + topicLength + properties + payload);
    const target = this.arena.buffer(address);
    const at = this.arena.offset(address);
    target[at] = qos;
    target.writeUInt16LE(topicLength, at + 1);
    target.writeUInt32LE(properties, at + 3);
    target.writeUInt32LE(payload, at + 7);
    target.writeUIntLE(expiresAt, at + 11, 6);
    return address;
  }
}
