import type { Message } from "../mqtt/message.ts";
import { ByteWriter } from "./byte-writer.ts";
import { CHECKSUM_BYTES, seal } from "./checksum.ts";
import { WriteSet } from "./database.ts";
import { type Counters, writeCounters } from "./format.ts";
import { writeHead } from "./head.ts";
import {
  COUNTERS_KEY,
  directoryKey,
  headKey,
  recordKey,
  referencesKey,
  segmentKey,
  writeHeadKey,
  writeReferencesKey,
} from "./keys.ts";
import type { CommitBatch, QueueHead, RecordTable } from "./participant.ts";
import type { QueueRecords } from "./queue-records.ts";
import { writeReference } from "./reference-record.ts";
import { beginSegment, bodySize, endSegment, writeBody } from "./segment.ts";
import type { SegmentTable } from "./segment-table.ts";

/**
 * A segment is closed when it would grow beyond this. Small enough that one needed body pins little, large enough that
 * a put costs nothing per message.
 */
const SEGMENT_BYTES = 64 * 1024;
/** A reference value is closed after this many entries or this many segments. */
const RECORD_ENTRIES = 1024;
const RECORD_SEGMENTS = 32;
/** At most so many reference values and segments are deleted by one commit; the rest by the next. */
const DELETIONS = 8192;

/** Builds the write of one commit. One object serves all commits, one after the other. */
export class Batch implements CommitBatch {
  readonly #segments: SegmentTable;
  readonly #records: QueueRecords;
  readonly #counters: Counters;
  readonly #set = new WriteSet();
  readonly #keys = new ByteWriter();
  readonly #values = new ByteWriter();
  readonly #references = new ByteWriter();
  readonly #bodies = new ByteWriter(2 * SEGMENT_BYTES);
  readonly #newSegments: number[] = [];
  /** Segments from here on are made by this batch. */
  #firstSegment = 0;
  /** The segment being built, or 0. */
  #segment = 0;
  /** The reference value being built: its queue, or 0; its last entry; its segments. */
  #queue = 0;
  #entries = 0;
  #last = 0;
  #lastSegment = 0;
  #recordSegments: number[] = [];
  /** References to `#lastSegment` not told to the segment table yet. */
  #referred = 0;
  #savedSegment = 0;
  #savedQueue = 0;
  /** Bodies and references put into batches since the start. */
  bodies = 0;
  referenceCount = 0;

  constructor(segments: SegmentTable, records: QueueRecords, counters: Counters) {
    this.#segments = segments;
    this.#records = records;
    this.#counters = counters;
    this.#savedSegment = counters.nextSegment;
    this.#savedQueue = counters.nextQueue;
  }

  /** Starts a new batch; the bytes of the one before are invalid from now on. */
  begin(): void {
    this.#set.clear();
    this.#keys.rewind();
    this.#values.rewind();
    this.#references.rewind();
    this.#bodies.rewind();
    this.#newSegments.length = 0;
    this.#firstSegment = this.#counters.nextSegment;
  }

