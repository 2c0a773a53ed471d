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

/** The retained messages themselves, each one record outside the JavaScript heap, known by its address. */
export class RetainedRecords {
  private readonly arena = new RecordArena();

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
    const address = this.make(topic, publication.qos, expiresAt, properties, payload);
    const target = this.arena.buffer(address);
    const at = this.arena.offset(address) + HEADER + topic.bytes.length;
    if (properties > 0) propertyBuffer.copy(target, at, propertyStart, propertyEnd);
    buffer.copy(target, at + properties, payloadStart, payloadEnd);
    return address;
  }

  /** Makes a record of a stored value; -1 when the value is damaged or of an unknown format. */
  restore(topic: TopicName, value: Buffer): number {
    if (value.length < STORED_HEADER || value[0] !== FORMAT) return -1;
    const qos = (value[1] ?? 0) & QOS_MASK;
    const properties = value.readUInt32LE(8);
    const payload = value.length - STORED_HEADER - properties;
    if (qos === 3 || payload <= 0) return -1;
    const address = this.make(topic, qos, value.readUIntLE(2, 6), properties, payload);
    const at = this.arena.offset(address) + HEADER + topic.bytes.length;
    value.copy(this.arena.buffer(address), at, STORED_HEADER);
    return address;
  }

  /** The value to be stored: a copy. */
  storedValue(address: number): Buffer {
    const source = this.arena.buffer(address);
    const start = this.bodyStart(address);
    const properties = this.propertyLength(address);
    const end = start + properties + this.payloadLength(address);
    const value = Buffer.allocUnsafe(STORED_HEADER + end - start);
    value[0] = FORMAT;
    value[1] = this.qos(address);
    value.writeUIntLE(this.expiresAt(address), 2, 6);
    value.writeUInt32LE(properties, 8);
    source.copy(value, STORED_HEADER, start, end);
    return value;
  }

  free(address: number): void {
    this.arena.free(address);
  }

  /** The memory of a record, which is used for another one after `free` unless the record is `alone`. */
  buffer(address: number): Buffer {
    return this.arena.buffer(address);
  }

  alone(address: number): boolean {
    return this.arena.alone(address);
  }

  qos(address: number): number {
    return (this.arena.buffer(address)[this.arena.offset(address)] ?? 0) & QOS_MASK;
  }

  /** Epoch milliseconds, 0 for never. */
  expiresAt(address: number): number {
    return this.arena.buffer(address).readUIntLE(this.arena.offset(address) + 11, 6);
  }

  topicStart(address: number): number {
    return this.arena.offset(address) + HEADER;
  }

  topicLength(address: number): number {
    return this.arena.buffer(address).readUInt16LE(this.arena.offset(address) + 1);
  }

  /** Where the properties begin; the payload follows them. */
  bodyStart(address: number): number {
    return this.topicStart(address) + this.topicLength(address);
  }

  propertyLength(address: number): number {
    return this.arena.buffer(address).readUInt32LE(this.arena.offset(address) + 3);
  }

  payloadLength(address: number): number {
    return this.arena.buffer(address).readUInt32LE(this.arena.offset(address) + 7);
  }

  topicText(address: number): string {
    const start = this.topicStart(address);
    return this.arena.buffer(address).toString("utf8", start, start + this.topicLength(address));
  }

  hasTopic(address: number, topic: TopicName): boolean {
    const { bytes } = topic;
    const length = bytes.length;
    if (this.topicLength(address) !== length) return false;
    const buffer = this.arena.buffer(address);
    const start = this.topicStart(address);
    for (let i = 0; i < length; i++) if (buffer[start + i] !== bytes[i]) return false;
    return true;
  }

  private make(
    topic: TopicName,
    qos: number,
    expiresAt: number,
    properties: number,
    payload: number,
  ): number {
    const { bytes } = topic;
    const address = this.arena.allocate(HEADER + bytes.length + properties + payload);
    const target = this.arena.buffer(address);
    const at = this.arena.offset(address);
    target[at] = qos;
    target.writeUInt16LE(bytes.length, at + 1);
    target.writeUInt32LE(properties, at + 3);
    target.writeUInt32LE(payload, at + 7);
    target.writeUIntLE(expiresAt, at + 11, 6);
    bytes.copy(target, at + HEADER);
    return address;
  }
}
