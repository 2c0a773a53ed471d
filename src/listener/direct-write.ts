import type { Socket } from "node:net";
import { getSystemErrorName } from "node:util";
import type { ByteStream } from "./byte-stream.ts";
import { type WriteRequests, writeRequests } from "./write-requests.ts";

/** The part of a socket's handle that writes: 0 or a negative error number. */
interface WriteHandle {
  writeBuffer(request: object, bytes: Uint8Array): number;
}

let spare = writeRequests?.make() ?? {};

/**
 * Lets a connection write to the socket's handle, without what a stream does for each write: nearly always the kernel
 * takes the bytes at once, and then nothing has to be remembered. Handles are not part of the documented interface:
 * gives the socket itself wherever they are not as expected. Nobody else may write to the socket afterwards.
 */
export function writeDirectly(socket: Socket): ByteStream {
  const handle: unknown = Reflect.get(socket, "_handle");
  return writeRequests !== null && isWriteHandle(handle)
    ? new DirectSocket(socket, handle, writeRequests)
    : socket;
}

class DirectSocket implements ByteStream {
  readonly #socket: Socket;
  readonly #handle: WriteHandle;
  readonly #requests: WriteRequests;
  writableLength = 0;

  constructor(socket: Socket, handle: WriteHandle, made: WriteRequests) {
    this.#socket = socket;
    this.#handle = handle;
    this.#requests = made;
  }

  write(bytes: Uint8Array, done?: (error?: Error | null) => void): void {
    const socket = this.#socket;
    if (!socket.writable) {
      // The stream knows what is to happen after the end.
      socket.write(bytes, done);
      return;
    }
    const request = spare;
    const error = this.#handle.writeBuffer(request, bytes);
    if (error === 0 && !this.#requests.used()) {
      if (done !== undefined) process.nextTick(done);
      return;
    }
    spare = this.#requests.make();
    if (error !== 0) {
      done?.(this.#fail(error));
      return;
    }
    const size = bytes.length;
    this.writableLength += size;
    const oncomplete = (status: number): void => this.#completed(size, status, done);
    // The request keeps the bytes from the garbage collector.
    Object.assign(request, { buffer: bytes, oncomplete });
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

  #completed(size: number, status: number, done: ((error?: Error | null) => void) | undefined): void {
    this.writableLength -= size;
    if (status < 0) {
      done?.(this.#fail(status));
      return;
    }
    done?.();
    // Who hears of the socket hears of it as of a stream.
    if (this.writableLength === 0 && !this.#socket.destroyed) this.#socket.emit("drain");
  }

  #fail(status: number): Error {
    const error = new Error(`write ${getSystemErrorName(status)}`);
    this.#socket.destroy(error);
    return error;
  }
}

function isWriteHandle(handle: unknown): handle is WriteHandle {
  return (
    typeof handle === "object" && handle !== null && typeof Reflect.get(handle, "writeBuffer") === "function"
  );
}
