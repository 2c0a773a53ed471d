/** Bytes on their way to sockets: one block and one write per socket and turn. */
import type { Socket } from "node:net";

const BLOCK_SIZE = 16 * 1024;
const MOST_FREE = 512;
const free: Buffer[] = [];

let waiting: Output[] = [];
let flushing: Output[] = [];
let scheduled = false;

function flushAll(): void {
  scheduled = false;
  const outputs = waiting;
  waiting = flushing;
  for (const output of outputs) output.flush();
  outputs.length = 0;
  flushing = outputs;
}

/** What one socket gets. There is no limit: a reader that is too slow costs memory. */
export class Output {
  readonly #socket: Socket;
  #block: Buffer | undefined;
  #used = 0;
  #listed = false;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** Where the next bytes go in the block that `room` gave; `written` says how many there were. */
  get at(): number {
    return this.#used;
  }

  /** A block with room for so many bytes. */
  room(size: number): Buffer {
    if (!this.#listed) {
      this.#listed = true;
      waiting.push(this);
      if (!scheduled) {
        scheduled = true;
        setImmediate(flushAll);
      }
    }
    if (this.#block !== undefined && this.#used + size > this.#block.length) this.#send();
    this.#block ??=
      size > BLOCK_SIZE ? Buffer.allocUnsafeSlow(size) : (free.pop() ?? Buffer.allocUnsafeSlow(BLOCK_SIZE));
    return this.#block;
  }

  written(size: number): void {
    this.#used += size;
  }

  /** Appends a copy of the bytes. */
  copy(from: Buffer, start: number, end: number): void {
    const block = this.room(end - start);
    from.copy(block, this.#used, start, end);
    this.#used += end - start;
  }

  /** Appends an acknowledgement: first byte, length 2, packet id. */
  acknowledge(first: number, id: number): void {
    const block = this.room(4);
    const at = this.#used;
    block[at] = first;
    block[at + 1] = 2;
    block[at + 2] = id >> 8;
    block[at + 3] = id & 255;
    this.#used = at + 4;
  }

  flush(): void {
    this.#listed = false;
    this.#send();
  }

  #send(): void {
    const block = this.#block;
    const used = this.#used;
    this.#block = undefined;
    this.#used = 0;
    if (block === undefined || used === 0 || this.#socket.destroyed) return;
    this.#socket.write(block.subarray(0, used));
    // The kernel has taken everything: nobody refers to the block any more.
    if (this.#socket.writableLength === 0 && block.length === BLOCK_SIZE && free.length < MOST_FREE) {
      free.push(block);
    }
  }
}
