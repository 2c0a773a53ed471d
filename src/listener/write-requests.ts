/** What the runtime needs for a write that is not done at once. Not part of its documented interface. */
export interface WriteRequests {
  make(): object;
  /** Whether the last write is under way and has taken its request. */
  used(): boolean;
}

/** What the runtime's own sockets work with, or null where it is not as expected. */
export const writeRequests = findRequests();

function findRequests(): WriteRequests | null {
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
  if (typeof request !== "function" || !(state instanceof Int32Array)) return null;
  if (typeof lastWasAsync !== "number" || !(lastWasAsync >= 0 && lastWasAsync < state.length)) return null;
  return {
    make: (): object => {
      const made: unknown = Reflect.construct(request, []);
      return typeof made === "object" && made !== null ? made : {};
    },
    used: () => state[lastWasAsync] !== 0,
  };
}
