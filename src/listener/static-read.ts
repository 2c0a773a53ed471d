import { Socket } from "node:net";

/** How much is read at once. */
const READ_SIZE = 64 * 1024;
/** One buffer for all sockets of the thread: who is called must copy what it keeps. */
const readBuffer = Buffer.allocUnsafeSlow(READ_SIZE);

/** Takes the bytes of one read; called with the socket as `this`. */
export type ReadListener = (this: unknown, length: number, buffer: Uint8Array) => boolean;

/**
 * Turns an accepted, paused socket into one that reads into a static buffer: no allocation and no stream event per
 * read. Node offers `onread` only for sockets that connect, so the handle is taken over by a new socket; the handle is
 * not part of the documented interface, so null is returned wherever it is not as expected and the caller reads by
 * 'data' events.
 */
export function withStaticRead(accepted: Socket, listener: ReadListener): Socket | null {
  const handle: unknown = Reflect.get(accepted, "_handle");
  if (typeof handle !== "object" || handle === null || !Reflect.has(handle, "readStart")) return null;
  const options = {
    handle,
    onread: { buffer: readBuffer, callback: listener },
    allowHalfOpen: false,
  };
  let socket: unknown;
  try {
    // By reflection, since the types know another kind of handle.
    socket = Reflect.construct(Socket, [options]);
  } catch {
    return null;
  }
  if (!(socket instanceof Socket)) return null;
  if (Reflect.get(socket, "_handle") !== handle) {
    socket.destroy();
    return null;
  }
  // The accepted socket must not close the handle when it is collected.
  Reflect.set(accepted, "_handle", null);
  return socket;
}

/** The static buffer, for the caller to tell its bytes from those of 'data' events. */
export function staticReadBuffer(): Buffer {
  return readBuffer;
}
