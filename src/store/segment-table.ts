/** Segments whose figures stand in one block. */
const BLOCK = 256;

interface Block {
  /** How many reference values point to the segment. Below 0 only while the sweep is counting. */
  readonly users: Int32Array;
  /** References made to it, done ones too. */
  readonly references: Uint32Array;
  /** How many of them are known to be done. */
  readonly done: Uint32Array;
  /** The most users it had. */
  readonly peak: Uint32Array;
  /** Size of its value; 0 when not known. */
  readonly bytes: Uint32Array;
  /** 1: its bodies may be thinned out, new references must not point to it. */
  readonly closed: Uint8Array;
  /** Slots with `users` or `bytes` not 0. */
  inUse: number;
}

/** What is known of a segment. */
export interface SegmentFigures {
  readonly segment: number;
  readonly bytes: number;
  /** An estimate of how much of it is dead, 0 to 1. */
  readonly dead: number;
}

/**
 * How many reference values point to each body segment. Exact for segments of this run; for those of earlier runs only
 * after `counted` (the sweep has seen all references), until then they pass for used. A segment with no users is dead.
 * Dense typed arrays: 21 bytes per segment.
 */
export class SegmentTable {
  readonly #blocks = new Map<number, Block>();
  /** The first segment number of this run: below it, counts come from the sweep. */
  readonly #firstOwn: number;
  #counted: boolean;
  readonly #unused = new Set<number>();

  /** @param firstOwn the first number this run gives; `counted` true if there are no earlier ones */
  constructor(firstOwn: number, counted: boolean) {
    this.#firstOwn = firstOwn;
    this.#counted = counted;
  }

  get firstOwn(): number {
    return this.#firstOwn;
  }

  /** Whether the counts of earlier runs' segments are exact. */
  get counted(): boolean {
    return this.#counted;
  }

  /** Whether a new reference may point to the segment: false when it is gone or about to lose bodies. */
  isUsable(segment: number): boolean {
    const block = this.#blocks.get(Math.floor(segment / BLOCK));
    const known = segment >= this.#firstOwn || this.#counted;
    if (block === undefined) return !known;
    const slot = segment % BLOCK;
    return (block.closed[slot] ?? 0) === 0 && (!known || (block.users[slot] ?? 0) > 0);
  }

  /** One more reference value points to it. */
  use(segment: number): void {
    this.#change(segment, 1);
    this.#unused.delete(segment);
  }

  /** One reference value less. */
  unuse(segment: number): void {
    if (this.#change(segment, -1) === 0 && (this.#counted || segment >= this.#firstOwn)) {
      this.#unused.add(segment);
    }
  }

  /** A reference to it is done though its reference value still stands. */
  markDone(segment: number): void {
    const block = this.#blocks.get(Math.floor(segment / BLOCK));
    const slot = segment % BLOCK;
    if (block !== undefined) block.done[slot] = (block.done[slot] ?? 0) + 1;
  }

  /** That many more references to it. */
  refer(segment: number, count: number): void {
    const block = this.#block(segment);
    const slot = segment % BLOCK;
    block.references[slot] = (block.references[slot] ?? 0) + count;
  }

  references(segment: number): number {
    return this.#blocks.get(Math.floor(segment / BLOCK))?.references[segment % BLOCK] ?? 0;
  }

  /** The size of a segment that was written. */
  sized(segment: number, bytes: number): void {
    const block = this.#block(segment);
    const slot = segment % BLOCK;
    if (block.users[slot] === 0 && block.bytes[slot] === 0) block.inUse++;
    block.bytes[slot] = Math.max(1, bytes);
  }

  /** The segment was rewritten: it holds only what that many references need. */
  rewritten(segment: number, bytes: number, references: number): void {
    this.sized(segment, bytes);
    const block = this.#block(segment);
    const slot = segment % BLOCK;
    block.references[slot] = references;
    block.done[slot] = 0;
    block.peak[slot] = Math.max(0, block.users[slot] ?? 0);
  }

  /** No new reference may point to the segment from now on. */
  closeSegment(segment: number): void {
    this.#block(segment).closed[segment % BLOCK] = 1;
  }

