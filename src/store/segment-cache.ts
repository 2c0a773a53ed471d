import type { Damage } from "./damage.ts";
import type { Snapshot } from "./database.ts";
import { segmentKey } from "./keys.ts";
import { isSegment } from "./segment.ts";

/** Recently read body segments, at most so many bytes of them; a segment that is being read is read once. */
export class SegmentCache {
  readonly #limit: number;
  readonly #damage: Damage;
  readonly #cached = new Map<number, Buffer>();
  readonly #loading = new Map<number, Promise<Map<number, Buffer>>>();
  #bytes = 0;

  constructor(limit: number, damage: Damage) {
    this.#limit = limit;
    this.#damage = damage;
  }

  /** Bytes held. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The values of those segments; damaged and missing ones are left out. */
  async load(segments: readonly number[], snapshot: Snapshot): Promise<Map<number, Buffer>> {
    const found = new Map<number, Buffer>();
    const missing: number[] = [];
    let others: Promise<Map<number, Buffer>>[] | null = null;
    for (const segment of segments) {
      const value = this.#cached.get(segment);
      if (value !== undefined) {
        this.#cached.delete(segment);
        this.#cached.set(segment, value);
        found.set(segment, value);
        continue;
      }
      const loading = this.#loading.get(segment);
      if (loading === undefined) {
        missing.push(segment);
        continue;
      }
      others ??= [];
      if (!others.includes(loading)) others.push(loading);
    }
    if (missing.length > 0) {
      const loading = this.#read(missing, snapshot);
      for (const segment of missing) this.#loading.set(segment, loading);
      try {
        for (const [segment, value] of await loading) found.set(segment, value);
      } finally {
        for (const segment of missing) this.#loading.delete(segment);
      }
    }
    if (others === null) return found;
    await Promise.allSettled(others);
    const rest: number[] = [];
    for (const segment of segments) {
      if (found.has(segment)) continue;
      const value = this.#cached.get(segment);
      if (value === undefined) rest.push(segment);
      else found.set(segment, value);
    }
    for (const [segment, value] of await this.#read(rest, snapshot)) found.set(segment, value);
    return found;
  }

  async #read(segments: readonly number[], snapshot: Snapshot): Promise<Map<number, Buffer>> {
    const found = new Map<number, Buffer>();
    if (segments.length === 0) return found;
    const values = await snapshot.get(segments.map(segmentKey), false);
    segments.forEach((segment, index) => {
      const value = values[index];
      if (value === undefined) return;
      if (value instanceof Buffer && isSegment(value, segment)) {
        found.set(segment, value);
        this.#keep(segment, value);
        return;
      }
      const consequence = "messages in it are lost";
      this.#damage.found(segmentKey(segment), value instanceof Buffer ? value : null, consequence);
    });
    return found;
  }

  #keep(segment: number, value: Buffer): void {
    if (value.length > this.#limit || this.#cached.has(segment)) return;
    this.#cached.set(segment, value);
    this.#bytes += value.length;
    for (const [oldest, bytes] of this.#cached) {
      if (this.#bytes <= this.#limit) break;
      this.#cached.delete(oldest);
      this.#bytes -= bytes.length;
    }
  }
}
