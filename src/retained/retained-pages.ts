import type { CommitBatch } from "../store/participant.ts";
import {
  deathsKey,
  isDeadIn,
  PAGE_BYTES,
  type PageBuilder,
  pageKey,
  writeDeaths,
} from "../store/retained-page.ts";
import type { RetainedRecords } from "./retained-records.ts";
import { NONE } from "./topic-tree.ts";

/** The place of a record that is to be stored by the next commit. */
const WAITING = 0xffffffff;
/** A page with fewer valid bytes is sparse. */
const SPARSE_BYTES = PAGE_BYTES / 4;
/** So many sparse pages may be; beyond, the oldest of them are put together, down to half of that. */
const MOST_SPARSE = 256;
/** At most about so many records are put together by one commit. */
const MOST_MOVED = 1024;

/** A stored page. */
class RetainedPage {
  readonly number: number;
  /** Where it stands among the pages; what its records remember. */
  readonly slot: number;
  /** The records in it; NONE for one that has been replaced or deleted. */
  readonly addresses: Float64Array;
  live = 0;
  liveBytes = 0;
  /** Something has died since the last commit began. */
  changed = false;
  /** Its deaths are stored too. */
  hasDeaths = false;

  constructor(number: number, slot: number, entries: number) {
    this.number = number;
    this.slot = slot;
    this.addresses = new Float64Array(entries).fill(NONE);
  }
}

/**
 * Where the retained messages of one mountpoint are stored: all that one commit writes stands in as few pages as
 * possible, what dies is noted beside its page, a page without anything valid is deleted, and pages with little are put
 * together. Every record is in one place: it waits for the next commit, or it stands in a page.
 */
export class RetainedPages {
  private readonly mountpoint: string;
  private readonly records: RetainedRecords;
  private readonly builder: PageBuilder;
  private readonly pages: (RetainedPage | undefined)[] = [];
  private readonly freeSlots: number[] = [];
  private readonly sparse = new Set<RetainedPage>();
  /** Records to be stored, and NONE for those that have gone meanwhile. */
  private waiting: number[] = [];
  private changed: RetainedPage[] = [];
  private nextNumber = 0;
  /** Records of the page being built. */
  private building: number[] = [];
  private buildingBytes = 0;

  /** `builder` may be shared. */
  constructor(mountpoint: string, records: RetainedRecords, builder: PageBuilder) {
    this.mountpoint = mountpoint;
    this.records = records;
    this.builder = builder;
  }

  /** Has a new record stored by the next commit. Hot path. */
  add(address: number): void {
    this.records.setPlace(address, WAITING, this.waiting.length);
    this.waiting.push(address);
  }

  /** Takes out a record that is replaced or deleted; it may be freed then. Hot path. */
  remove(address: number): void {
    const { records } = this;
    const slot = records.placeOf(address);
    const index = records.indexOf(address);
    if (slot === WAITING) {
      this.waiting[index] = NONE;
      return;
    }
    const page = this.pages[slot];
    if (page === undefined) throw new Error(`retained messages: no page ${slot}`);
    page.addresses[index] = NONE;
    page.live--;
    page.liveBytes -= records.entrySize(address);
    this.change(page);
  }

  /** Puts everything that has changed into the batch. */
  collect(batch: CommitBatch): void {
    this.gatherSparse();
    const { records, builder, waiting } = this;
    this.waiting = [];
    for (const address of waiting) {
      if (address === NONE) continue;
      const size = records.entrySize(address);
      if (builder.isFullFor(size)) this.endPage(batch);
      const at = builder.reserve(size);
      records.copyEntry(address, size, builder.buffer, at);
      this.building.push(address);
      this.buildingBytes += size;
    }
    this.endPage(batch);
    const { changed } = this;
    this.changed = [];
    for (const page of changed) this.writeDeaths(page, batch);
  }

  /**
   * Takes in a stored page at start-up, as the next one in the order of their numbers. `make` gives the address of the
   * record for the entry that begins there, or NONE if it is not to be taken in.
   */
  restore(
    number: number,
    starts: readonly number[],
    pageBytes: number,
    deaths: Buffer | null,
    make: (start: number) => number,
  ): void {
    const page = this.newPage(number, starts.length);
    page.hasDeaths = deaths !== null;
    for (const [index, start] of starts.entries()) {
      if (deaths !== null && isDeadIn(deaths, index)) continue;
      const address = make(start);
      if (address === NONE) continue;
      page.addresses[index] = address;
      page.live++;
      page.liveBytes += (starts[index + 1] ?? pageBytes) - start;
      this.records.setPlace(address, page.slot, index);
    }
    if (page.live === 0) this.change(page);
    else this.judge(page);
  }

  /** Sees to it that no page gets a number that is in use, or that was when something is left of it. */
  taken(number: number): void {
    this.nextNumber = Math.max(this.nextNumber, number + 1);
  }

  private newPage(number: number, entries: number): RetainedPage {
    const page = new RetainedPage(number, this.freeSlots.pop() ?? this.pages.length, entries);
    this.pages[page.slot] = page;
    this.taken(number);
    return page;
  }

  private endPage(batch: CommitBatch): void {
    const { building, records } = this;
    if (building.length === 0) return;
    const page = this.newPage(this.nextNumber, building.length);
    for (let index = 0; index < building.length; index++) {
      const address = building[index] ?? NONE;
      page.addresses[index] = address;
      records.setPlace(address, page.slot, index);
    }
    page.live = building.length;
    page.liveBytes = this.buildingBytes;
    batch.putRecord("retained", pageKey(this.mountpoint, page.number), this.builder.take());
    building.length = 0;
    this.buildingBytes = 0;
    this.judge(page);
  }

  private change(page: RetainedPage): void {
    if (page.changed) return;
    page.changed = true;
    this.changed.push(page);
  }

  private judge(page: RetainedPage): void {
    if (page.liveBytes < SPARSE_BYTES) this.sparse.add(page);
  }

  private writeDeaths(page: RetainedPage, batch: CommitBatch): void {
    page.changed = false;
    const { addresses, number } = page;
    if (page.live > 0) {
      page.hasDeaths = true;
      const deaths = writeDeaths(addresses.length, (index) => addresses[index] === NONE);
      batch.putRecord("retained", deathsKey(this.mountpoint, number), deaths);
      this.judge(page);
      return;
    }
    batch.deleteRecord("retained", pageKey(this.mountpoint, number));
    if (page.hasDeaths) batch.deleteRecord("retained", deathsKey(this.mountpoint, number));
    this.pages[page.slot] = undefined;
    this.freeSlots.push(page.slot);
    this.sparse.delete(page);
  }

  /** Has the records of the oldest sparse pages stored anew when there are many of these. */
  private gatherSparse(): void {
    const { sparse } = this;
    if (sparse.size <= MOST_SPARSE) return;
    let moved = 0;
    for (const page of sparse) {
      if (sparse.size <= MOST_SPARSE / 2 || moved >= MOST_MOVED) return;
      sparse.delete(page);
      moved += page.live;
      for (const address of page.addresses) if (address !== NONE) this.add(address);
      page.addresses.fill(NONE);
      page.live = 0;
      page.liveBytes = 0;
      this.change(page);
    }
  }
}
