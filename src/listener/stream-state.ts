/**
 * What a write needs that is not done at once. Its fields are set by name: Reflect is many times slower, and this is the
 * way of every write over TLS.
 */
export interface WriteRequest {
  /** Called with the request as `this`: 0 or a negative error number. */
  oncomplete?: (this: WriteRequest, status: number) => void;
  /** For whoever made the write. */
  owner?: object;
  /** Keeps the bytes from the garbage collector. */
  buffer?: Uint8Array;
}

/** What the end of the sending half needs. */
export interface ShutdownRequest {
  /** 0 or a negative error number. */
  oncomplete?: (this: ShutdownRequest, status: number) => void;
}

/** What the runtime's own sockets know of their last read and write. Not part of its documented interface. */
export interface StreamState {
  makeRequest(): WriteRequest;
  makeShutdown(): ShutdownRequest;
  /** Whether the last write is under way and has taken its request. */
  requestUsed(): boolean;
  /** Bytes of the last read, or a negative error number. */
  bytesRead(): number;
  /** Says so once more, for the runtime, which looks there. */
  tellBytesRead(bytes: number): void;
}

/** What the runtime's own sockets work with, or null where it is not as expected. */
export const streamState = findState();

function findState(): StreamState | null {
  const binding: unknown = Reflect.get(process, "binding");
  if (typeof binding !== "function") return null;
  let parts: unknown;
  try {
    parts = Reflect.apply(binding, process, ["stream_wrap"]);
  } catch {
    return null;
  }
  if (typeof parts !== "object" || parts === null) return null;
  const request: unknown = Reflect.get(parts, "WriteWrap");
  const shutdown: unknown = Reflect.get(parts, "ShutdownWrap");
  const state: unknown = Reflect.get(parts, "streamBaseState");
  const lastWasAsync: unknown = Reflect.get(parts, "kLastWriteWasAsync");
  const bytesRead: unknown = Reflect.get(parts, "kReadBytesOrError");
  if (!makesRequests(request) || !makesRequests(shutdown) || !(state instanceof Int32Array)) return null;
  if (!isIndex(lastWasAsync, state) || !isIndex(bytesRead, state)) return null;
  return {
    makeRequest: () => new request(),
    makeShutdown: () => new shutdown(),
    requestUsed: () => state[lastWasAsync] !== 0,
    bytesRead: () => state[bytesRead] ?? 0,
    tellBytesRead: (bytes) => {
      state[bytesRead] = bytes;
    },
  };
}

/** Every object can be a request: it has no field that must be there. */
function makesRequests(value: unknown): value is new () => WriteRequest & ShutdownRequest {
  return typeof value === "function" && typeof value.prototype === "object";
}

function isIndex(value: unknown, { length }: Int32Array): value is number {
  return typeof value === "number" && value >= 0 && value < length;
}
