import type { Logger } from "../log/logger.ts";
import type { DatabaseAccess } from "./access.ts";
import { CHECKSUM_BYTES, isSealed } from "./checksum.ts";
import type { Entry, Snapshot } from "./database.ts";
import { readHead } from "./head.ts";
import { DIRECTORY_RANGE, headKey, type KeyRange, keyNumber, keySequence, REFERENCES_RANGE } from "./keys.ts";
import type { QueueRecords } from "./queue-records.ts";
import { readReferences } from "./reference-record.ts";
import type { SegmentTable } from "./segment-table.ts";
import type { StoreTimers } from "./timers.ts";

/** The sweep rests this many times as long as a page took. */
const REST = 4;
const SHORTEST_REST = 5;
/** Before it starts, so that clients that reconnect after a restart come first; and after a failure. */
const START_DELAY = 2000;
const PAGE_BYTES = 128 * 1024;

/**
 * Looks through the data of earlier runs in the background: counts who needs which segment, so that segments nobody
 * needs can be deleted, and finds references that are done or whose queue is gone.
 */
export class Sweep {
  readonly #access: DatabaseAccess;
  readonly #segments: SegmentTable;
  readonly #records: QueueRecords;
  readonly #timers: StoreTimers;
  readonly #log: Logger;
  readonly #kick: () => void;
  #requested = false;
  #running = false;
  #awaited = false;
  #stopped = false;

  constructor(
    access: DatabaseAccess,
    segments: SegmentTable,
    records: QueueRecords,
    timers: StoreTimers,
    log: Logger,
    kick: () => void,
  ) {
    this.#access = access;
    this.#segments = segments;
    this.#records = records;
    this.#timers = timers;
    this.#log = log;
    this.#kick = kick;
  }

  /** Whether there is something left to look through. */
  get active(): boolean {
    return this.#awaited && !this.#stopped;
  }

  /** Has the sweep done soon. */
  request(): void {
    this.#awaited = true;
    void this.#timers.delay(START_DELAY, true).then(() => {
      if (this.#stopped) return;
      this.#requested = true;
      this.#kick();
    });
  }

  stop(): void {
    this.#stopped = true;
  }

  /** Nothing is being written: a sweep that was asked for starts now, with a view of this moment. */
  idle(): void {
    if (!this.#requested || this.#running || this.#stopped) return;
    const database = this.#access.current;
    if (database === null) return;
    this.#requested = false;
    this.#running = true;
    const snapshot = database.snapshot();
    // From here on every change is counted as it is made; the view gives what there was before.
    if (!this.#segments.counted) this.#segments.startCount();
    void this.#run(snapshot);
  }

  async #run(snapshot: Snapshot): Promise<void> {
    try {
      if (!this.#segments.counted) {
        await this.#count(snapshot);
        if (this.#stopped) return;
        this.#segments.endCount();
      }
      await this.#find(snapshot);
      this.#awaited = false;
    } catch (error) {
      if (this.#stopped) return;
      const reason = error instanceof Error ? error.message : String(error);
      this.#log.info(
        "store_sweep",
        `looking through the stored messages was cut short and starts again: ${reason}`,
      );
      this.request();
    } finally {
      this.#running = false;
      await snapshot.close().catch(() => undefined);
    }
  }

  async #count(snapshot: Snapshot): Promise<void> {
    let queue = -1;
    let doneBelow = 0;
    let done: ReadonlySet<number> = new Set();
    let gone = false;
    const onDamage = (error: Error) => {
      // What cannot be read may point to anything: nothing of earlier runs is deleted in this run.
      this.#stopped = true;
      this.#log.warning(
        "store_sweep",
        `a part of the message store cannot be read, nothing in it is tidied up: ${error.message}`,
      );
    };
    for await (const page of this.#pages(snapshot, REFERENCES_RANGE, onDamage)) {
      for (const [key, value] of page) {
        if (keyNumber(key) !== queue) {
          queue = keyNumber(key);
          const [stored] = await snapshot.get([headKey(queue)]);
          const head = stored instanceof Buffer ? readHead(stored) : null;
          gone = stored === undefined;
          doneBelow = head?.doneBelow ?? 0;
          done = new Set(head?.done);
          if (gone) this.#records.remove(queue);
        }
        if (!gone && keySequence(key) < doneBelow) this.#records.doneBelow(queue, doneBelow);
        this.#countRecord(value, doneBelow, done);
      }
      if (this.#stopped) return;
      if (this.#records.hasDead) this.#kick();
    }
  }

  #countRecord(value: Buffer, doneBelow: number, done: ReadonlySet<number>): void {
    const seen = new Set<number>();
    for (const { segment, sequence } of readReferences(value) ?? []) {
      if (segment >= this.#segments.firstOwn) continue;
      if (!seen.has(segment)) {
        seen.add(segment);
        this.#segments.use(segment);
      }
      if (sequence >= doneBelow && !done.has(sequence)) this.#segments.refer(segment, 1);
    }
  }

  /** Finds the segments there are: those that nobody needs are deleted. */
  async #find(snapshot: Snapshot): Promise<void> {
    for await (const page of this.#pages(snapshot, DIRECTORY_RANGE)) {
      for (const [key, value] of page) {
        const segment = keyNumber(key);
        if (segment < 0 || segment >= this.#segments.firstOwn) continue;
        const sealed = isSealed(value) && value.length === 8 + CHECKSUM_BYTES;
        this.#segments.found(
          segment,
          sealed ? value.readUInt32BE(0) : 1,
          sealed ? value.readUInt32BE(4) : this.#segments.references(segment),
        );
      }
      if (this.#stopped) return;
      if (this.#segments.hasUnused) this.#kick();
    }
  }

  async *#pages(
    snapshot: Snapshot,
    range: KeyRange,
    onDamage: (error: Error) => void = () => undefined,
  ): AsyncGenerator<readonly Entry[]> {
    let started = this.#timers.now();
    for await (const page of snapshot.scan(range, { pageBytes: PAGE_BYTES, onDamage })) {
      yield page;
      const took = this.#timers.now() - started;
      await this.#timers.delay(Math.max(SHORTEST_REST, took * REST), true);
      started = this.#timers.now();
    }
  }
}
