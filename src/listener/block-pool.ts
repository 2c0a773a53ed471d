/** Size of an output block. */
export const BLOCK_SIZE = 16 * 1024;
/** Size of the block that a turn's output starts in: when messages come one at a time it never outgrows it. */
export const FIRST_BLOCK_SIZE = 512;
/** First blocks are cut from slabs of this size, so that many small writes touch few pages. */
const SLAB_SIZE = 64 * 1024;
/** Free blocks kept for reuse; more are left to the garbage collector. */
const MOST_FREE = 512;
const MOST_FREE_FIRST = 16 * 1024;

const free: Buffer[] = [];
const freeFirst: Buffer[] = [];
const outgrown: Buffer[] = [];
let returned = 0;

/** A small block for the first output of a turn, from the pool or new. */
export function takeFirstBlock(): Buffer {
  const block = freeFirst.pop();
  if (block !== undefined) return block;
  const slab = Buffer.allocUnsafeSlow(SLAB_SIZE);
  for (let at = SLAB_SIZE - FIRST_BLOCK_SIZE; at > 0; at -= FIRST_BLOCK_SIZE) {
    freeFirst.push(slab.subarray(at, at + FIRST_BLOCK_SIZE));
  }
  return slab.subarray(0, FIRST_BLOCK_SIZE);
}

/** A block for output, from the pool or new. */
export function takeBlock(): Buffer {
  return free.pop() ?? Buffer.allocUnsafeSlow(BLOCK_SIZE);
}

/** Gives a block back that the kernel has taken whole. Its bytes may be overwritten from now on. */
export function giveBlock(block: Buffer): void {
  returned++;
  keepFree(block);
}

/** Gives a first block back whose bytes have moved to a larger one. Its own stay as they are until `giveOutgrown`. */
export function outgrow(block: Buffer): void {
  outgrown.push(block);
}

/** The blocks that were outgrown in this turn may be overwritten from now on. */
export function giveOutgrown(): void {
  if (outgrown.length === 0) return;
  returned++;
  for (let i = 0; i < outgrown.length; i++) {
    const block = outgrown[i];
    if (block !== undefined) keepFree(block);
  }
  outgrown.length = 0;
}

/** Changes whenever a block was given back: who remembers bytes inside a block must compare it. */
export function blockEpoch(): number {
  return returned;
}

function keepFree(block: Buffer): void {
  if (block.length === FIRST_BLOCK_SIZE) {
    if (freeFirst.length < MOST_FREE_FIRST) freeFirst.push(block);
  } else if (block.length === BLOCK_SIZE && free.length < MOST_FREE) free.push(block);
}
