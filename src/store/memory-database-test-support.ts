import {
  type Database,
  type Entry,
  type ScanOptions,
  type Snapshot,
  type TextEntry,
  WriteSet,
} from "./database.ts";
import type { KeyRange } from "./keys.ts";

const PAGE_ENTRIES = 1000;

/** An ordered map of bytes, with views of moments. */
type Data = ReadonlyMap<string, Buffer>;

function text(key: Buffer): string {
  return key.toString("latin1");
}

class MemorySnapshot implements Snapshot {
  readonly #data: Data;
  readonly #database: MemoryDatabase;

  constructor(data: Data, database: MemoryDatabase) {
    this.#data = data;
    this.#database = database;
  }

  async get(keys: readonly Buffer[]): Promise<(Buffer | undefined)[]> {
    await this.#database.turn();
    return keys.map((key) => this.#data.get(text(key)));
  }

  async *scan(range: KeyRange, options: ScanOptions = {}): AsyncGenerator<readonly Entry[]> {
    const from = text(range.gte);
    const to = text(range.lt);
    const keys = [...this.#data.keys()].filter((key) => key >= from && key < to).sort();
    if (options.reverse === true) keys.reverse();
    const size = Math.min(options.pageEntries ?? PAGE_ENTRIES, this.#database.pageEntries);
    for (let i = 0; i < keys.length; i += size) {
      await this.#database.turn();
      yield keys
        .slice(i, i + size)
        .map((key) => [Buffer.from(key, "latin1"), this.#data.get(key) ?? Buffer.alloc(0)] as const);
    }
  }

  async *scanTexts(range: KeyRange, options: ScanOptions = {}): AsyncGenerator<readonly TextEntry[]> {
    for await (const page of this.scan(range, options)) {
      yield page.map(([key, value]) => [key.toString("utf8"), value] as const);
    }
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

/**
 * A database in memory for tests: ordered and atomic like the real one, and it can be told to fail. Writes end in a
 * later turn of the event loop, as real ones do.
 */
export class MemoryDatabase implements Database {
  #data: Map<string, Buffer>;
  #closed = false;
  /** Thrown by writes while set. */
  failure: Error | null = null;
  /** How many writes have succeeded, and how many of them were to be flushed to the disk. */
  writes = 0;
  flushes = 0;
  /** How many times `settle` was called. */
  settled = 0;
  /** Called when a write has taken effect, before its promise resolves. */
  onApplied: () => void = () => undefined;
  /** How many turns of the event loop the next read or write takes; they overtake each other when that varies. */
  latency: () => number = () => 1;
  /** No page of a scan has more entries. */
  pageEntries = PAGE_ENTRIES;
  /** When set, writes wait for it before they do anything. */
  gate: Promise<void> | null = null;

  constructor(data: Data = new Map()) {
    this.#data = new Map(data);
  }

  /** What is written, as another database: what a new start after a crash would find. */
  copy(): MemoryDatabase {
    const copy = new MemoryDatabase(this.#data);
    copy.latency = this.latency;
    copy.pageEntries = this.pageEntries;
    return copy;
  }

  /** All keys and values. */
  get data(): Data {
    return this.#data;
  }

  /** Puts bytes below the store, to damage it. */
  poke(key: Buffer, value: Buffer | null): void {
    const set = new WriteSet();
    if (value === null) set.delete(key);
    else set.put(key, value);
    this.#apply(set);
  }

  async turn(): Promise<void> {
    for (let turns = this.latency(); turns > 0; turns--) {
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
    if (this.#closed) throw new Error("the database is closed");
  }

  async write(set: WriteSet, sync: boolean): Promise<void> {
    // Like the real one: the bytes are taken at once, the result comes later.
    const taken = new WriteSet();
    set.keys.forEach((key, index) => {
      const value = set.values[index];
      if (value === null || value === undefined) taken.delete(Buffer.from(key));
      else taken.put(Buffer.from(key), Buffer.from(value));
    });
    if (this.gate !== null) await this.gate;
    await this.turn();
    if (this.failure !== null) throw this.failure;
    this.#apply(taken);
    this.writes++;
    if (sync) this.flushes++;
    this.onApplied();
  }

  async settle(): Promise<void> {
    if (this.gate !== null) await this.gate;
    await this.turn();
    if (this.failure !== null) throw this.failure;
    this.settled++;
  }

  snapshot(): Snapshot {
    if (this.#closed) throw new Error("the database is closed");
    return new MemorySnapshot(new Map(this.#data), this);
  }

  close(): Promise<void> {
    this.#closed = true;
    return Promise.resolve();
  }

  /** Usable again after `close`, with the same data. */
  reopen(): this {
    this.#closed = false;
    return this;
  }

  #apply(set: WriteSet): void {
    set.keys.forEach((key, index) => {
      const value = set.values[index];
      if (value === null || value === undefined) this.#data.delete(text(key));
      else this.#data.set(text(key), value);
    });
  }
}
