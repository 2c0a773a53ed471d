import type { Socket } from "node:net";
import { giveBlock } from "./block-pool.ts";
import { HandleStream } from "./handle-stream.ts";
import { handleOf, isWriteHandle } from "./socket-handle.ts";
import { streamState, type WriteRequest } from "./stream-state.ts";

/** The end of a block that waits for the write before it. */
interface Waiting {
  readonly block: Buffer;
  readonly bytes: Buffer;
}

/**
 * Lets a connection write to the handle of a TLS socket, without what a stream does for each write. Such a handle takes
 * no write while another is under way (the runtime aborts the process): what comes meanwhile waits and then goes in one
 * write. What a write has been given is encrypted or copied when it returns. Handles are not part of the documented
 * interface: null wherever they are not as expected. Nobody else may write to the socket, before or afterwards.
 */
export function writeInTurn(socket: Socket): HandleStream | null {
  const handle = handleOf(socket);
  return streamState !== null && isWriteHandle(handle) ? new TurnSocket(socket, handle, streamState) : null;
}

class TurnSocket extends HandleStream {
  /** Bytes of the write under way. */
  #underWay = 0;
  #waiting: Waiting[] | null = null;
  #ending = false;

  send(block: Buffer, start: number, end: number): void {
    // Never by the stream: its write would meet the one under way.
    if (this.#ending || !this.socket.writable) {
      giveBlock(block);
      return;
    }
    const bytes = block.subarray(start, end);
    this.writableLength += bytes.length;
    if (this.#underWay === 0) {
      const request = this.#request(bytes.length);
      this.#written(this.handle.writeBuffer(request, bytes));
      giveBlock(block);
    } else if (this.#waiting === null) this.#waiting = [{ block, bytes }];
    else this.#waiting.push({ block, bytes });
  }

  /** The handle's end would come before what waits here. */
  end(): void {
    this.#ending = true;
    if (this.#underWay === 0) this.socket.end();
  }

  completed(status: number): void {
    const size = this.#underWay;
    // A write may be reported once only, whatever the runtime does.
    if (size === 0) return;
    this.#underWay = 0;
    this.writableLength -= size;
    if (status < 0) {
      this.fail(status);
      this.#drop();
    } else if (this.#waiting !== null) {
      if (this.socket.writable) this.#writeWaiting(this.#waiting);
      else this.#drop();
    } else if (this.#ending) this.socket.end();
    else this.tellDrained();
  }

  #writeWaiting(waiting: readonly Waiting[]): void {
    this.#waiting = null;
    const request = this.#request(this.writableLength);
    const chunks = waiting.map(({ bytes }) => bytes);
    this.#written(this.handle.writev(request, chunks, true));
    for (const { block } of waiting) giveBlock(block);
  }

  #request(size: number): WriteRequest {
    this.#underWay = size;
    const request = this.state.makeRequest();
    request.oncomplete = onComplete;
    request.owner = this;
    return request;
  }

  #written(error: number): void {
    if (error !== 0) this.completed(error);
    else if (!this.state.requestUsed()) process.nextTick(complete, this);
  }

  #drop(): void {
    for (const { block } of this.#waiting ?? []) giveBlock(block);
    this.#waiting = null;
    this.writableLength = 0;
  }
}

/** What the runtime calls with the request as `this`. */
function onComplete(this: WriteRequest, status: number): void {
  const { owner } = this;
  if (owner instanceof TurnSocket) owner.completed(status);
}

function complete(stream: TurnSocket): void {
  stream.completed(0);
}