  reference(
    queue: number,
    sequence: number,
    qos: number,
    retain: boolean,
    group: number,
    identifiers: readonly number[] | null,
    message: Message,
  ): void {
    if (queue !== this.#queue) {
      this.#endRecord();
      this.#queue = queue;
    } else if (this.#entries >= RECORD_ENTRIES || this.#recordSegments.length >= RECORD_SEGMENTS) {
      this.#endRecord();
      this.#queue = queue;
    }
    let segment = message.segment;
    if (segment === 0 || (segment < this.#firstSegment && !this.#segments.isUsable(segment))) {
      segment = this.#store(message);
      // One reference value per new segment, so that a long one does not keep many segments.
      if (this.#entries > 0 && segment !== this.#lastSegment && this.#lastSegment >= this.#firstSegment) {
        this.#endRecord();
        this.#queue = queue;
      }
    }
    writeReference(
      this.#references,
      this.#last,
      this.#entries === 0 ? 0 : this.#lastSegment,
      sequence,
      qos,
      retain,
      group,
      identifiers,
      segment,
      message.segmentOffset,
    );
    if (segment !== this.#lastSegment || this.#entries === 0) {
      this.#flushReferred();
      this.#lastSegment = segment;
      if (!this.#recordSegments.includes(segment)) this.#recordSegments.push(segment);
    }
    this.#referred++;
    this.#entries++;
    this.#last = sequence;
    this.referenceCount++;
  }

  head(queue: number, head: QueueHead): void {
    this.#endRecord();
    this.#set.put(writeHeadKey(this.#keys, queue), writeHead(this.#values, head));
    this.#records.doneBelow(queue, head.doneBelow);
  }

  release(_queue: number, _sequence: number, segment: number): void {
    if (segment !== 0) this.#segments.markDone(segment);
  }

  removeQueue(queue: number): void {
    this.#endRecord();
    this.#set.delete(headKey(queue));
    this.#records.remove(queue);
  }

  putRecord(table: RecordTable, key: string, value: Buffer): void {
    const values = this.#values;
    values.reserve(value.length + CHECKSUM_BYTES);
    values.bytes(value, 0, value.length);
    this.#set.put(recordKey(table, key), seal(values));
  }

  deleteRecord(table: RecordTable, key: string): void {
    this.#set.delete(recordKey(table, key));
  }

  /** Writes a segment again with fewer bodies, needed by that many references. The value must stay as it is. */
  rewriteSegment(segment: number, value: Buffer, references: number): void {
    this.#set.put(segmentKey(segment), value);
    this.#segments.rewritten(segment, value.length, references);
    this.#newSegments.push(segment);
  }

  /** Puts something of the store's own: both buffers must stay as they are until the batch is written. */
  put(key: Buffer, value: Buffer): void {
    this.#set.put(key, value);
  }

  delete(key: Buffer): void {
    this.#set.delete(key);
  }

  /** The whole write; empty when there is nothing to do. Valid until `begin`. */
  finish(): WriteSet {
    this.#endRecord();
    this.#endSegment();
    for (const segment of this.#newSegments) {
      this.#values.reserve(8);
      this.#values.u32(this.#segments.bytes(segment));
      this.#values.u32(this.#segments.references(segment));
      this.#set.put(directoryKey(segment), seal(this.#values));
    }
    if (this.#records.hasDead) {
      for (const { queue, last, segments } of this.#records.take(DELETIONS)) {
        this.#set.delete(referencesKey(queue, last));
        for (const segment of segments) this.#segments.unuse(segment);
      }
    }
    if (this.#segments.hasUnused) {
      for (const segment of this.#segments.takeUnused(DELETIONS)) {
        this.#set.delete(segmentKey(segment));
        this.#set.delete(directoryKey(segment));
      }
    }
    const { nextQueue, nextSegment } = this.#counters;
    if (nextSegment !== this.#savedSegment || nextQueue !== this.#savedQueue) {
      this.#savedSegment = nextSegment;
      this.#savedQueue = nextQueue;
      this.#set.put(COUNTERS_KEY, writeCounters(this.#values, this.#counters));
    }
    return this.#set;
  }

  /** Puts the body into the segment being built; gives the segment's number. */
  #store(message: Message): number {
    const bodies = this.#bodies;
    if (this.#segment !== 0 && bodies.position - bodies.start + bodySize(message) > SEGMENT_BYTES) {
      this.#endSegment();
    }
    if (this.#segment === 0) {
      this.#segment = this.#counters.nextSegment++;
      beginSegment(bodies, this.#segment);
    }
    message.segmentOffset = writeBody(bodies, message);
    message.segment = this.#segment;
    this.bodies++;
    return this.#segment;
  }

  #endSegment(): void {
    const segment = this.#segment;
    if (segment === 0) return;
    this.#segment = 0;
    const value = endSegment(this.#bodies);
    this.#set.put(segmentKey(segment), value);
    this.#segments.sized(segment, value.length);
    this.#newSegments.push(segment);
  }

  #flushReferred(): void {
    if (this.#referred > 0) this.#segments.refer(this.#lastSegment, this.#referred);
    this.#referred = 0;
  }

  #endRecord(): void {
    const queue = this.#queue;
    if (queue === 0) return;
    this.#flushReferred();
    this.#set.put(writeReferencesKey(this.#keys, queue, this.#last), seal(this.#references));
    for (const segment of this.#recordSegments) this.#segments.use(segment);
    this.#records.added(queue, this.#last, this.#recordSegments);
    this.#recordSegments = [];
    this.#queue = 0;
    this.#entries = 0;
  }
}
