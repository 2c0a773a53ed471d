/** What the runtime's own sockets know of their last read and write. Not part of its documented interface. */
export interface StreamState {
  /** What a write needs that is not done at once. */
  makeRequest(): object;
  /** Whether the last write is under way and has taken its request. */
  requestUsed(): boolean;
  /** Bytes of the last read, or a negative error number. */
  bytesRead(): number;
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
  const state: unknown = Reflect.get(parts, "streamBaseState");
  const lastWasAsync: unknown = Reflect.get(parts, "kLastWriteWasAsync");
  const bytesRead: unknown = Reflect.get(parts, "kReadBytesOrError");
  if (typeof request !== "function" || !(state instanceof Int32Array)) return null;
  if (!isIndex(lastWasAsync, state) || !isIndex(bytesRead, state)) return null;
  return {
    makeRequest: (): object => {
      const made: unknown = Reflect.construct(request, []);
      return typeof made === "object" && made !== null ? made : {};
    },
    requestUsed: () => state[lastWasAsync] !== 0,
    bytesRead: () => state[bytesRead] ?? 0,
  };
}

function isIndex(value: unknown, { length }: Int32Array): value is number {
  return typeof value === "number" && value >= 0 && value < length;
}
