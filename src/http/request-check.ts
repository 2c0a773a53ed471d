import type { IncomingMessage } from "node:http";

/** The largest body that is read past for a route that takes none, bytes. */
const LARGEST_BODY = 64 * 1024;

/** The longest request line and header value, bytes. */
export interface RequestLimits {
  readonly requestLine: number;
  readonly headerValue: number;
}

/** The status with which a request is refused whatever it asks for; null: nothing speaks against it. */
export function refusedStatus(request: IncomingMessage, limits: RequestLimits): 413 | 414 | 431 | null {
  const { method = "", url = "", rawHeaders, httpVersion, headers } = request;
  if (`${method} ${url} HTTP/${httpVersion}`.length > limits.requestLine) return 414;
  for (let i = 1; i < rawHeaders.length; i += 2) {
    if ((rawHeaders[i] ?? "").length > limits.headerValue) return 431;
  }
  const unknownLength = headers["transfer-encoding"] !== undefined;
  return unknownLength || Number(headers["content-length"] ?? 0) > LARGEST_BODY ? 413 : null;
}

/** The path of a request's target, without the query; also of one with host, as proxies send it. */
export function pathOf(target: string): string {
  const path = /^https?:\/\/[^/?]*/i.exec(target);
  const rest = path === null ? target : target.slice(path[0].length) || "/";
  const query = rest.indexOf("?");
  return query === -1 ? rest : rest.slice(0, query);
}
