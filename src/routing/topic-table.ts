import { randomInt } from "node:crypto";
import { Topic, type TopicRefusal, type TopicSource } from "../mqtt/topic.ts";
import { checkTopicName } from "../mqtt/topic-name.ts";
import { RecentHashes } from "./recent-hashes.ts";

/**
 * How far a name is looked for from its home slot. A full neighbourhood loses its first entry: the table is a cache,
 * so names made to collide cost their sender a new `Topic` each time and nobody a long search.
 */
const PROBES = 32;
const SMALLEST_TABLE = 256;
/** Names are copied into slabs of this size, so that one of them does not pin a block of the common Buffer pool. */
const SLAB_SIZE = 16 * 1024;
/** What a `Topic` with its cached route takes beside its name, in bytes, roughly; for the limit on bytes. */
const TOPIC_OVERHEAD = 320;

/** From this part of the limits on, a new name must have come before to be kept. */
const FREELY_KEPT = 1 / 16;
/** Names that came lately and are not kept are known by their hash: at most so many. A power of two. */
const RECENT_NAMES = 65_536;

const SLASH = 0x2f;

/** The limits of a topic table. */
export interface TopicTableOptions {
  /** Most levels of a topic name: `topic_max_depth`. Default 10. */
  readonly maximumDepth?: number;
  /** Names per generation. Default 65536. */
  readonly entries?: number;
  /** Memory per generation in bytes, estimated. Default 24 MiB. */
  readonly bytes?: number;
  /** Where the hash starts; random by default, so that collisions cannot be prepared. */
  readonly seed?: number;
}

/** One generation of names: open addressing, linear probing, at most a third full. */
class Generation {
  hashes: Int32Array;
  topics: (Topic | undefined)[];
  mask: number;
  count: number;
  bytes: number;

  constructor() {
    this.hashes = new Int32Array(SMALLEST_TABLE);
    this.topics = new Array<Topic | undefined>(SMALLEST_TABLE).fill(undefined);
    this.mask = SMALLEST_TABLE - 1;
    this.count = 0;
    this.bytes = 0;
  }

  /** Puts in a topic that is not in here. */
  add(topic: Topic, hash: number): void {
    if (this.count * 3 > this.mask) this.grow();
    this.count++;
    this.bytes += size(topic);
    const slot = this.freeSlot(hash);
    const loser = this.topics[slot];
    if (loser !== undefined) {
      this.count--;
      this.bytes -= size(loser);
    }
    this.hashes[slot] = hash;
    this.topics[slot] = topic;
  }

  private freeSlot(hash: number): number {
    let slot = hash & this.mask;
    for (let probe = 0; probe < PROBES; probe++) {
      if (this.topics[slot] === undefined) return slot;
      slot = (slot + 1) & this.mask;
    }
    return hash & this.mask;
  }

  private grow(): void {
    const { hashes, topics } = this;
    const slots = topics.length * 2;
    this.hashes = new Int32Array(slots);
    this.topics = new Array<Topic | undefined>(slots).fill(undefined);
    this.mask = slots - 1;
    this.count = 0;
    this.bytes = 0;
    for (let i = 0; i < topics.length; i++) {
      const topic = topics[i];
      if (topic !== undefined) this.add(topic, hashes[i] ?? 0);
    }
  }
}

function size(topic: Topic): number {
  return TOPIC_OVERHEAD + 3 * topic.bytes.length;
}

/**
 * The topic names of one mountpoint. Bounded, since clients choose names: two generations, of which the older is
 * dropped when the younger is full; a name that is used in time moves into the younger one. Where there are many, one
 * that comes for the first time is not kept at all, so that names used once neither push out those in use nor grow
 * old in memory. A `Topic` that was dropped or not kept stays usable for whoever holds it.
 */
export class TopicTable implements TopicSource {
  private readonly maximumDepth: number;
  private readonly entryLimit: number;
  private readonly byteLimit: number;
  private readonly seed: number;
  private young = new Generation();
  private old = new Generation();
  private readonly recent = new RecentHashes(RECENT_NAMES);
  private slab = Buffer.alloc(0);
  private slabUsed = 0;

  constructor(options: TopicTableOptions = {}) {
    this.maximumDepth = options.maximumDepth ?? 10;
    this.entryLimit = options.entries ?? 65_536;
    this.byteLimit = options.bytes ?? 24 * 1024 * 1024;
    this.seed = options.seed ?? randomInt(0x7fffffff);
  }

  /** How many names are held in both generations. */
  get count(): number {
    return this.young.count + this.old.count;
  }

  /** Memory held by them, in bytes, estimated. */
  get bytes(): number {
    return this.young.bytes + this.old.bytes;
  }

  /** See `TopicSource.intern`. */
  intern(buffer: Buffer, start: number, end: number): Topic | TopicRefusal {
    const hash = this.hash(buffer, start, end);
    const known = search(this.young, hash, buffer, start, end);
    return known !== undefined ? known : this.admit(hash, buffer, start, end);
  }

