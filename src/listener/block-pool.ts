/** Size of an output block. */
export const BLOCK_SIZE = 16 * 1024;
/** Free blocks kept for reuse; more are left to the garbage collector. */
const MOST_FREE = 512;

const free: Buffer[] = [];
let returned = 0;

/** A block for output, from the pool or new. */
export function takeBlock(): Buffer {
  return free.pop() ?? Buffer.allocUnsafeSlow(BLOCK_SIZE);
}

/** Gives a block back that the kernel has taken whole. Its bytes may be overwritten from now on. */
export function giveBlock(block: Buffer): void {
  returned++;
  if (block.length === BLOCK_SIZE && free.length < MOST_FREE) free.push(block);
}

/** Changes whenever a block was given back: who remembers bytes inside a block must compare it. */
export function blockEpoch(): number {
  return returned;
}
