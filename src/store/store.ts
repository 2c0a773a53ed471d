import type { Logger } from "../log/logger.ts";
import { DatabaseAccess } from "./access.ts";
import { Batch } from "./batch.ts";
import { CommitPace } from "./commit-pace.ts";
import { Damage } from "./damage.ts";
import type { Database } from "./database.ts";
import type { Counters } from "./format.ts";
import type {
  CommitParticipant,
  MessageStore,
  QueueHead,
  RecordTable,
  StoredReference,
  StoredTopics,
} from "./participant.ts";
import { QueueRecords } from "./queue-records.ts";
import { StoreReader } from "./reader.ts";
import { loadRecords } from "./record-loader.ts";
import { type HealthListener, PersistentWriter } from "./recovery.ts";
import { SegmentCache } from "./segment-cache.ts";
import { SegmentTable } from "./segment-table.ts";
import { Sweep } from "./sweep.ts";
import { Thinning } from "./thinning.ts";
import type { StoreTimers } from "./timers.ts";

/** What a store needs beside its database. */
export interface StoreContext {
  readonly log: Logger;
  readonly timers: StoreTimers;
  /** Told when the disk refuses writes, and when that is over. */
  readonly onHealth: HealthListener;
  /** Opens the database again after that write error. */
  readonly reopen: (cause: unknown) => Promise<Database>;
  /** Called after the database was closed for good. */
  readonly onClosed: () => Promise<void>;
}

/** How a store behaves; sizes in bytes. */
export interface StoreBehaviour {
  /** Every commit is flushed to the disk (fsync) before it counts as durable. */
  readonly sync: boolean;
  /** Memory for recently read message bodies. */
  readonly segmentCacheBytes: number;
  /** `overloaded` above that many uncommitted bytes. */
  readonly uncommittedLimitBytes: number;
  /** Mostly dead body segments are written again when that many bytes can be given back. */
  readonly thinningBytes: number;
  /** How long `close` tries to write what is left, in milliseconds. */
  readonly closeTimeout: number;
}

/** What the database said when it was opened. */
export interface StoreStart {
  readonly counters: Counters;
  /** There is data of earlier runs, to be looked through in the background. */
  readonly old: boolean;
}

/** Figures for metrics; all count from the start of the process. */
export interface StoreStatistics {
  readonly commits: number;
  readonly failedWrites: number;
  readonly bodies: number;
  readonly references: number;
  readonly bytes: number;
  readonly damagedValues: number;
  readonly lostReferences: number;
  readonly cacheBytes: number;
  /** Bytes given back by writing mostly dead segments again. */
  readonly thinnedBytes: number;
}

/** How many queues have their old references looked up at the same time. */
const LOADS = 16;

/** An exception in a callback must not keep the others from being called; it reaches the process all the same. */
function guarded(call: () => void): void {
  try {
    call();
  } catch (error) {
    process.nextTick(() => {
      throw error;
    });
  }
}

/**
 * The durable store. One commit at a time: while it is written, the next one gathers, so that under load one write
 * carries the work of many turns (group commit), and without load a commit starts at the end of the turn.
 */
export class DurableStore implements MessageStore {
  uncommittedBytes = 0;
  gatheredBytes = 0;
  readonly #timers: StoreTimers;
  readonly #log: Logger;
  readonly #behaviour: StoreBehaviour;
  readonly #onClosed: () => Promise<void>;
  readonly #access: DatabaseAccess;
  readonly #counters: Counters;
  readonly #segments: SegmentTable;
  readonly #records: QueueRecords;
  readonly #batch: Batch;
  readonly #damage: Damage;
  readonly #cache: SegmentCache;
  readonly #reader: StoreReader;
  readonly #writer: PersistentWriter;
  readonly #sweep: Sweep;
  readonly #thinning: Thinning;
  readonly #pace: CommitPace;
  #dirty: CommitParticipant[] = [];
  /** What the running commit has collected, and who is to be called after it. */
  #collected: CommitParticipant[] = [];
  #running: (() => void)[] = [];
  /** To be called after the next commit. */
  #waiting: (() => void)[] = [];
  #relief: (() => void)[] = [];
  /** Somebody waits for the next commit. */
  #urgent = false;
  /** What the running commit took in. */
  #gathered = 0;
  #writing = false;
  #scheduled = false;
  #over = false;
  #loads = 0;
  #closing: Promise<void> | null = null;
  /** The database is being closed: timers that still run change nothing of it any more. */
  #closed = false;
  #commits = 0;
  #bytes = 0;

