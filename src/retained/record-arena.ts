/** Addresses count in units of this many bytes. */
const UNIT = 16;
const SLAB_SIZE = 64 * 1024;
const UNITS_PER_SLAB = SLAB_SIZE / UNIT;
/** A larger block gets a slab of its own size. */
const LARGEST_SHARED = 8 * 1024;

/** The block sizes: each about an eighth larger than the one before. */
const BLOCK_SIZES: readonly number[] = blockSizes();
/** The smallest fitting block size for a number of units. */
const CLASS_OF_UNITS = classOfUnits();

function blockSizes(): number[] {
  const sizes: number[] = [];
  for (let size = 2 * UNIT; size < LARGEST_SHARED; size = Math.ceil((size * 1.125) / UNIT) * UNIT)
    sizes.push(size);
  sizes.push(LARGEST_SHARED);
  return sizes;
}

function classOfUnits(): Uint8Array {
  const classes = new Uint8Array(LARGEST_SHARED / UNIT + 1);
  let sizeClass = 0;
  for (let units = 0; units < classes.length; units++) {
    while ((BLOCK_SIZES[sizeClass] ?? 0) < units * UNIT) sizeClass++;
    classes[units] = sizeClass;
  }
  return classes;
}

const ALONE = -1;
const NO_BLOCK = 0xffffffff;

/** Memory for blocks of one size, or for one large block. */
class Slab {
  readonly buffer: Buffer;
  /** Position in `BLOCK_SIZES`, or `ALONE`. */
  readonly sizeClass: number;
  live = 0;
  /** Offset of the first block that was used and is free; each free block begins with the offset of the next. */
  free = NO_BLOCK;
  /** Offset of the first block never used. */
  fresh = 0;
  /** Where it stands among those of its size that have room, or -1. */
  position = -1;

  constructor(size: number, sizeClass: number) {
    this.buffer = Buffer.allocUnsafeSlow(size);
    this.sizeClass = sizeClass;
  }
}

/**
 * Memory outside the JavaScript heap for many small records, so that a million of them cost the garbage collector
 * nothing. Freed blocks are used again for records of about the same size; empty slabs are given back.
 */
export class RecordArena {
  private readonly slabs: (Slab | undefined)[] = [];
  private readonly freeNumbers: number[] = [];
  /** Per block size: numbers of the slabs with room. */
  private readonly roomy: number[][] = BLOCK_SIZES.map(() => []);
  private reserved = 0;

  /** Bytes taken from the system. */
  get bytes(): number {
    return this.reserved;
  }

  /** The address of a new block of at least `size` bytes: a non-negative integer. Its content is undefined. */
  allocate(size: number): number {
    if (size > LARGEST_SHARED) {
      const number = this.addSlab(new Slab(size, ALONE));
      return number * UNITS_PER_SLAB;
    }
    const sizeClass = CLASS_OF_UNITS[Math.ceil(size / UNIT)] ?? 0;
    const blockSize = BLOCK_SIZES[sizeClass] ?? LARGEST_SHARED;
    const roomy = this.roomy[sizeClass] ?? [];
    let number = roomy[roomy.length - 1];
    if (number === undefined) {
      const slab = new Slab(SLAB_SIZE, sizeClass);
      slab.position = 0;
      number = this.addSlab(slab);
      roomy.push(number);
    }
    const slab = this.slabOf(number);
    let offset = slab.free;
    if (offset !== NO_BLOCK) {
      slab.free = slab.buffer.readUInt32LE(offset);
    } else {
      offset = slab.fresh;
      slab.fresh += blockSize;
    }
    slab.live++;
    if (slab.free === NO_BLOCK && slab.fresh + blockSize > SLAB_SIZE) {
      roomy.pop();
      slab.position = -1;
    }
    return number * UNITS_PER_SLAB + offset / UNIT;
  }

  /** Gives a block back; the address must not be used any more. */
  free(address: number): void {
    const number = Math.floor(address / UNITS_PER_SLAB);
    const slab = this.slabOf(number);
    if (slab.sizeClass === ALONE) {
      this.removeSlab(number, slab);
      return;
    }
    const roomy = this.roomy[slab.sizeClass] ?? [];
    const offset = this.offset(address);
    slab.buffer.writeUInt32LE(slab.free, offset);
    slab.free = offset;
    slab.live--;
    if (slab.position < 0) slab.position = roomy.push(number) - 1;
    // One empty slab of each size is kept, so that a single record coming and going does not cost a slab each time.
    if (slab.live === 0 && roomy.length > 1) {
      const last = roomy.pop();
      if (last !== undefined && last !== number) {
        roomy[slab.position] = last;
        this.slabOf(last).position = slab.position;
      }
      this.removeSlab(number, slab);
    }
  }

  /** The memory that a block stands in. */
  buffer(address: number): Buffer {
    return this.slabOf(Math.floor(address / UNITS_PER_SLAB)).buffer;
  }

  /** Where in that memory the block begins. */
  offset(address: number): number {
    return (address % UNITS_PER_SLAB) * UNIT;
  }

  /** True when the block has memory of its own, which is never used again while anybody holds it. */
  alone(address: number): boolean {
    return this.slabOf(Math.floor(address / UNITS_PER_SLAB)).sizeClass === ALONE;
  }

  private slabOf(number: number): Slab {
    const slab = this.slabs[number];
    if (slab === undefined) throw new Error(`retained messages: no memory slab ${number}`);
    return slab;
  }

  private addSlab(slab: Slab): number {
    const number = this.freeNumbers.pop() ?? this.slabs.length;
    this.slabs[number] = slab;
    this.reserved += slab.buffer.length;
    return number;
  }

  private removeSlab(number: number, slab: Slab): void {
    this.slabs[number] = undefined;
    this.freeNumbers.push(number);
    this.reserved -= slab.buffer.length;
  }
}
