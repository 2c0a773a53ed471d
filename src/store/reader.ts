import type { DatabaseAccess } from "./access.ts";
import { unsealed } from "./checksum.ts";
import type { Damage } from "./damage.ts";
import type { Entry, ScanOptions, Snapshot, TextEntry } from "./database.ts";
import { readHead } from "./head.ts";
import {
  HEAD_RANGE,
  headKey,
  keyNumber,
  queueRange,
  RECORD_PREFIX,
  recordKey,
  recordRange,
  segmentKey,
} from "./keys.ts";
import type { QueueHead, RecordTable, StoredReference, StoredTopics } from "./participant.ts";
import { type Reference, readReferences } from "./reference-record.ts";
import { BodyReader, isSegment } from "./segment.ts";
import type { SegmentCache } from "./segment-cache.ts";
import { Turnstile } from "./turnstile.ts";

/** Segments asked for at once, and the bytes after which a reader is content with fewer references. */
const SEGMENT_GROUP = 64;
const READ_BYTES = 16 * 1024 * 1024;
/** A usual reference has fewer bytes: what is read from disk beyond the limit is read in vain. */
const REFERENCE_BYTES = 12;
/** Queues that are read at the same time: when thousands come back at once, commits must not queue up behind them. */
const READERS = 8;

/** Reads what the store has written. */
export class StoreReader {
  readonly #access: DatabaseAccess;
  readonly #cache: SegmentCache;
  readonly #damage: Damage;
  readonly #turnstile = new Turnstile(READERS);

  constructor(access: DatabaseAccess, cache: SegmentCache, damage: Damage) {
    this.#access = access;
    this.#cache = cache;
    this.#damage = damage;
  }

  references(queue: number, from: number, limit: number, topics: StoredTopics): Promise<StoredReference[]> {
    return this.#turnstile.run(() => this.#references(queue, from, limit, topics));
  }

