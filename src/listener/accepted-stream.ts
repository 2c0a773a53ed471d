import type { Server } from "node:net";
import { getSystemErrorName } from "node:util";
import { giveBlock } from "./block-pool.ts";
import type { MessageStream, StreamReceiver } from "./byte-stream.ts";
import { closeInTurn } from "./closings.ts";
import { type DirectWriter, writeNow } from "./direct-write.ts";
import { type AcceptedHandle, isAcceptedHandle, READING } from "./socket-handle.ts";
import { staticReadBuffer } from "./static-read.ts";
import { type StreamState, streamState } from "./stream-state.ts";

type Accept = (stream: AcceptedStream, handle: AcceptedHandle) => void;

/**
 * On Linux a socket has the options of the one that accepted it: what is set there once needs no system call for each.
 */
const INHERITS = process.platform === "linux";

/**
 * Makes a listening server hand out its connections as streams on their handles, without a socket each: a socket with its
 * two streams was a third of what an idle connection had on the heap. Handles are not part of the documented interface:
 * false is returned, and nothing changed, wherever the server's is not as expected. A connection whose handle
 * is not goes the server's own way. Small packets are sent without delay.
 */
export function acceptStreams(server: Server, accept: Accept): boolean {
  const handle: unknown = Reflect.get(server, "_handle");
  if (streamState === null || typeof handle !== "object" || handle === null) return false;
  const ordinary: unknown = Reflect.get(handle, "onconnection");
  if (typeof ordinary !== "function") return false;
  const state = streamState;
  const setNoDelay: unknown = Reflect.get(handle, "setNoDelay");
  if (INHERITS && typeof setNoDelay === "function") Reflect.apply(setNoDelay, handle, [true]);
  const onconnection = (error: unknown, client: unknown): void => {
    if (error || !isExpected(client)) Reflect.apply(ordinary, handle, [error, client]);
    else {
      if (!INHERITS) client.setNoDelay?.(true);
      accept(new AcceptedStream(client, state), client);
    }
  };
  return Reflect.set(handle, "onconnection", onconnection);
}

/** Of whose handles it is known that they are as expected: what is looked for does not belong to the single one. */
let known: unknown = null;

function isExpected(handle: unknown): handle is AcceptedHandle {
  if (typeof handle !== "object" || handle === null) return false;
  const kind: unknown = Object.getPrototypeOf(handle);
  if (kind !== known && !isAcceptedHandle(handle)) return false;
  known = kind;
  return true;
}

/** A connection as a stream of bytes on its handle, read into the static buffer. */
export class AcceptedStream implements MessageStream, DirectWriter {
  writableLength = 0;
  readonly handle: AcceptedHandle;
  readonly state: StreamState;
  #receiver: StreamReceiver | null = null;
  #reading = false;
  /** This side sends nothing more. */
  #ending = false;
  /** The other side knows. */
  #ended = false;
  /** The other side sends nothing more, or the connection is broken. */
  #peerEnded = false;
  #destroyed = false;

  constructor(handle: AcceptedHandle, state: StreamState) {
    this.handle = handle;
    this.state = state;
    handle[READING] = this;
    handle.useUserBuffer(staticReadBuffer());
    handle.onread = onRead;
  }

  get headroom(): number {
    return 0;
  }

  deliverTo(receiver: StreamReceiver): void {
    this.#receiver = receiver;
  }

  /** See `net.Socket.setNoDelay`. */
  setNoDelay(enable: boolean): void {
    this.handle.setNoDelay?.(enable);
  }

  /** See `net.Socket.setKeepAlive`. */
  setKeepAlive(enable: boolean, milliseconds: number): void {
    this.handle.setKeepAlive?.(enable, Math.floor(milliseconds / 1_000));
  }

  send(block: Buffer, start: number, end: number): void {
    if (this.#ending || this.#peerEnded || this.#destroyed) giveBlock(block);
    else writeNow(this, block, start, end);
  }

  pause(): void {
    if (!this.#reading || this.#destroyed) return;
    this.#reading = false;
    const status = this.handle.readStop();
    if (status < 0) this.#end("read", status);
  }

  resume(): void {
    if (this.#reading || this.#peerEnded || this.#destroyed) return;
    this.#reading = true;
    const status = this.handle.readStart();
    if (status < 0) this.#end("read", status);
  }

  end(): void {
    if (this.#ending || this.#destroyed) return;
    this.#ending = true;
    const request = this.state.makeShutdown();
    request.oncomplete = (status) => this.#shutDown(status);
    const status = this.handle.shutdown(request);
    if (status !== 0) this.#shutDown(status);
  }

  destroy(): void {
    if (this.#destroyed) return;
    this.#destroyed = true;
    this.handle.close(onClosed);
  }

  fail(status: number): void {
    this.#end("write", status);
  }

  tellDrained(): void {
    if (!this.#destroyed) this.#receiver?.drained();
  }

  /** Something has been read, or the end. */
  read(): void {
    if (this.#destroyed) return;
    const length = this.state.bytesRead();
    if (length > 0) {
      if (!this.#peerEnded) this.#receiver?.received(staticReadBuffer(), 0, length);
    } else if (length === END) this.#readEnd();
    else if (length < 0) this.#end("read", length);
  }

  closed(): void {
    this.#receiver?.closed();
  }

  #readEnd(): void {
    this.#leave();
    closeInTurn(() => this.#close(), 1);
  }

  #leave(): void {
    this.#peerEnded = true;
    this.#receiver?.leaving();
  }

  /** The kernel sends what it has before it closes; what it has not taken yet has to be waited for. */
  #close(): void {
    if (this.#ended || (this.writableLength === 0 && !this.#ending)) this.destroy();
    else {
      this.pause();
      this.end();
    }
  }

  #shutDown(status: number): void {
    this.#ended = true;
    if (status < 0 || this.#peerEnded) this.destroy();
  }

  #end(call: string, status: number): void {
    if (this.#destroyed) return;
    this.#receiver?.failed(new Error(`${call} ${getSystemErrorName(status)}`));
    this.#leave();
    closeInTurn(() => this.destroy(), 1);
  }
}

/** What the runtime says instead of a number of bytes when there are no more (UV_EOF). */
const END = -4095;

/** What the runtime calls after a read. */
function onRead(this: AcceptedHandle): undefined {
  const stream = this[READING];
  if (stream instanceof AcceptedStream) stream.read();
}

/** What the runtime calls when a handle has been closed. */
function onClosed(this: AcceptedHandle): void {
  const stream = this[READING];
  if (stream instanceof AcceptedStream) stream.closed();
}