  constructor(database: Database, start: StoreStart, behaviour: StoreBehaviour, context: StoreContext) {
    const { timers, log } = context;
    this.#timers = timers;
    this.#log = log;
    this.#behaviour = behaviour;
    this.#onClosed = context.onClosed;
    this.#counters = { ...start.counters };
    this.#access = new DatabaseAccess(database);
    this.#segments = new SegmentTable(this.#counters.nextSegment, !start.old);
    this.#records = new QueueRecords(this.#counters.nextQueue);
    this.#batch = new Batch(this.#segments, this.#records, this.#counters);
    this.#damage = new Damage(log);
    this.#cache = new SegmentCache(behaviour.segmentCacheBytes, this.#damage);
    this.#reader = new StoreReader(this.#access, this.#cache, this.#damage);
    this.#writer = new PersistentWriter(
      this.#access,
      context.reopen,
      behaviour.sync,
      timers,
      log,
      context.onHealth,
    );
    const kick = () => this.#kick();
    this.#sweep = new Sweep(this.#access, this.#segments, this.#records, timers, log, kick);
    this.#thinning = new Thinning(this.#access, this.#segments, timers, log, kick, behaviour.thinningBytes);
    this.#pace = new CommitPace(timers, () => this.#continue());
    if (start.old) this.#sweep.request();
  }

  touch(participant: CommitParticipant): void {
    if (!participant.dirty) {
      participant.dirty = true;
      this.#dirty.push(participant);
    }
    if (this.#urgent) return;
    this.#urgent = true;
    if (!this.#scheduled && !this.#writing) this.#schedule();
  }

  touchLater(participant: CommitParticipant): void {
    if (participant.dirty) return;
    participant.dirty = true;
    this.#dirty.push(participant);
    if (!this.#scheduled && !this.#writing && !this.#pace.pausing) this.#schedule();
  }

  whenDurable(callback: () => void): void {
    if (this.#writing && this.#dirty.length === 0 && this.#waiting.length === 0) {
      this.#running.push(callback);
      return;
    }
    this.#waiting.push(callback);
    this.#urgent = true;
    if (!this.#scheduled && !this.#writing) this.#schedule();
  }

  newQueueId(): number {
    return this.#counters.nextQueue++;
  }

  readReferences(
    queue: number,
    from: number,
    limit: number,
    topics: StoredTopics,
  ): Promise<StoredReference[]> {
    return this.#found(this.#reader.references(queue, from, limit, topics));
  }

  readHead(queue: number): Promise<QueueHead | null> {
    return this.#found(this.#reader.readHead(queue));
  }

  heads(): AsyncIterable<readonly { readonly queue: number; readonly head: QueueHead }[]> {
    return this.#reader.heads();
  }

  records(table: RecordTable): AsyncIterable<readonly { readonly key: string; readonly value: Buffer }[]> {
    return this.#reader.records(table);
  }

  readRecord(table: RecordTable, key: string): Promise<Buffer | null> {
    return this.#found(this.#reader.readRecord(table, key));
  }

  get overloaded(): boolean {
    const limit = this.#behaviour.uncommittedLimitBytes;
    if (this.#over) {
      if (this.uncommittedBytes < limit / 2) this.#over = false;
    } else if (this.uncommittedBytes > limit) {
      this.#over = true;
    }
    return this.#over || this.#writer.failing;
  }

  whenRelieved(callback: () => void): void {
    this.#relief.push(callback);
    this.#urgent = true;
    if (!this.#writing && !this.#scheduled) this.#schedule();
  }

  /** Whether the disk takes what is written to it. */
  get healthy(): boolean {
    return !this.#writer.failing;
  }

  /** Whether nothing is left to be done in the background: old data looked through, dead data deleted. */
  get settled(): boolean {
    return !(
      this.#sweep.active ||
      this.#thinning.active ||
      this.#loads > 0 ||
      this.#records.hasWanted ||
      this.#hasOwnWork() ||
      this.#writing
    );
  }

  get statistics(): StoreStatistics {
    return {
      commits: this.#commits,
      failedWrites: this.#writer.failures,
      bodies: this.#batch.bodies,
      references: this.#batch.referenceCount,
      bytes: this.#bytes,
      damagedValues: this.#damage.values,
      lostReferences: this.#damage.lostReferences,
      cacheBytes: this.#cache.bytes,
      thinnedBytes: this.#thinning.freed,
    };
  }

  /**
   * Writes everything that is left and closes the database. Rejects when the disk has refused it for the time allowed:
   * what was not stored was not acknowledged either.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#sweep.stop();
    this.#thinning.stop();
    let late: Error | null = null;
    const flushed = (async () => {
      while (this.#writing || this.#scheduled || this.#dirty.length > 0 || this.#waiting.length > 0) {
        await new Promise<void>((resolve) => this.whenDurable(resolve));
      }
    })();
    const timeout = this.#timers.delay(this.#behaviour.closeTimeout, true).then(() => {
      late = new Error(
        `the message store could not write for ${this.#behaviour.closeTimeout} ms; it is closed without what was not ` +
          "acknowledged",
      );
    });
    await Promise.race([flushed, timeout]);
    const failure: Error | null = late;
    if (failure !== null) this.#writer.abandon(failure);
    this.#closed = true;
    const database = this.#access.close();
    // The next start can do without it: a disk that does not take it is no reason to fail, nor to wait for longer.
    if (failure === null) await Promise.race([database?.settle().catch(() => undefined), timeout]);
    await database?.close();
    await this.#onClosed();
    if (failure !== null) throw failure;
  }

  #schedule(): void {
    if (this.#closed) return;
    this.#scheduled = true;
    this.#timers.immediate(() => this.#commit());
  }

  #hasOwnWork(): boolean {
    return (
      this.#records.hasDead ||
      this.#segments.hasUnused ||
      this.#damage.hasPending ||
      this.#thinning.hasPending
    );
  }

  /** Something of the store's own is to be written. */
  #kick(): void {
    if (!this.#writing && !this.#scheduled && this.#closing === null) this.#schedule();
  }

  #commit(): void {
    this.#scheduled = false;
    if (this.#closed) return;
    this.#urgent = false;
    this.#gathered = this.gatheredBytes;
    this.gatheredBytes = 0;
    this.#pace.begun(this.#gathered, this.uncommittedBytes);
    const batch = this.#batch;
    const collected = this.#dirty;
    this.#dirty = this.#collected;
    this.#collected = collected;
    const waiting = this.#waiting;
    this.#waiting = this.#running;
    this.#running = waiting;
    this.#writing = true;
    batch.begin();
    // Before the others: a damaged record that is removed may be one that is written again now.
    if (this.#damage.hasPending) this.#damage.collect(batch);
    for (const participant of collected) {
      participant.dirty = false;
      participant.collect(batch);
    }
    if (this.#thinning.hasPending) this.#thinning.collect(batch);
    const set = batch.finish();
    if (set.keys.length === 0) {
      this.#committed();
      return;
    }
    this.#commits++;
    this.#bytes += set.bytes;
    this.#writer.write(set).then(
      () => this.#committed(),
      (error: unknown) => this.#log.crash("store", "stored messages were given up", error),
    );
  }

  #committed(): void {
    this.#writing = false;
    this.#pace.ended(this.#gathered);
    const collected = this.#collected;
    const running = this.#running;
    this.#collected = [];
    this.#running = [];
    for (const participant of collected) guarded(() => participant.committed());
    for (const callback of running) guarded(callback);
    this.#idle();
    if (this.#relief.length > 0 && !this.overloaded) {
      const relief = this.#relief;
      this.#relief = [];
      for (const callback of relief) guarded(callback);
    }
    this.#continue();
  }

  /** Starts the next commit when there is something to write, and when nobody waits for it, when it is time. */
  #continue(): void {
    if (this.#scheduled || this.#writing || (this.#pace.pausing && !this.#urgent)) return;
    if (this.#urgent || this.#dirty.length > 0 || this.#waiting.length > 0 || this.#hasOwnWork())
      this.#schedule();
  }

  /** Nothing is being written: what is on disk is what has been decided, a moment for background readers to look. */
  #idle(): void {
    if (this.#closing !== null) return;
    this.#sweep.idle();
    this.#thinning.idle();
    if (!this.#records.hasWanted || this.#loads >= LOADS) return;
    const wanted = this.#records.takeWanted(LOADS - this.#loads);
    if (wanted.length === 0) return;
    this.#loads += wanted.length;
    const database = this.#access.current;
    const generation = this.#access.generation;
    void loadRecords(database, wanted, (queue, records, ended) => {
      this.#loads--;
      const valid = this.#access.generation === generation;
      this.#records.loaded(queue, valid ? records : null, ended);
      this.#kick();
    });
  }

  async #found<T>(reading: Promise<T>): Promise<T> {
    const result = await reading;
    if (this.#damage.hasPending) this.#kick();
    return result;
  }
}
