import { randomInt } from "node:crypto";

/** What an edge leads to. */
export interface EdgeEnd {
  /** Whether the edge that leads here has this name: one level of a filter or topic, `text[start, end)`. */
  isNamed(text: string, start: number, end: number): boolean;
}

/** Whether `known` goes on from `at` with `text[start, end)`. */
export function sameText(known: string, at: number, text: string, start: number, end: number): boolean {
  if (at < 0 || at + end - start > known.length) return false;
  for (let k = at, t = start; t < end; k++, t++) {
    if (known.charCodeAt(k) !== text.charCodeAt(t)) return false;
  }
  return true;
}

/** So many edges share one segment; beyond, there are `SEGMENTS`, each of which grows on its own. */
const ALONE = 4096;
const SEGMENTS = 256;
const SEGMENT_BITS = 8;
const SMALLEST_SEGMENT = 8;

/**
 * One part of the edges: open addressing with linear probing, between an eighth and two thirds full. Hash and node of a slot stand
 * side by side in one typed array, so that a look-up which fails touches one cache line and one that succeeds two.
 */
class Segment<End extends EdgeEnd> {
  /** Per slot: the hash, 0 for free, and the node that the edge begins at. */
  keys: Int32Array;
  ends: (End | null)[];
  mask: number;
  count: number;

  constructor(slots: number) {
    this.keys = new Int32Array(slots * 2);
    this.ends = new Array<End | null>(slots).fill(null);
    this.mask = slots - 1;
    this.count = 0;
  }

  find(hash: number, node: number, text: string, start: number, end: number): number {
    const { keys, mask } = this;
    for (let slot = (hash >>> SEGMENT_BITS) & mask; ; slot = (slot + 1) & mask) {
      const found = keys[slot * 2];
      if (found === 0) return -1;
      if (found !== hash || keys[slot * 2 + 1] !== node) continue;
      if (this.ends[slot]?.isNamed(text, start, end) === true) return slot;
    }
  }

  /** Adds an edge that is not in here. */
  add(hash: number, node: number, end: End): void {
    if (this.count * 3 >= this.ends.length * 2) this.#resize(this.ends.length * 2);
    this.#put(hash, node, end);
  }

  /** Takes an edge out; those behind it that it was in the way of move up. */
  remove(slot: number): void {
    const { keys, ends, mask } = this;
    let free = slot;
    for (let next = (free + 1) & mask; keys[next * 2] !== 0; next = (next + 1) & mask) {
      const home = ((keys[next * 2] ?? 0) >>> SEGMENT_BITS) & mask;
      // It may move when its home does not lie between the free slot and its own.
      if (((next - home) & mask) < ((next - free) & mask)) continue;
      keys[free * 2] = keys[next * 2] ?? 0;
      keys[free * 2 + 1] = keys[next * 2 + 1] ?? 0;
      ends[free] = ends[next] ?? null;
      free = next;
    }
    keys[free * 2] = 0;
    ends[free] = null;
    this.count--;
    if (this.count * 8 < ends.length && ends.length > SMALLEST_SEGMENT) this.#resize(ends.length / 2);
  }

  #put(hash: number, node: number, end: End): void {
    const { keys, mask } = this;
    let slot = (hash >>> SEGMENT_BITS) & mask;
    while (keys[slot * 2] !== 0) slot = (slot + 1) & mask;
    keys[slot * 2] = hash;
    keys[slot * 2 + 1] = node;
    this.ends[slot] = end;
    this.count++;
  }

  #resize(slots: number): void {
    const { keys, ends } = this;
    this.keys = new Int32Array(slots * 2);
    this.ends = new Array<End | null>(slots).fill(null);
    this.mask = slots - 1;
    this.count = 0;
    for (let slot = 0; slot < ends.length; slot++) {
      const end = ends[slot];
      if (end) this.#put(keys[slot * 2] ?? 0, keys[slot * 2 + 1] ?? 0, end);
    }
  }

  *edges(): Generator<readonly [hash: number, node: number, end: End]> {
    for (const [slot, end] of this.ends.entries()) {
      if (end !== null) yield [this.keys[slot * 2] ?? 0, this.keys[slot * 2 + 1] ?? 0, end];
    }
  }
}

