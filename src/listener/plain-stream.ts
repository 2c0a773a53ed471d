import type { Socket } from "node:net";
import { giveBlock } from "./block-pool.ts";
import type { ByteStream } from "./byte-stream.ts";

/** A socket as a stream of bytes in the documented way. */
export class PlainStream implements ByteStream {
  readonly headroom = 0;
  readonly #socket: Socket;
  /** A TLS socket reads what was written until it says that it is done, although it may have counted it as taken. */
  readonly #untilDone: boolean;

  constructor(socket: Socket, untilDone: boolean) {
    this.#socket = socket;
    this.#untilDone = untilDone;
  }

  get writableLength(): number {
    return this.#socket.writableLength;
  }

  send(block: Buffer, start: number, end: number): void {
    const socket = this.#socket;
    const bytes = block.subarray(start, end);
    if (this.#untilDone) {
      // Closed with an error somebody may still hold it: it is left to the garbage collector.
      socket.write(bytes, (error) => error ?? giveBlock(block));
      return;
    }
    socket.write(bytes);
    if (socket.writableLength === 0) giveBlock(block);
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  end(): void {
    this.#socket.end();
  }

  destroy(): void {
    this.#socket.destroy();
  }
}
