/** Exact topics, found by their bytes. */
import type { Output } from "./output.ts";

export interface Subscriber {
  output: Output;
  qos: number;
  /** The packet id given last. */
  lastId: number;
}

export class Topic {
  readonly bytes: Buffer;
  readonly hash: number;
  subscribers: Subscriber[] = [];

  constructor(bytes: Buffer, hash: number) {
    this.bytes = bytes;
    this.hash = hash;
  }

  is(hash: number, bytes: Buffer, start: number, end: number): boolean {
    const own = this.bytes;
    if (this.hash !== hash || own.length !== end - start) return false;
    for (let i = 0; i < own.length; i++) if (own[i] !== bytes[start + i]) return false;
    return true;
  }
}

/** Must be a power of two; beyond as many topics the chains get long. */
const BUCKETS = 1 << 16;

export class Topics {
  readonly #buckets: (Topic[] | undefined)[] = new Array(BUCKETS).fill(undefined);

  /** The topic with these bytes, made where there is none yet. */
  find(bytes: Buffer, start: number, end: number): Topic {
    let hash = 0x811c9dc5;
    for (let i = start; i < end; i++) hash = Math.imul(hash ^ (bytes[i] ?? 0), 0x01000193);
    const place = (hash ^ (hash >>> 15)) & (BUCKETS - 1);
    const bucket = this.#buckets[place];
    if (bucket !== undefined) {
      for (const topic of bucket) if (topic.is(hash, bytes, start, end)) return topic;
    }
    const made = new Topic(Buffer.from(bytes.subarray(start, end)), hash);
    if (bucket === undefined) this.#buckets[place] = [made];
    else bucket.push(made);
    return made;
  }
}
