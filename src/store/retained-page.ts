/*
 * How retained messages are stored: many in one value, a page, so that a commit with thousands of them is a handful of
 * values and a start reads some thousand values and not a million.
 *
 *   page    format u8 | entry, entry …
 *   entry   flags u8, topic length u16, publisher length u16, property length u32, payload length u32, expiry u48 |
 *           topic, properties, payload, publisher
 *   deaths  a bit for each entry of a page that has been replaced or deleted since, the first entry in the lowest bit
 *
 * Flags: the QoS in the lowest two bits. Publisher: its client id, empty if it had none or is not known. Expiry: epoch milliseconds, 0 for never. Little-endian. A page is never
 * changed. What of it is still valid stands in a second value, which is written in the same commit as what replaces it:
 * so after a crash each topic has one valid entry at most, or none if that was deleted.
 */

/** Bytes of an entry before its topic. */
export const ENTRY_HEADER = 19;
/** A page is closed when it would grow beyond this; one entry that is larger has a page of its own. */
export const PAGE_BYTES = 64 * 1024;

const TWO_32 = 0x1_0000_0000;
const FORMAT = 1;
const QOS_MASK = 3;
const NUMBER_DIGITS = 12;
/** Deaths sort before their page, so that whoever reads in order knows them first. */
const PAGE = "p";
const DEATHS = "d";

/** Which value a key of the table "retained" names. */
export interface PageKey {
  readonly mountpoint: string;
  readonly number: number;
  readonly deaths: boolean;
}

export function pageKey(mountpoint: string, number: number): string {
  return `${mountpoint}\0${number.toString(16).padStart(NUMBER_DIGITS, "0")}${PAGE}`;
}

export function deathsKey(mountpoint: string, number: number): string {
  return `${mountpoint}\0${number.toString(16).padStart(NUMBER_DIGITS, "0")}${DEATHS}`;
}

/** What a key says; null when it is none of a page. */
export function readPageKey(key: string): PageKey | null {
  const end = key.lastIndexOf("\0");
  const match = /^([0-9a-f]{12})([pd])$/.exec(key.slice(end + 1));
  const digits = match?.[1];
  if (end < 0 || digits === undefined) return null;
  return {
    mountpoint: key.slice(0, end),
    number: Number.parseInt(digits, 16),
    deaths: match?.[2] === DEATHS,
  };
}

function unsigned32(buffer: Buffer, at: number): number {
  return (
    ((buffer[at] ?? 0) | ((buffer[at + 1] ?? 0) << 8) | ((buffer[at + 2] ?? 0) << 16)) +
    (buffer[at + 3] ?? 0) * 2 ** 24
  );
}

/** Writes the header of an entry; `expiresAt` in epoch milliseconds, 0 for never; lengths in bytes. Hot path. */
export function writeEntryHeader(
  target: Buffer,
  at: number,
  qos: number,
  topicLength: number,
  publisherLength: number,
  propertyLength: number,
  payloadLength: number,
  expiresAt: number,
): void {
  target[at] = qos;
  writeUnsigned16(target, at + 1, topicLength);
  writeUnsigned16(target, at + 3, publisherLength);
  writeUnsigned32(target, at + 5, propertyLength);
  writeUnsigned32(target, at + 9, payloadLength);
  writeUnsigned32(target, at + 13, expiresAt % TWO_32);
  writeUnsigned16(target, at + 17, Math.floor(expiresAt / TWO_32));
}

function writeUnsigned16(target: Buffer, at: number, value: number): void {
  target[at] = value;
  target[at + 1] = value >>> 8;
}

/** Buffer's own methods check more than is needed here, which is what they spend most of their time with. */
export function writeUnsigned32(target: Buffer, at: number, value: number): void {
  target[at] = value;
  target[at + 1] = value >>> 8;
  target[at + 2] = value >>> 16;
  target[at + 3] = value >>> 24;
}

export function entryQos(buffer: Buffer, at: number): number {
  return (buffer[at] ?? 0) & QOS_MASK;
}

export function entryTopicLength(buffer: Buffer, at: number): number {
  return (buffer[at + 1] ?? 0) | ((buffer[at + 2] ?? 0) << 8);
}

export function entryPublisherLength(buffer: Buffer, at: number): number {
  return (buffer[at + 3] ?? 0) | ((buffer[at + 4] ?? 0) << 8);
}

export function entryPropertyLength(buffer: Buffer, at: number): number {
  return unsigned32(buffer, at + 5);
}

export function entryPayloadLength(buffer: Buffer, at: number): number {
  return unsigned32(buffer, at + 9);
}

/** Epoch milliseconds, 0 for never. */
export function entryExpiresAt(buffer: Buffer, at: number): number {
  return unsigned32(buffer, at + 13) + ((buffer[at + 17] ?? 0) | ((buffer[at + 18] ?? 0) << 8)) * TWO_32;
}

/** Bytes of the whole entry that begins there. */
export function entrySize(buffer: Buffer, at: number): number {
  return (
    ENTRY_HEADER +
    entryTopicLength(buffer, at) +
    entryPropertyLength(buffer, at) +
    entryPayloadLength(buffer, at) +
    entryPublisherLength(buffer, at)
  );
}

/** Where each entry of a page begins; null when the bytes are no page of a known format. */
export function entriesOf(page: Buffer): number[] | null {
  if (page[0] !== FORMAT) return null;
  const starts: number[] = [];
  let at = 1;
  while (at < page.length) {
    if (at + ENTRY_HEADER > page.length) return null;
    if (entryQos(page, at) === 3 || entryTopicLength(page, at) === 0 || entryPayloadLength(page, at) === 0)
      return null;
    starts.push(at);
    at += entrySize(page, at);
  }
  return at === page.length ? starts : null;
}

/** The deaths of a page with that many entries, as stored. */
export function writeDeaths(entries: number, isDead: (entry: number) => boolean): Buffer {
  const deaths = Buffer.alloc((entries + 7) >>> 3);
  for (let entry = 0; entry < entries; entry++) {
    if (isDead(entry)) deaths[entry >>> 3] = (deaths[entry >>> 3] ?? 0) | (1 << (entry & 7));
  }
  return deaths;
}

export function isDeadIn(deaths: Buffer, entry: number): boolean {
  return ((deaths[entry >>> 3] ?? 0) & (1 << (entry & 7))) !== 0;
}

/** Puts entries together to pages. One builder serves all pages, one after the other. */
export class PageBuilder {
  #buffer = Buffer.alloc(0);
  #size = 0;

  /** Whether an entry of that size belongs into the next page: there is something in this one, and it would be too much. */
  isFullFor(size: number): boolean {
    return this.#size > 1 && this.#size + size > PAGE_BYTES;
  }

  get isEmpty(): boolean {
    return this.#size <= 1;
  }

  /** Makes room for an entry of that size and gives where it is to be written in `buffer`. */
  reserve(size: number): number {
    const start = Math.max(this.#size, 1);
    const end = start + size;
    if (end > this.#buffer.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(end, PAGE_BYTES));
      this.#buffer.copy(larger, 0, 0, this.#size);
      this.#buffer = larger;
    }
    this.#buffer[0] = FORMAT;
    this.#size = end;
    return start;
  }

  get buffer(): Buffer {
    return this.#buffer;
  }

  /** The page, valid until the next entry is added; the builder begins a new one. */
  take(): Buffer {
    const page = this.#buffer.subarray(0, this.#size);
    if (this.#buffer.length > PAGE_BYTES) this.#buffer = Buffer.alloc(0);
    this.#size = 0;
    return page;
  }
}