  /**
   * The topic of a name that was valid when it was accepted (stored messages, wills) or is the broker's own. The
   * limit on levels does not apply: it may have been lowered since.
   * @throws RangeError when it is no topic name at all.
   */
  internText(text: string): Topic {
    const bytes = Buffer.from(text);
    const hash = this.hash(bytes, 0, bytes.length);
    const known = this.find(hash, bytes, 0, bytes.length);
    if (known !== undefined) return known;
    const depth = checkTopicName(bytes, 0, bytes.length, Number.POSITIVE_INFINITY);
    if (typeof depth === "string") throw new RangeError(`not a topic name (${depth}): ${text.slice(0, 100)}`);
    const topic = this.make(text, bytes, 0, bytes.length, depth);
    if (this.worthKeeping(hash)) this.insert(topic, hash);
    return topic;
  }

  /**
   * The topic of a name that is known to be valid, for reading many retained messages: what is not in the table
   * is only put there while there is plenty of room, so that a long read does not push out the names in use.
   */
  lookUp(buffer: Buffer, start: number, end: number): Topic {
    const hash = this.hash(buffer, start, end);
    const known = this.find(hash, buffer, start, end);
    if (known !== undefined) return known;
    let depth = 1;
    for (let i = start; i < end; i++) if (buffer[i] === SLASH) depth++;
    const topic = this.make(buffer.toString("utf8", start, end), buffer, start, end, depth);
    // Who reads many retained messages is rarely the only one to do so: they need not have come before.
    if (this.hasRoom(1 / 2)) this.insert(topic, hash);
    return topic;
  }

  /** Four bytes at a time; the slot is taken from the low bits, so at the end every bit is mixed into them. */
  private hash(buffer: Buffer, start: number, end: number): number {
    let hash = this.seed ^ (end - start);
    let i = start;
    for (const whole = end - 3; i < whole; i += 4) {
      const four =
        (buffer[i] ?? 0) |
        ((buffer[i + 1] ?? 0) << 8) |
        ((buffer[i + 2] ?? 0) << 16) |
        ((buffer[i + 3] ?? 0) << 24);
      hash = Math.imul(hash ^ four, 0x9e3779b1);
      hash ^= hash >>> 15;
    }
    for (; i < end; i++) hash = Math.imul(hash ^ (buffer[i] ?? 0), 0x9e3779b1);
    hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
    hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
    return hash ^ (hash >>> 16);
  }

  /** Looks in both generations; what is found in the old one moves to the young one. */
  private find(hash: number, buffer: Buffer, start: number, end: number): Topic | undefined {
    const young = search(this.young, hash, buffer, start, end);
    if (young !== undefined) return young;
    const old = search(this.old, hash, buffer, start, end);
    if (old !== undefined) this.insert(old, hash);
    return old;
  }

  /** A name that is not in the young generation: from the old one, or checked and new. */
  private admit(hash: number, buffer: Buffer, start: number, end: number): Topic | TopicRefusal {
    const old = search(this.old, hash, buffer, start, end);
    if (old !== undefined) {
      this.insert(old, hash);
      return old;
    }
    const depth = checkTopicName(buffer, start, end, this.maximumDepth);
    if (typeof depth === "string") return depth;
    const topic = this.make(buffer.toString("utf8", start, end), buffer, start, end, depth);
    if (this.worthKeeping(hash)) this.insert(topic, hash);
    return topic;
  }

  /** Whether the young generation holds less than that part of what it may. */
  private hasRoom(part: number): boolean {
    return this.young.count < this.entryLimit * part && this.young.bytes < this.byteLimit * part;
  }

  /** Whether a new name is to be kept: while there are few, or when it came before. */
  private worthKeeping(hash: number): boolean {
    return this.hasRoom(FREELY_KEPT) || this.recent.meet(hash);
  }

  private make(text: string, buffer: Buffer, start: number, end: number, depth: number): Topic {
    const length = end - start;
    let bytes: Buffer;
    if (length > SLAB_SIZE / 8) {
      bytes = Buffer.allocUnsafeSlow(length);
    } else {
      if (this.slab.length - this.slabUsed < length) {
        this.slab = Buffer.allocUnsafeSlow(SLAB_SIZE);
        this.slabUsed = 0;
      }
      bytes = this.slab.subarray(this.slabUsed, this.slabUsed + length);
      this.slabUsed += length;
    }
    buffer.copy(bytes, 0, start, end);
    return new Topic(text, bytes, depth);
  }

  private insert(topic: Topic, hash: number): void {
    if (this.young.count >= this.entryLimit || this.young.bytes >= this.byteLimit) {
      this.old = this.young;
      this.young = new Generation();
    }
    topic.lasting = true;
    this.young.add(topic, hash);
  }
}

/** The topic of these bytes in one generation. Hot path. */
function search(
  table: Generation,
  hash: number,
  buffer: Buffer,
  start: number,
  end: number,
): Topic | undefined {
  const { hashes, topics, mask } = table;
  const length = end - start;
  let slot = hash & mask;
  for (let probe = 0; probe < PROBES; probe++) {
    const topic = topics[slot];
    if (topic === undefined) return undefined;
    if (hashes[slot] === hash) {
      const bytes = topic.bytes;
      if (bytes.length === length) {
        let i = 0;
        while (i < length && bytes[i] === buffer[start + i]) i++;
        if (i === length) return topic;
      }
    }
    slot = (slot + 1) & mask;
  }
  return undefined;
}
