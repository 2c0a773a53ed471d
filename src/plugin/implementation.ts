/** One plugin's function for one hook. What it answers is not trusted: it may come from a foreign module. */
export interface Implementation<Request> {
  readonly plugin: string;
  readonly call: (request: Request) => unknown;
}

/** A request that stands on a reused read buffer. */
export interface Transient {
  /** Copies what would be overwritten, because the request outlives the turn. */
  keep(): void;
  /** The call is over: what was not copied must not be read any more. */
  end(): void;
}

export function isTransient(request: object): request is Transient {
  return "keep" in request && typeof request.keep === "function" && "end" in request;
}

export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
}

/** Shorter payloads occur in any text. */
const SHORTEST_PAYLOAD = 4;

/** The password or payload in a request, which must not come into a log line. */
export function secretOf(request: object): string {
  if ("password" in request && Buffer.isBuffer(request.password)) return request.password.toString();
  try {
    const payload = "payload" in request ? request.payload : undefined;
    if (Buffer.isBuffer(payload) && payload.length >= SHORTEST_PAYLOAD) return payload.toString();
  } catch {
    // The call is over, and the plugin has never read it.
  }
  return "";
}
