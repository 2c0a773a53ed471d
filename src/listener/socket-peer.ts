import type { Socket } from "node:net";
import type { Peer } from "../session/peer.ts";

/** How an IPv4 address looks on a socket that takes both versions. */
const MAPPED = "::ffff:";

/** The peer of a socket by the socket's own word. The kernel is asked when the address is first read. */
export class SocketPeer implements Peer {
  readonly #socket: Socket;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  get address(): string {
    const address = this.#socket.remoteAddress ?? "unknown";
    return address.startsWith(MAPPED) ? address.slice(MAPPED.length) : address;
  }

  get port(): number {
    return this.#socket.remotePort ?? 0;
  }

  get identity(): null {
    return null;
  }

  get certificate(): null {
    return null;
  }
}

/** Whoever comes over a Unix socket. */
export const LOCAL_PEER: Peer = { address: "local", port: 0, identity: null, certificate: null };