/**
 * The named edges of a tree in one hash table: from a node, a number, by the name of a level to what is below. A million
 * of them cost the garbage collector little, and following one costs three cache misses at most where a Map per node
 * costs about eight. Nodes that only differ in their hash by chance are told apart by the ends of the edges.
 */
export class EdgeTable<End extends EdgeEnd> {
  /** Where hashes start, so that collisions cannot be prepared. */
  readonly #seed = randomInt(0x7fffffff);
  #segments: Segment<End>[] = [new Segment(SMALLEST_SEGMENT)];
  #count = 0;
  readonly #hashMask: number;

  /** `hashMask`: for tests, which bits of hashes are used. */
  constructor(hashMask = -1) {
    this.#hashMask = hashMask;
  }

  /** The end of the edge from `node` named `text[start, end)`, or null. */
  get(node: number, text: string, start: number, end: number): End | null {
    const hash = this.#hash(node, text, start, end);
    const segment = this.#segment(hash);
    const slot = segment.find(hash, node, text, start, end);
    return slot < 0 ? null : (segment.ends[slot] ?? null);
  }

  /** The end of the edge from `node` named `text`, which `make` makes when there is none. */
  obtain(node: number, text: string, make: (text: string) => End): End {
    const hash = this.#hash(node, text, 0, text.length);
    const segment = this.#segment(hash);
    const slot = segment.find(hash, node, text, 0, text.length);
    const known = slot < 0 ? undefined : segment.ends[slot];
    if (known) return known;
    const end = make(text);
    this.#add(segment, hash, node, end);
    return end;
  }

  /** Puts an edge; the end of the one that had this name, or null. The new end must answer to the name already. */
  set(node: number, text: string, start: number, end: number, to: End): End | null {
    const hash = this.#hash(node, text, start, end);
    const segment = this.#segment(hash);
    const slot = segment.find(hash, node, text, start, end);
    if (slot >= 0) {
      const before = segment.ends[slot] ?? null;
      segment.ends[slot] = to;
      return before;
    }
    this.#add(segment, hash, node, to);
    return null;
  }

  /** Takes an edge out; false when there was none. */
  delete(node: number, text: string, start: number, end: number): boolean {
    const hash = this.#hash(node, text, start, end);
    const segment = this.#segment(hash);
    const slot = segment.find(hash, node, text, start, end);
    if (slot < 0) return false;
    segment.remove(slot);
    this.#count--;
    return true;
  }

  get size(): number {
    return this.#count;
  }

  #segment(hash: number): Segment<End> {
    const segments = this.#segments;
    const segment = segments[hash & (segments.length - 1)];
    if (segment === undefined) throw new Error("no such segment");
    return segment;
  }

  #add(segment: Segment<End>, hash: number, node: number, end: End): void {
    segment.add(hash, node, end);
    if (++this.#count > ALONE && this.#segments.length === 1) this.#split();
  }

  #split(): void {
    const all = this.#segments[0];
    const slots = Math.max(SMALLEST_SEGMENT, (ALONE / SEGMENTS) * 2);
    this.#segments = Array.from({ length: SEGMENTS }, () => new Segment<End>(slots));
    for (const [hash, node, end] of all?.edges() ?? []) this.#segment(hash).add(hash, node, end);
  }

  /** Never 0. */
  #hash(node: number, text: string, start: number, end: number): number {
    let hash = Math.imul(this.#seed ^ node, 0x85ebca6b);
    hash ^= hash >>> 15;
    for (let i = start; i < end; i++) {
      hash = Math.imul(hash ^ text.charCodeAt(i), 0x9e3779b1);
      hash ^= hash >>> 15;
    }
    hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
    return (hash ^ (hash >>> 16)) & this.#hashMask || 1;
  }
}