  #references(queue: number, from: number, limit: number, topics: StoredTopics): Promise<StoredReference[]> {
    return this.#access.read(async (snapshot) => {
      const [value] = await snapshot.get([headKey(queue)]);
      if (value === undefined) return [];
      const head = value instanceof Buffer ? readHead(value) : null;
      const done = new Set(head?.done);
      let next = Math.max(from, head?.doneBelow ?? 0);
      const bodies = new BodyReader(topics);
      for (;;) {
        const wanted = await this.#pick(snapshot, queue, next, limit, done);
        const last = wanted.at(-1);
        if (last === undefined) return [];
        const restored = await this.#restore(snapshot, queue, wanted, bodies);
        if (restored.length > 0) return restored;
        next = last.sequence + 1;
      }
    });
  }

  readHead(queue: number): Promise<QueueHead | null> {
    return this.#access.read(async (snapshot) => {
      const [value] = await snapshot.get([headKey(queue)]);
      return value === undefined ? null : this.#head(snapshot, queue, value);
    });
  }

  heads(): AsyncGenerator<readonly { readonly queue: number; readonly head: QueueHead }[]> {
    const what = this.#tolerant("heads of queues");
    let { gte }: { gte: Buffer } = HEAD_RANGE;
    const convert = async (snapshot: Snapshot, page: readonly Entry[]) => {
      const heads: { queue: number; head: QueueHead }[] = [];
      for (const [key, value] of page) {
        const queue = keyNumber(key);
        heads.push({ queue, head: readHead(value) ?? (await this.#head(snapshot, queue, value)) });
      }
      return heads;
    };
    return this.#access.scan(async function* (snapshot) {
      for await (const page of snapshot.scan({ gte, lt: HEAD_RANGE.lt }, what)) {
        const heads = await convert(snapshot, page);
        gte = headKey((heads.at(-1)?.queue ?? 0) + 1);
        yield heads;
      }
    });
  }

  records(table: RecordTable): AsyncGenerator<readonly { readonly key: string; readonly value: Buffer }[]> {
    const what = this.#tolerant(`${table} records`);
    let { gte }: { gte: Buffer } = recordRange(table);
    const { lt } = recordRange(table);
    const convert = (page: readonly TextEntry[]) => {
      const records: { key: string; value: Buffer }[] = [];
      for (const [whole, value] of page) {
        const key = whole.slice(RECORD_PREFIX);
        const content = unsealed(value) ?? this.#content(recordKey(table, key), value);
        if (content !== null) records.push({ key, value: content });
      }
      return records;
    };
    return this.#access.scan(async function* (snapshot) {
      for await (const page of snapshot.scanTexts({ gte, lt }, what)) {
        gte = recordKey(table, `${page.at(-1)?.[0].slice(RECORD_PREFIX) ?? ""}\0`);
        yield convert(page);
      }
    });
  }

  readRecord(table: RecordTable, key: string): Promise<Buffer | null> {
    return this.#access.read(async (snapshot) => {
      const bytes = recordKey(table, key);
      const [value] = await snapshot.get([bytes]);
      return value === undefined ? null : this.#content(bytes, value);
    });
  }

  #content(key: Buffer, value: Buffer | Error): Buffer | null {
    const content = value instanceof Buffer ? unsealed(value) : null;
    if (content !== null) return content;
    this.#damage.found(key, value instanceof Buffer ? value : null, "it is lost");
    return null;
  }

  #tolerant(what: string): ScanOptions {
    return { onDamage: (error) => this.#damage.unreadable(what, error) };
  }

  /** The head in a value; when it is damaged, one made from what the queue still has. */
  async #head(snapshot: Snapshot, queue: number, value: Buffer | Error): Promise<QueueHead> {
    const head = value instanceof Buffer ? readHead(value) : null;
    if (head !== null) return head;
    const consequence = "messages that were done may be delivered again";
    this.#damage.found(headKey(queue), value instanceof Buffer ? value : null, consequence, false);
    return rebuildHead(snapshot, queue);
  }

  /** The references wanted: not done, in order, from `from` on. */
  async #pick(
    snapshot: Snapshot,
    queue: number,
    from: number,
    limit: number,
    done: ReadonlySet<number>,
  ): Promise<Reference[]> {
    const wanted: Reference[] = [];
    const options = {
      ...this.#tolerant(`references of queue ${queue}`),
      pageEntries: Math.min(limit, 256),
      pageBytes: Math.max(4096, limit * REFERENCE_BYTES),
    };
    for await (const page of snapshot.scan(queueRange(queue, from), options)) {
      for (const [key, value] of page) {
        const references = readReferences(value);
        if (references === null) {
          this.#damage.found(key, value, "messages of that queue are lost");
          continue;
        }
        for (const reference of references) {
          if (reference.sequence < from || done.has(reference.sequence)) continue;
          wanted.push(reference);
          if (wanted.length >= limit) return wanted;
        }
      }
    }
    return wanted;
  }

  /** The references with their messages: as many of the first ones as are read without taking too much memory. */
  async #restore(
    snapshot: Snapshot,
    queue: number,
    wanted: readonly Reference[],
    bodies: BodyReader,
  ): Promise<StoredReference[]> {
    const restored: StoredReference[] = [];
    let lost = 0;
    let bytes = 0;
    let index = 0;
    while (index < wanted.length && bytes < READ_BYTES) {
      const group = new Set<number>();
      let end = index;
      for (; end < wanted.length && group.size < SEGMENT_GROUP; end++) {
        const reference = wanted[end];
        if (reference !== undefined) group.add(reference.segment);
      }
      const segments = await this.#cache.load([...group], snapshot);
      for (const value of segments.values()) bytes += value.length;
      for (; index < end; index++) {
        const reference = wanted[index];
        if (reference === undefined) continue;
        const { sequence, qos, retain, group: via, identifiers, segment, offset } = reference;
        const value = segments.get(segment);
        let message = value === undefined ? null : bodies.read(value, segment, offset);
        if (message === null && value !== undefined) {
          // The cache may hold a thinned form that is younger than this view.
          const [own] = await snapshot.get([segmentKey(segment)], false);
          if (own instanceof Buffer && isSegment(own, segment)) message = bodies.read(own, segment, offset);
        }
        if (message === null) lost++;
        else restored.push({ sequence, qos, retain, group: via, identifiers, message });
      }
    }
    if (lost > 0) this.#damage.lost(queue, lost);
    return restored;
  }
}

/** A head for a queue that has lost its own: everything that is stored counts as not done. */
export async function rebuildHead(snapshot: Snapshot, queue: number): Promise<QueueHead> {
  let first = -1;
  let last = -1;
  let stored = 0;
  for await (const page of snapshot.scan(queueRange(queue, 0))) {
    for (const [, value] of page) {
      for (const { sequence } of readReferences(value) ?? []) {
        if (first < 0) first = sequence;
        last = sequence;
        stored++;
      }
    }
  }
  return {
    doneBelow: Math.max(0, first),
    done: [],
    released: [],
    incoming: [],
    next: last + 1,
    sentBelow: last + 1,
    stored,
  };
}
