import type { Logger } from "../log/logger.ts";
import type { DatabaseAccess } from "./access.ts";
import type { Batch } from "./batch.ts";
import type { Snapshot } from "./database.ts";
import { readHead } from "./head.ts";
import { headKey, keyNumber, REFERENCES_RANGE, segmentKey } from "./keys.ts";
import { readReferences } from "./reference-record.ts";
import { isSegment, sparseSegment } from "./segment.ts";
import type { SegmentTable } from "./segment-table.ts";
import type { StoreTimers } from "./timers.ts";

/** How often it is asked whether thinning pays, in milliseconds. */
const INTERVAL = 60_000;
/** A segment is worth it when that much of it is dead, and it is not tiny. */
const DEAD_SHARE = 0.75;
const SMALLEST = 4096;
/** A pass is worth it when that share of all bytes can be had. */
const WORTH_SHARE = 0.25;
/** Segments of one pass, bytes of one commit, and how long it rests after each commit or page as a multiple of the work. */
const PASS_SEGMENTS = 4096;
const COMMIT_BYTES = 512 * 1024;
const REST = 4;
const SHORTEST_REST = 5;

interface Thinned {
  readonly segment: number;
  readonly value: Buffer;
  readonly references: number;
}

/**
 * Gives back the room of dead bodies in segments that a few needed ones keep (one slow subscriber among many can keep
 * fifty times what it has). A mostly dead segment is written again with the needed bodies only, under its own number,
 * where they are found by their old offsets: nothing that refers to it changes. Messages in memory whose body was left
 * out keep their bytes; should one be stored anew, its body goes into a new segment (`SegmentTable.isUsable`).
 */
export class Thinning {
  readonly #access: DatabaseAccess;
  readonly #segments: SegmentTable;
  readonly #timers: StoreTimers;
  readonly #log: Logger;
  readonly #kick: () => void;
  readonly #worth: number;
  #next: number;
  #running = false;
  #stopped = false;
  #pending: Thinned[] = [];
  /** Bytes given back since the start. */
  freed = 0;

  /** @param worth a pass is worth it when that many bytes can be had */
  constructor(
    access: DatabaseAccess,
    segments: SegmentTable,
    timers: StoreTimers,
    log: Logger,
    kick: () => void,
    worth: number,
  ) {
    this.#access = access;
    this.#segments = segments;
    this.#timers = timers;
    this.#log = log;
    this.#kick = kick;
    this.#worth = worth;
    this.#next = timers.now() + INTERVAL;
  }

  get active(): boolean {
    return this.#running;
  }

  get hasPending(): boolean {
    return this.#pending.length > 0;
  }

  stop(): void {
    this.#stopped = true;
  }

  /** Nothing is being written: starts a pass if it is time and it pays. */
  idle(): void {
    if (this.#running || this.#stopped || !this.#segments.counted || this.#timers.now() < this.#next) return;
    const database = this.#access.current;
    if (database === null) return;
    this.#next = this.#timers.now() + INTERVAL;
    const chosen = this.#choose();
    if (chosen.size === 0) return;
    this.#running = true;
    // From here on no new reference points to them: what the view below holds is all there is.
    for (const segment of chosen.keys()) this.#segments.closeSegment(segment);
    void this.#run(database.snapshot(), chosen);
  }

  /** Puts thinned segments into the batch. */
  collect(batch: Batch): void {
    for (const { segment, value, references } of this.#pending) {
      if (this.#segments.users(segment) <= 0) continue;
      this.freed += this.#segments.bytes(segment) - value.length;
      batch.rewriteSegment(segment, value, references);
    }
    this.#pending = [];
  }

  /** The segments to be thinned, with the offsets that are needed (none found yet). */
  #choose(): Map<number, number[]> {
    const chosen = new Map<number, number[]>();
    let total = 0;
    let waste = 0;
    for (const { segment, dead, bytes } of this.#segments.figures()) {
      total += bytes;
      if (dead < DEAD_SHARE || bytes < SMALLEST || chosen.size >= PASS_SEGMENTS) continue;
      chosen.set(segment, []);
      waste += bytes * dead;
    }
    return waste >= this.#worth && waste >= total * WORTH_SHARE ? chosen : new Map<number, number[]>();
  }

  async #run(snapshot: Snapshot, chosen: Map<number, number[]>): Promise<void> {
    const before = this.freed;
    try {
      await this.#findNeeded(snapshot, chosen);
      let bytes = 0;
      for (const [segment, offsets] of chosen) {
        if (this.#stopped) return;
        const [value] = await snapshot.get([segmentKey(segment)], false);
        if (!(value instanceof Buffer) || !isSegment(value, segment)) continue;
        const thinned = sparseSegment(value, offsets);
        this.#pending.push({ segment, value: thinned, references: offsets.length });
        bytes += thinned.length;
        if (bytes < COMMIT_BYTES && this.#pending.length < 256) continue;
        bytes = 0;
        await this.#handOver();
      }
      await this.#handOver();
      this.#log.info(
        "store_thinned",
        `${chosen.size} mostly dead body segments were thinned, ${this.freed - before} bytes less`,
      );
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      if (!this.#stopped)
        this.#log.info("store_thinning", `thinning of stored bodies was cut short: ${reason}`);
    } finally {
      this.#running = false;
      await snapshot.close().catch(() => undefined);
    }
  }

  async #handOver(): Promise<void> {
    while (this.#pending.length > 0 && !this.#stopped) {
      this.#kick();
      await this.#timers.delay(SHORTEST_REST, true);
    }
  }

  /** Looks through all references for those that need a body of a chosen segment. */
  async #findNeeded(snapshot: Snapshot, chosen: Map<number, number[]>): Promise<void> {
    let queue = -1;
    let doneBelow = 0;
    let done: ReadonlySet<number> = new Set();
    let started = this.#timers.now();
    const onDamage = (error: Error) => {
      throw error;
    };
    for await (const page of snapshot.scan(REFERENCES_RANGE, { pageBytes: 128 * 1024, onDamage })) {
      for (const [key, value] of page) {
        if (keyNumber(key) !== queue) {
          queue = keyNumber(key);
          const [stored] = await snapshot.get([headKey(queue)]);
          const head = stored instanceof Buffer ? readHead(stored) : null;
          doneBelow = head?.doneBelow ?? 0;
          done = new Set(head?.done);
        }
        const references = readReferences(value);
        if (references === null) throw new Error("a reference value is damaged");
        for (const { sequence, segment, offset } of references) {
          if (sequence >= doneBelow && !done.has(sequence)) chosen.get(segment)?.push(offset);
        }
      }
      if (this.#stopped) throw new Error("the store is closed");
      await this.#timers.delay(Math.max(SHORTEST_REST, (this.#timers.now() - started) * REST), true);
      started = this.#timers.now();
    }
  }
}
