const SMALLEST = 256;

/**
 * Hashes that came lately, for telling what comes again from what comes once. One place per hash, the last one wins;
 * the table grows with what comes, up to `limit` places (a power of two). A wrong answer either way is possible and rare.
 */
export class RecentHashes {
  private readonly limit: number;
  private hashes: Int32Array;
  private mask: number;
  /** How many have come since the table has its size. */
  private came = 0;

  constructor(limit: number) {
    this.limit = limit;
    this.hashes = new Int32Array(Math.min(SMALLEST, limit));
    this.mask = this.hashes.length - 1;
  }

  /** Whether this hash came lately; it has now. */
  meet(hash: number): boolean {
    const place = hash & this.mask;
    if (this.hashes[place] === hash) return true;
    this.hashes[place] = hash;
    if (++this.came > this.mask && this.hashes.length < this.limit) this.grow();
    return false;
  }

  private grow(): void {
    const { hashes } = this;
    this.hashes = new Int32Array(hashes.length * 2);
    this.mask = this.hashes.length - 1;
    this.came = 0;
    for (const hash of hashes) this.hashes[hash & this.mask] = hash;
  }
}
