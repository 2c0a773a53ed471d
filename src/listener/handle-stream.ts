import type { Socket } from "node:net";
import { getSystemErrorName } from "node:util";
import type { ByteStream, StreamReceiver } from "./byte-stream.ts";
import { closeInTurn, SOCKET_STEPS } from "./closings.ts";
import { handleOf, isReadHandle, READING, type ReadHandle, type WriteHandle } from "./socket-handle.ts";
import { staticReadBuffer } from "./static-read.ts";
import type { StreamState } from "./stream-state.ts";

/** A socket as a stream of bytes that works with the socket's handle: what its kinds have in common. */
export abstract class HandleStream implements ByteStream {
  readonly headroom = 0;
  writableLength = 0;
  readonly handle: WriteHandle;
  readonly state: StreamState;
  protected readonly socket: Socket;
  #reading: ReadHandle | null = null;

  constructor(socket: Socket, handle: WriteHandle, state: StreamState) {
    this.socket = socket;
    this.handle = handle;
    this.state = state;
  }

  abstract send(block: Buffer, start: number, end: number): void;
  abstract end(): void;

  /**
   * From now on `receiver` gets what is read in the static buffer, past the socket's own stream: no allocation and no
   * event per read. Errors and the end go the socket's way, in their turn. It does not read before `resume`. False, and nothing changed,
   * where the handle is not as expected or the stream has something unread.
   */
  readStatically(receiver: StreamReceiver): boolean {
    const handle = handleOf(this.socket);
    if (!isReadHandle(handle) || this.socket.readableLength > 0) return false;
    handle[READING] = new StaticReading(this.socket, receiver, this.state, handle.onread);
    handle.useUserBuffer(staticReadBuffer());
    handle.onread = onRead;
    this.#reading = handle;
    this.pause();
    return true;
  }

  pause(): void {
    const reading = this.#reading;
    if (reading === null) this.socket.pause();
    else if (reading.reading && !this.socket.destroyed) {
      reading.reading = false;
      this.#check(reading.readStop());
    }
  }

  resume(): void {
    const reading = this.#reading;
    if (reading === null) this.socket.resume();
    else if (!reading.reading && !this.socket.destroyed) {
      reading.reading = true;
      this.#check(reading.readStart());
    }
  }

  destroy(): void {
    this.socket.destroy();
  }

  /** Ends the socket, since a write has failed with an error number. */
  fail(status: number): void {
    this.socket.destroy(new Error(`write ${getSystemErrorName(status)}`));
  }

  /** Who hears of the socket hears of it as of a stream. */
  tellDrained(): void {
    if (!this.socket.destroyed) this.socket.emit("drain");
  }

  #check(status: number): void {
    if (status < 0) this.socket.destroy(new Error(`read ${getSystemErrorName(status)}`));
  }
}

/** What a handle that reads into the static buffer does with what it has read. */
class StaticReading {
  readonly #socket: Socket;
  readonly #receiver: StreamReceiver;
  readonly #state: StreamState;
  readonly #ordinary: ReadHandle["onread"];

  constructor(socket: Socket, receiver: StreamReceiver, state: StreamState, ordinary: ReadHandle["onread"]) {
    this.#socket = socket;
    this.#receiver = receiver;
    this.#state = state;
    this.#ordinary = ordinary;
  }

  read(handle: ReadHandle, bytes: unknown): unknown {
    const length = this.#state.bytesRead();
    if (length === 0) return Reflect.apply(this.#ordinary, handle, [bytes]);
    if (length < 0) {
      this.#receiver.leaving();
      closeInTurn(() => this.#end(handle, bytes, length), SOCKET_STEPS);
    } else if (!this.#socket.destroyed) this.#receiver.received(staticReadBuffer(), 0, length);
    return undefined;
  }

  #end(handle: ReadHandle, bytes: unknown, status: number): void {
    if (this.#socket.destroyed) return;
    this.#state.tellBytesRead(status);
    Reflect.apply(this.#ordinary, handle, [bytes]);
  }
}

/** What the runtime calls with the handle as `this`. */
function onRead(this: ReadHandle, bytes: unknown): unknown {
  const reading = this[READING];
  return reading instanceof StaticReading ? reading.read(this, bytes) : undefined;
}
