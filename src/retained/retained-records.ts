import type { Publisher } from "../mqtt/message.ts";
import type { Publication } from "../mqtt/publication.ts";
import {
  ENTRY_HEADER,
  entryExpiresAt,
  entryPayloadLength,
  entryPropertyLength,
  entryPublisherLength,
  entryQos,
  entrySize,
  entryTopicLength,
  writeEntryHeader,
  writeUnsigned32,
} from "../store/retained-page.ts";
import { RecordArena } from "./record-arena.ts";

/** A topic name as text and as on the wire; a `Topic` is one. */
export interface TopicName {
  readonly text: string;
  readonly bytes: Buffer;
}

/*
 * A record in memory: place u32, index u32 | entry as in a stored page
 * Place: the page that the entry stands in, or that it waits to be stored. Index: where in that. Little-endian.
 */
const PLACE_BYTES = 8;
const HEADER = PLACE_BYTES + ENTRY_HEADER;
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
}

function copyName(name: Buffer, target: Buffer, at: number): void {
  if (name.length > SHORT_NAME) name.copy(target, at);
  else for (let i = 0; i < name.length; i++) target[at + i] = name[i] ?? 0;
}

/** The retained messages themselves, each one record outside the JavaScript heap, known by its address. */
export class RetainedRecords {
  private readonly arena = new RecordArena();
  private readonly view = new RecordView();
  /** Who published last, and that client id in bytes: messages of one client come in a row. */
  private publisher: Publisher | null = null;
  private publisherBytes = Buffer.alloc(0);

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
    const { origin } = publication;
    if (origin !== this.publisher) {
      this.publisher = origin;
      this.publisherBytes = Buffer.from(origin === null ? "" : origin.clientId);
    }
    const publisher = this.publisherBytes;
    const publisherLength = publisher.length;
    const address = this.arena.allocate(HEADER + topic.bytes.length + properties + payload + publisherLength);
    const target = this.arena.buffer(address);
    const start = this.arena.offset(address) + PLACE_BYTES;
    const topicStart = start + ENTRY_HEADER;
    const { bytes } = topic;
    writeEntryHeader(
      target,
      start,
      publication.qos,
      bytes.length,
      publisherLength,
      properties,
      payload,
      expiresAt,
    );
    const at = topicStart + bytes.length;
    copyName(bytes, target, topicStart);
    if (properties > 0) propertyBuffer.copy(target, at, propertyStart, propertyEnd);
    buffer.copy(target, at + properties, payloadStart, payloadEnd);
    copyName(publisher, target, at + properties + payload);
    return address;
  }

  /** Makes a record of the entry of a stored page that begins there. */
  restore(page: Buffer, start: number): number {
    const size = entrySize(page, start);
    const address = this.arena.allocate(PLACE_BYTES + size);
    page.copy(this.arena.buffer(address), this.arena.offset(address) + PLACE_BYTES, start, start + size);
    return address;
  }

  /** Bytes of a record's entry in a page. */
  entrySize(address: number): number {
    return entrySize(this.arena.buffer(address), this.arena.offset(address) + PLACE_BYTES);
  }

  /** Copies a record's entry, of that size. */
  copyEntry(address: number, size: number, target: Buffer, at: number): void {
    const start = this.arena.offset(address) + PLACE_BYTES;
    this.arena.buffer(address).copy(target, at, start, start + size);
  }

  /** Remembers where a record is stored: two numbers below 2^32. */
  setPlace(address: number, place: number, index: number): void {
    const target = this.arena.buffer(address);
    const at = this.arena.offset(address);
    writeUnsigned32(target, at, place);
    writeUnsigned32(target, at + 4, index);
  }

  placeOf(address: number): number {
    return this.arena.buffer(address).readUInt32LE(this.arena.offset(address));
  }

  indexOf(address: number): number {
    return this.arena.buffer(address).readUInt32LE(this.arena.offset(address) + 4);
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
    const at = this.arena.offset(address) + PLACE_BYTES;
    view.buffer = buffer;
    view.topicStart = at + ENTRY_HEADER;
    view.bodyStart = view.topicStart + entryTopicLength(buffer, at);
    view.propertyLength = entryPropertyLength(buffer, at);
    view.payloadLength = entryPayloadLength(buffer, at);
    view.qos = entryQos(buffer, at);
    view.expiresAt = entryExpiresAt(buffer, at);
    return view;
  }

  /** Whether the client with that id, in bytes, published a record's message. */
  isPublishedBy(address: number, clientId: Buffer): boolean {
    const buffer = this.arena.buffer(address);
    const at = this.arena.offset(address) + PLACE_BYTES;
    const length = entryPublisherLength(buffer, at);
    if (length !== clientId.length) return false;
    const end = at + entrySize(buffer, at);
    return buffer.compare(clientId, 0, length, end - length, end) === 0;
  }

  topicText(address: number): string {
    const { buffer, topicStart, bodyStart } = this.open(address);
    return buffer.toString("utf8", topicStart, bodyStart);
  }

  hasTopic(address: number, topic: TopicName): boolean {
    const { bytes } = topic;
    const length = bytes.length;
    const buffer = this.arena.buffer(address);
    const at = this.arena.offset(address) + PLACE_BYTES;
    if (entryTopicLength(buffer, at) !== length) return false;
    const start = at + ENTRY_HEADER;
    for (let i = 0; i < length; i++) if (buffer[start + i] !== bytes[i]) return false;
    return true;
  }
}
