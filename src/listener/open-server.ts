import { chmodSync } from "node:fs";
import type { Server } from "node:net";
import type { Address } from "../config/type/address.ts";
import { clearSocketPath } from "./unix-socket.ts";

/** Connections that may wait to be accepted. */
const BACKLOG = 4096;

/** Where a listener is to be. */
export interface ListeningPlace {
  readonly address: Address;
  /** Of an IP address; 0 for any that is free. */
  readonly port: number;
  /** Of an IPv6 wildcard address: leave IPv4 to another listener. */
  readonly ipv6Only: boolean;
  /** Permission bits of a Unix socket; undefined: as the umask says. */
  readonly unixSocketMode: number | undefined;
}

/** Lets a server accept connections. Resolves to the port that it got, 0 for a Unix socket; rejects when it cannot. */
export async function openServer(server: Server, place: ListeningPlace): Promise<number> {
  const { address, port, ipv6Only, unixSocketMode } = place;
  if (address.kind === "unix") await clearSocketPath(address.path);
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(
      address.kind === "ip"
        ? { host: address.host, port, backlog: BACKLOG, ipv6Only }
        : { path: address.path, backlog: BACKLOG },
      () => {
        server.off("error", reject);
        resolve();
      },
    );
    // In the same turn: nobody has been accepted yet whom these rights keep out.
    if (address.kind === "unix" && unixSocketMode !== undefined && server.listening)
      chmodSync(address.path, unixSocketMode);
  });
  const bound = server.address();
  return bound !== null && typeof bound === "object" ? bound.port : 0;
}
