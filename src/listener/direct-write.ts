import type { Socket } from "node:net";
import { giveBlock } from "./block-pool.ts";
import { HandleStream } from "./handle-stream.ts";
import { handleOf, isWriteHandle } from "./socket-handle.ts";
import { streamState } from "./stream-state.ts";

let spare = streamState?.makeRequest() ?? {};

/**
 * Lets a connection write to the socket's handle, without what a stream does for each write: nearly always the kernel
 * takes the bytes at once, and then nothing has to be remembered. Handles are not part of the documented interface: null
 * wherever they are not as expected. Nobody else may write to the socket afterwards.
 */
export function writeDirectly(socket: Socket): HandleStream | null {
  const handle = handleOf(socket);
  return streamState !== null && isWriteHandle(handle) ? new DirectSocket(socket, handle, streamState) : null;
}

class DirectSocket extends HandleStream {
  send(block: Buffer, start: number, end: number): void {
    const { socket } = this;
    const bytes = start === 0 && end === block.length ? block : block.subarray(start, end);
    if (!socket.writable) {
      // The stream knows what is to happen after the end.
      socket.write(bytes);
      return;
    }
    const request = spare;
    const error = this.handle.writeBuffer(request, bytes);
    if (error === 0 && !this.state.requestUsed()) {
      giveBlock(block);
      return;
    }
    spare = this.state.makeRequest();
    if (error !== 0) {
      this.fail(error);
      return;
    }
    this.writableLength += bytes.length;
    request.oncomplete = (status) => this.#completed(block, bytes.length, status);
    request.buffer = bytes;
  }

  end(): void {
    this.socket.end();
  }

  #completed(block: Buffer, size: number, status: number): void {
    this.writableLength -= size;
    if (status < 0) {
      // Somebody may still hold the block: it is left to the garbage collector.
      this.fail(status);
      return;
    }
    giveBlock(block);
    if (this.writableLength === 0) this.tellDrained();
  }
}
