import type { CommitBatch } from "../store/participant.ts";

/** Packet ids in one page. */
const PAGE_IDS = 512;
const PAGE_BYTES = PAGE_IDS / 8;
const PAGES = 65_536 / PAGE_IDS;

/** A page as stored: the ids from `number` · 512 on, one bit each, lowest bit first. */
export interface IncomingPage {
  readonly number: number;
  readonly bits: Uint8Array;
}

interface Page extends IncomingPage {
  /** Bits set. */
  count: number;
  changed: boolean;
}

/**
 * Packet ids, stored in pages: a commit writes those pages in which something has changed, so that it costs the same
 * however many ids there are.
 */
export class IncomingPages {
  readonly #pages = new Map<number, Page>();
  #changed: Page[] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Nothing is in it, and the store has been told. */
  get idle(): boolean {
    return this.#pages.size === 0;
  }

  has(packetId: number): boolean {
    const page = this.#pages.get(packetId >>> 9);
    return page !== undefined && ((page.bits[(packetId & 511) >>> 3] ?? 0) & (1 << (packetId & 7))) !== 0;
  }

  add(packetId: number): void {
    if (this.has(packetId)) return;
    const number = packetId >>> 9;
    let page = this.#pages.get(number);
    if (page === undefined) {
      page = { number, bits: new Uint8Array(PAGE_BYTES), count: 0, changed: false };
      this.#pages.set(number, page);
    }
    page.count++;
    this.#toggle(page, packetId);
    this.#size++;
  }

  /** False for an id that is not in it. */
  delete(packetId: number): boolean {
    const page = this.#pages.get(packetId >>> 9);
    if (page === undefined || !this.has(packetId)) return false;
    page.count--;
    this.#toggle(page, packetId);
    this.#size--;
    return true;
  }

  *ids(): Generator<number> {
    for (const { number } of this.#pages.values()) {
      for (let id = number * PAGE_IDS; id < (number + 1) * PAGE_IDS; id++) if (this.has(id)) yield id;
    }
  }

  /** Takes over a page from the store. */
  restore({ number, bits }: IncomingPage): void {
    const page = { number, bits: Uint8Array.from(bits), count: 0, changed: false };
    for (const byte of bits) for (let rest = byte; rest !== 0; rest &= rest - 1) page.count++;
    this.#pages.set(number, page);
    this.#size += page.count;
  }

  /** Puts the pages that have changed into a commit of their queue. */
  collect(batch: CommitBatch, queue: number): void {
    for (const page of this.#changed) {
      page.changed = false;
      const { number, count, bits } = page;
      if (count > 0) {
        const value = Buffer.from(bits.buffer, bits.byteOffset, bits.byteLength);
        batch.putRecord("incoming", pageKey(queue, number), value);
      } else {
        batch.deleteRecord("incoming", pageKey(queue, number));
        this.#pages.delete(number);
      }
    }
    this.#changed = [];
  }

  /** Removes all of it from the store. */
  remove(batch: CommitBatch, queue: number): void {
    for (const number of this.#pages.keys()) batch.deleteRecord("incoming", pageKey(queue, number));
    this.#pages.clear();
    this.#changed = [];
    this.#size = 0;
  }

  #toggle(page: Page, packetId: number): void {
    const at = (packetId & 511) >>> 3;
    page.bits[at] = (page.bits[at] ?? 0) ^ (1 << (packetId & 7));
    if (page.changed) return;
    page.changed = true;
    this.#changed.push(page);
  }
}

function pageKey(queue: number, number: number): string {
  return `${queue}/${number}`;
}

const PAGE_KEY = /^([1-9]\d{0,14})\/(\d{1,3})$/;

/** A page in a record of the store, and its queue; undefined when it is none. */
export function decodeIncomingPage(
  key: string,
  value: Buffer,
): { readonly queue: number; readonly page: IncomingPage } | undefined {
  const match = PAGE_KEY.exec(key);
  if (match === null || value.length !== PAGE_BYTES) return undefined;
  const number = Number(match[2]);
  return number < PAGES ? { queue: Number(match[1]), page: { number, bits: value } } : undefined;
}
