import { type Server, Socket } from "node:net";

/** How much is read at once. */
const READ_SIZE = 64 * 1024;
/** One buffer for all sockets of the thread: who is called must copy what it keeps. */
const readBuffer = Buffer.allocUnsafeSlow(READ_SIZE);

/** Takes the bytes of one read; called with the socket as `this`. */
export type ReadListener = (this: unknown, length: number, buffer: Uint8Array) => boolean;

type Accept = (socket: Socket) => void;

/**
 * Makes a listening server hand out sockets that read into a static buffer: no allocation and no stream event per
 * read. Node offers `onread` only for sockets that connect, so the handle of each accepted connection is taken before
 * the server makes a socket of it. Handles are not part of the documented interface: false is returned, and nothing
 * changed, wherever they are not as expected; the server then hands out ordinary sockets, read by 'data' events.
 */
export function acceptWithStaticRead(server: Server, listener: ReadListener, accept: Accept): boolean {
  const handle: unknown = Reflect.get(server, "_handle");
  if (typeof handle !== "object" || handle === null) return false;
  const ordinary: unknown = Reflect.get(handle, "onconnection");
  if (typeof ordinary !== "function") return false;
  const onconnection = (error: unknown, client: unknown): void => {
    const socket = error ? null : socketOf(client, listener);
    if (socket === null) Reflect.apply(ordinary, handle, [error, client]);
    else accept(socket);
  };
  return Reflect.set(handle, "onconnection", onconnection);
}

/** A socket on an accepted handle, or null when that is not what it should be. */
function socketOf(handle: unknown, listener: ReadListener): Socket | null {
  if (typeof handle !== "object" || handle === null || !Reflect.has(handle, "readStart")) return null;
  const setNoDelay: unknown = Reflect.get(handle, "setNoDelay");
  // A Unix socket has no such option.
  if (typeof setNoDelay === "function") Reflect.apply(setNoDelay, handle, [true]);
  // By reflection, since the types know another kind of handle.
  const options = { handle, onread: { buffer: readBuffer, callback: listener }, allowHalfOpen: false };
  const socket: unknown = Reflect.construct(Socket, [options]);
  return socket instanceof Socket ? socket : null;
}

/** The static buffer, for the caller to tell its bytes from those of 'data' events. */
export function staticReadBuffer(): Buffer {
  return readBuffer;
}