  /** Starts counting the earlier runs' segments from nothing; never again after `endCount`. */
  startCount(): void {
    for (const [number, block] of this.#blocks) {
      for (let slot = 0; slot < BLOCK; slot++) {
        if (number * BLOCK + slot >= this.#firstOwn) continue;
        block.users[slot] = 0;
        block.references[slot] = 0;
      }
    }
  }

  /** Everything has been counted. */
  endCount(): void {
    this.#counted = true;
  }

  /**
   * A segment of an earlier run that exists, with its size and the references once made to it: dead if nothing points
   * to it. To be called after `endCount`; `refer` has counted those that are not done.
   */
  found(segment: number, bytes: number, references: number): void {
    if (this.users(segment) <= 0) {
      this.#unused.add(segment);
      return;
    }
    this.sized(segment, bytes);
    const block = this.#block(segment);
    const slot = segment % BLOCK;
    const needed = block.references[slot] ?? 0;
    block.references[slot] = Math.max(references, needed);
    block.done[slot] = Math.max(0, references - needed);
  }

  /** Size of its value, 0 when not known. */
  bytes(segment: number): number {
    return this.#blocks.get(Math.floor(segment / BLOCK))?.bytes[segment % BLOCK] ?? 0;
  }

  users(segment: number): number {
    return this.#blocks.get(Math.floor(segment / BLOCK))?.users[segment % BLOCK] ?? 0;
  }

  /** Whether a segment waits to be taken by `takeUnused`. */
  get hasUnused(): boolean {
    return this.#unused.size > 0;
  }

  /** Up to `limit` segments that nobody needs, to be deleted: they are forgotten here. */
  takeUnused(limit: number): number[] {
    const taken: number[] = [];
    for (const segment of this.#unused) {
      if (taken.length >= limit) break;
      taken.push(segment);
    }
    for (const segment of taken) {
      this.#unused.delete(segment);
      this.#forget(segment);
    }
    return taken;
  }

  /** The figures of all segments whose size is known. */
  *figures(): Iterable<SegmentFigures> {
    for (const [number, block] of this.#blocks) {
      for (let slot = 0; slot < BLOCK; slot++) {
        const bytes = block.bytes[slot] ?? 0;
        if (bytes === 0) continue;
        const done = (block.done[slot] ?? 0) / Math.max(1, block.references[slot] ?? 0);
        const left = (block.users[slot] ?? 0) / Math.max(1, block.peak[slot] ?? 0);
        yield { segment: number * BLOCK + slot, bytes, dead: Math.min(1, Math.max(done, 1 - left)) };
      }
    }
  }

  #block(segment: number): Block {
    const number = Math.floor(segment / BLOCK);
    let block = this.#blocks.get(number);
    if (block === undefined) {
      block = {
        users: new Int32Array(BLOCK),
        references: new Uint32Array(BLOCK),
        done: new Uint32Array(BLOCK),
        peak: new Uint32Array(BLOCK),
        bytes: new Uint32Array(BLOCK),
        closed: new Uint8Array(BLOCK),
        inUse: 0,
      };
      this.#blocks.set(number, block);
    }
    return block;
  }

  #change(segment: number, by: number): number {
    const block = this.#block(segment);
    const slot = segment % BLOCK;
    const before = block.users[slot] ?? 0;
    const after = before + by;
    block.users[slot] = after;
    if (after > (block.peak[slot] ?? 0)) block.peak[slot] = after;
    if (block.bytes[slot] === 0) {
      if (before === 0) block.inUse++;
      else if (after === 0) block.inUse--;
    }
    return after;
  }

  #forget(segment: number): void {
    const number = Math.floor(segment / BLOCK);
    const block = this.#blocks.get(number);
    if (block === undefined) return;
    const slot = segment % BLOCK;
    if (block.users[slot] !== 0 || block.bytes[slot] !== 0) block.inUse--;
    block.users[slot] = 0;
    block.references[slot] = 0;
    block.done[slot] = 0;
    block.peak[slot] = 0;
    block.bytes[slot] = 0;
    block.closed[slot] = 0;
    if (block.inUse <= 0) this.#blocks.delete(number);
  }
}
