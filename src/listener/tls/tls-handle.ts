import type { TLSSocket } from "node:tls";

/*
 * What a server's TLS socket made by hand needs of the runtime and the types do not have: the runtime's own server
 * does the same at this point. Whatever is not as expected throws, and the connection is refused.
 */

/** After the handshake: why the peer's certificate is not accepted, OpenSSL's code; null when it is, or there is none. */
export function verifyError(socket: TLSSocket): string | null {
  const handle: unknown = Reflect.get(socket, "_handle");
  if (typeof handle !== "object" || handle === null) throw new Error("the TLS socket has no handle");
  const ask: unknown = Reflect.get(handle, "verifyError");
  if (typeof ask !== "function") throw new Error("the runtime does not tell what it verified");
  const error: unknown = Reflect.apply(ask, handle, []);
  if (error === null || error === undefined) return null;
  const code: unknown = typeof error === "object" ? Reflect.get(error, "code") : undefined;
  return typeof code === "string" ? code : String(error);
}

/** After the handshake: from now on errors of the socket are ordinary ones, which end it. */
export function releaseControl(socket: TLSSocket): void {
  const release: unknown = Reflect.get(socket, "_releaseControl");
  if (typeof release !== "function") throw new Error("the runtime does not hand over the TLS socket");
  Reflect.apply(release, socket, []);
}
