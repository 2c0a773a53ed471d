import type { Socket } from "node:net";
import { getSystemErrorName } from "node:util";
import type { ByteStream } from "./byte-stream.ts";
import { type WriteRequests, writeRequests } from "./write-requests.ts";

/** The part of a socket's handle that writes: 0 or a negative error number. */
interface WriteHandle {
  writeBuffer(request: object, bytes: Uint8Array): number;
  /** `allBuffers` is true: no chunk is text. */
  writev(request: object, chunks: readonly Uint8Array[], allBuffers: true): number;
}

type Done = ((error?: Error | null) => void) | undefined;

/**
 * Lets a connection write to the handle of a TLS socket, without what a stream does for each write. Such a handle takes
 * no write while another is under way (the runtime aborts the process): what comes meanwhile waits and then goes in one
 * write. The bytes are read until the write is done. Handles are not part of the documented interface: gives the socket
 * itself wherever they are not as expected. Nobody else may write to the socket, before or afterwards.
 */
export function writeInTurn(socket: Socket): ByteStream {
  const handle: unknown = Reflect.get(socket, "_handle");
  return writeRequests !== null && isWriteHandle(handle)
    ? new TurnSocket(socket, handle, writeRequests)
    : socket;
}

class TurnSocket implements ByteStream {
  readonly #socket: Socket;
  readonly #handle: WriteHandle;
  readonly #requests: WriteRequests;
  readonly #oncomplete: (status: number) => void;
  writableLength = 0;
  /** Bytes of the write under way; the request does not keep them from the garbage collector, this does. */
  #chunks: Uint8Array[] = [];
  #dones: Done[] = [];
  #waitingChunks: Uint8Array[] = [];
  #waitingDones: Done[] = [];
  #ending = false;

  constructor(socket: Socket, handle: WriteHandle, requests: WriteRequests) {
    this.#socket = socket;
    this.#handle = handle;
    this.#requests = requests;
    this.#oncomplete = (status) => this.#completed(status);
  }

  write(bytes: Uint8Array, done?: (error?: Error | null) => void): void {
    // Never by the stream: its write would meet the one under way.
    if (this.#ending || !this.#socket.writable) {
      done?.(new Error("write after end"));
      return;
    }
    this.writableLength += bytes.length;
    this.#waitingChunks.push(bytes);
    this.#waitingDones.push(done);
    if (this.#chunks.length === 0) this.#next();
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  /** The handle's end would come before what waits here. */
  end(): void {
    this.#ending = true;
    if (this.#chunks.length === 0) this.#socket.end();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  /** Writes all that waits. */
  #next(): void {
    const chunks = this.#waitingChunks;
    this.#waitingChunks = this.#chunks;
    this.#chunks = chunks;
    const dones = this.#waitingDones;
    this.#waitingDones = this.#dones;
    this.#dones = dones;
    const request = this.#requests.make();
    // Before the write, which may be over when it returns.
    Reflect.set(request, "oncomplete", this.#oncomplete);
    const [first] = chunks;
    const error =
      chunks.length === 1 && first !== undefined
        ? this.#handle.writeBuffer(request, first)
        : this.#handle.writev(request, chunks, true);
    if (error !== 0) this.#completed(error);
    else if (!this.#requests.used()) process.nextTick(this.#oncomplete, 0);
  }

  #completed(status: number): void {
    const chunks = this.#chunks;
    const dones = this.#dones;
    // A write may be reported once only, whatever the runtime does.
    if (chunks.length === 0) return;
    const error = status < 0 ? new Error(`write ${getSystemErrorName(status)}`) : undefined;
    for (let i = 0; i < chunks.length; i++) {
      this.writableLength -= chunks[i]?.length ?? 0;
      dones[i]?.(error);
    }
    chunks.length = 0;
    dones.length = 0;
    if (error !== undefined) {
      this.#socket.destroy(error);
      this.#drop(error);
    } else if (this.#waitingChunks.length > 0) {
      if (this.#socket.writable) this.#next();
      else this.#drop(new Error("write after end"));
    } else if (this.#ending) this.#socket.end();
    // Who hears of the socket hears of it as of a stream.
    else if (!this.#socket.destroyed) this.#socket.emit("drain");
  }

  #drop(error: Error): void {
    const dones = this.#waitingDones;
    this.#waitingDones = [];
    this.#waitingChunks = [];
    this.writableLength = 0;
    for (const done of dones) done?.(error);
  }
}

function isWriteHandle(handle: unknown): handle is WriteHandle {
  return (
    typeof handle === "object" &&
    handle !== null &&
    typeof Reflect.get(handle, "writeBuffer") === "function" &&
    typeof Reflect.get(handle, "writev") === "function"
  );
}
