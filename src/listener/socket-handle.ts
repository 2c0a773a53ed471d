import type { Socket } from "node:net";

/*
 * What is below a socket. Handles are not part of the runtime's documented interface: whoever works with one looks
 * first whether it is as expected, and leaves it alone if not.
 */

/** Where a handle has what reads past its socket. */
export const READING: unique symbol = Symbol("reading");

/** The part of a handle that writes: 0 or a negative error number. */
export interface WriteHandle {
  writeBuffer(request: object, bytes: Uint8Array): number;
  /** `allBuffers` is true: no chunk is text. */
  writev(request: object, chunks: readonly Uint8Array[], allBuffers: true): number;
}

/** The part of a handle that reads. */
export interface ReadHandle {
  /** Whether it reads at present; whoever starts or stops it sets it. */
  reading: boolean;
  readStart(): number;
  readStop(): number;
  /** From now on every read goes into `buffer`. */
  useUserBuffer(buffer: Uint8Array): void;
  /** Called after every read, and at the end. */
  onread: (this: ReadHandle, bytes: unknown) => unknown;
  /** For whoever reads past the socket. */
  [READING]?: object;
}

/** The handle of a connection that no socket has been made of. A Unix socket's has none of the options. */
export interface AcceptedHandle extends WriteHandle {
  readStart(): number;
  readStop(): number;
  useUserBuffer(buffer: Uint8Array): void;
  /** Called after every read, and at the end. */
  onread: (this: AcceptedHandle) => undefined;
  /** Ends the sending half once everything has been written; the number is negative for an error, 1 if it is done. */
  shutdown(request: object): number;
  /** `closed` is called with the handle as `this`, in a later turn. */
  close(closed: (this: AcceptedHandle) => void): void;
  getpeername?(into: PeerName): number;
  setNoDelay?(enable: boolean): number;
  setKeepAlive?(enable: boolean, seconds: number): number;
  [READING]?: object;
}

/** Where a handle writes who is at the other end. */
export interface PeerName {
  address?: string;
  port?: number;
}

/** The handle of a socket, whatever it is. */
export function handleOf(socket: Socket): unknown {
  return Reflect.get(socket, "_handle");
}

export function isWriteHandle(handle: unknown): handle is WriteHandle {
  return hasFunctions(handle, ["writeBuffer", "writev"]);
}

export function isReadHandle(handle: unknown): handle is ReadHandle {
  return hasFunctions(handle, ["readStart", "readStop", "useUserBuffer", "onread"]);
}

export function isAcceptedHandle(handle: unknown): handle is AcceptedHandle {
  return (
    isWriteHandle(handle) &&
    hasFunctions(handle, ["readStart", "readStop", "useUserBuffer", "shutdown", "close"]) &&
    Reflect.has(handle, "onread")
  );
}

function hasFunctions(handle: unknown, names: readonly string[]): boolean {
  return (
    typeof handle === "object" &&
    handle !== null &&
    names.every((name) => typeof Reflect.get(handle, name) === "function")
  );
}
