import type { Socket } from "node:net";
import { giveBlock } from "./block-pool.ts";
import { HandleStream } from "./handle-stream.ts";
import { handleOf, isWriteHandle, type WriteHandle } from "./socket-handle.ts";
import { type StreamState, streamState } from "./stream-state.ts";

let spare = streamState?.makeRequest() ?? {};

/** Whose handle is written to directly. */
export interface DirectWriter {
  readonly handle: WriteHandle;
  readonly state: StreamState;
  /** Bytes that the kernel has not taken yet. */
  writableLength: number;
  /** A write has failed with an error number. */
  fail(status: number): void;
  /** Everything has been taken that the kernel did not take at once. */
  tellDrained(): void;
}

/**
 * Writes a part of a block to a handle, without what a stream does for each write: nearly always the kernel takes the
 * bytes at once, and then nothing has to be remembered.
 */
export function writeNow(writer: DirectWriter, block: Buffer, start: number, end: number): void {
  const bytes = start === 0 && end === block.length ? block : block.subarray(start, end);
  const request = spare;
  const error = writer.handle.writeBuffer(request, bytes);
  if (error === 0 && !writer.state.requestUsed()) {
    giveBlock(block);
    return;
  }
  spare = writer.state.makeRequest();
  if (error !== 0) {
    writer.fail(error);
    return;
  }
  writer.writableLength += bytes.length;
  request.oncomplete = (status) => completed(writer, block, bytes.length, status);
  request.buffer = bytes;
}

function completed(writer: DirectWriter, block: Buffer, size: number, status: number): void {
  writer.writableLength -= size;
  if (status < 0) {
    // Somebody may still hold the block: it is left to the garbage collector.
    writer.fail(status);
    return;
  }
  giveBlock(block);
  if (writer.writableLength === 0) writer.tellDrained();
}

/**
 * Lets a connection write to the socket's handle. Handles are not part of the documented interface: null wherever they
 * are not as expected. Nobody else may write to the socket afterwards.
 */
export function writeDirectly(socket: Socket): HandleStream | null {
  const handle = handleOf(socket);
  return streamState !== null && isWriteHandle(handle) ? new DirectSocket(socket, handle, streamState) : null;
}

class DirectSocket extends HandleStream implements DirectWriter {
  send(block: Buffer, start: number, end: number): void {
    // The stream knows what is to happen after the end.
    if (this.socket.writable) writeNow(this, block, start, end);
    else this.socket.write(block.subarray(start, end));
  }

  end(): void {
    this.socket.end();
  }
}
