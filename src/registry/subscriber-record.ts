import type { SubscriptionOptions } from "../routing/destination.ts";
import { subscriptionOptions } from "../routing/subscription-options.ts";
import { ByteReader } from "../store/byte-reader.ts";
import { ByteWriter } from "../store/byte-writer.ts";

/** Up to this many subscriptions stand in the session's own record; more get a record each. */
export const INLINE_SUBSCRIPTIONS = 16;

/** What is stored of a persistent session. */
export interface SubscriberRecord {
  readonly queue: number;
  readonly expirySeconds: number;
  readonly legacy: boolean;
  readonly disconnectedAt: number;
  readonly username: string | null;
  readonly subscriptions: readonly (readonly [filter: string, options: SubscriptionOptions])[];
}

/** The key of a session's record; its subscription records follow it directly in key order. */
export function subscriberKey(mountpoint: string, clientId: string): string {
  return `${mountpoint}\0${clientId}`;
}

export function subscriptionKey(mountpoint: string, clientId: string, filter: string): string {
  return `${mountpoint}\0${clientId}\0${filter}`;
}

/** The parts of a key; without filter it is the session's own record. Undefined for what is no key. */
export function parseKey(
  key: string,
):
  | { readonly mountpoint: string; readonly clientId: string; readonly filter: string | undefined }
  | undefined {
  const first = key.indexOf("\0");
  if (first < 0) return undefined;
  const second = key.indexOf("\0", first + 1);
  const mountpoint = key.slice(0, first);
  if (second < 0) return { mountpoint, clientId: own(key.slice(first + 1)), filter: undefined };
  return { mountpoint, clientId: key.slice(first + 1, second), filter: own(key.slice(second + 1)) };
}

/** From this length on, V8 makes a part of a string as a view that keeps the whole string alive. */
const SHORTEST_VIEW = 13;

const scratch = Buffer.allocUnsafeSlow(16 * 1024);

/** A part of a string to be kept. */
function own(part: string): string {
  if (part.length < SHORTEST_VIEW) return part;
  if (part.length * 3 > scratch.length) return Buffer.from(part).toString();
  return scratch.toString("utf8", 0, scratch.write(part, 0, "utf8"));
}

/** Options as one number; the identifier stands beside it. */
function packOptions(options: SubscriptionOptions): number {
  const { qos, noLocal, retainAsPublished, retainHandling } = options;
  return qos | (noLocal ? 4 : 0) | (retainAsPublished ? 8 : 0) | (retainHandling << 4);
}

function unpackOptions(packed: number, identifier: number): SubscriptionOptions {
  return subscriptionOptions(
    Math.min(2, packed & 3),
    (packed & 4) !== 0,
    (packed & 8) !== 0,
    Math.min(2, (packed >> 4) & 3),
    identifier,
  );
}

/*
 * Values:
 *
 *     subscription   format u8 | packed options u8 | identifier varint
 *     session        format u8 | flags u8 | queue, expiry interval, end of the connection: varints | user name, if any |
 *                    for each subscription: packed options u8, identifier varint, filter
 *
 * Texts are UTF-8 with their length in bytes before them, as a varint. A million sessions are read at start-up.
 */
const FORMAT = 1;
const NOTHING = Buffer.alloc(0);
const LEGACY = 1;
const HAS_USERNAME = 2;
/** Longest form of a number. */
const VARINT = 8;

/** The values that it has given out keep their memory: it is never rewound. */
const writer = new ByteWriter(16 * 1024);

function writeText(text: string): void {
  const length = Buffer.byteLength(text);
  writer.reserve(VARINT + length);
  writer.varint(length);
  writer.position += writer.buffer.write(text, writer.position);
}

function readText(reader: ByteReader): string {
  const start = skipText(reader);
  return start < 0 ? "" : reader.buffer.toString("utf8", start, reader.position);
}

/** Goes on behind a text; where it begins, or -1 when there is less than that. */
function skipText(reader: ByteReader): number {
  const length = reader.varint();
  const start = reader.position;
  if (length > reader.end - start) {
    reader.ok = false;
    return -1;
  }
  reader.position = start + length;
  return start;
}

export function encodeSubscription(options: SubscriptionOptions): Buffer {
  writer.reserve(2 + VARINT);
  writer.u8(FORMAT);
  writer.u8(packOptions(options));
  writer.varint(options.identifier);
  return writer.end();
}

export function decodeSubscription(value: Buffer): SubscriptionOptions | undefined {
  const reader = new ByteReader(value, 0, value.length);
  const format = reader.u8();
  const packed = reader.u8();
  const identifier = reader.varint();
  const whole = reader.ok && reader.position === value.length;
  return whole && format === FORMAT ? unpackOptions(packed, identifier) : undefined;
}

export function encodeSubscriber(record: SubscriberRecord): Buffer {
  const { username, subscriptions } = record;
  writer.reserve(2 + 3 * VARINT);
  writer.u8(FORMAT);
  writer.u8((record.legacy ? LEGACY : 0) | (username === null ? 0 : HAS_USERNAME));
  writer.varint(record.queue);
  writer.varint(record.expirySeconds);
  writer.varint(record.disconnectedAt);
  if (username !== null) writeText(username);
  for (const [filter, options] of subscriptions) {
    writer.reserve(1 + VARINT);
    writer.u8(packOptions(options));
    writer.varint(options.identifier);
    writeText(filter);
  }
  return writer.end();
}

/**
 * Reads the records of sessions one after the other, each into the fields of this one object: a million of them are read
 * at a start, and what would be made for each of them only to be thrown away took half as much memory as what stays.
 */
export class SubscriberReader {
  queue = 0;
  expirySeconds = 0;
  legacy = false;
  disconnectedAt = 0;
  username: string | null = null;
  /** The subscription that `next` has found. */
  filter = "";
  options: SubscriptionOptions = subscriptionOptions(0);
  readonly #reader = new ByteReader(NOTHING, 0, 0);

  /** Reads all but the subscriptions; false for a value that is no record. */
  open(value: Buffer): boolean {
    const reader = this.#reader;
    reader.reset(value, 0, value.length);
    if (reader.u8() !== FORMAT) return false;
    const flags = reader.u8();
    this.legacy = (flags & LEGACY) !== 0;
    this.queue = reader.varint();
    this.expirySeconds = reader.varint();
    this.disconnectedAt = reader.varint();
    this.username = (flags & HAS_USERNAME) === 0 ? null : readText(reader);
    const first = reader.position;
    while (reader.ok && reader.position < reader.end) {
      reader.u8();
      reader.varint();
      skipText(reader);
    }
    reader.position = first;
    return reader.ok;
  }

  /** Goes on to the next subscription of the record that was opened; false after the last. */
  next(): boolean {
    const reader = this.#reader;
    if (reader.position >= reader.end) return false;
    const packed = reader.u8();
    const identifier = reader.varint();
    this.filter = readText(reader);
    this.options = unpackOptions(packed, identifier);
    return true;
  }
}
