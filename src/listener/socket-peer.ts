import type { Socket } from "node:net";
import type { Peer } from "../session/peer.ts";
import type { AcceptedHandle, PeerName } from "./socket-handle.ts";

/** How an IPv4 address looks on a socket that takes both versions. */
const MAPPED = "::ffff:";

/** The peer of a socket by the socket's own word. The kernel is asked when the address is first read. */
export class SocketPeer implements Peer {
  readonly #socket: Socket;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  get address(): string {
    return unmapped(this.#socket.remoteAddress ?? "unknown");
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

/** One object for all answers of the kernel. */
const answer: PeerName = {};

/** The peer of a handle. The kernel is asked when the address or the port is first read; a closed handle has neither. */
export class HandlePeer implements Peer {
  readonly #handle: AcceptedHandle;
  #address = "";
  #port = 0;

  constructor(handle: AcceptedHandle) {
    this.#handle = handle;
  }

  get address(): string {
    if (this.#address === "") this.#ask();
    return this.#address === "" ? "unknown" : this.#address;
  }

  get port(): number {
    if (this.#address === "") this.#ask();
    return this.#port;
  }

  get identity(): null {
    return null;
  }

  get certificate(): null {
    return null;
  }

  #ask(): void {
    if (this.#handle.getpeername?.(answer) !== 0) return;
    this.#address = unmapped(answer.address ?? "");
    this.#port = answer.port ?? 0;
  }
}

function unmapped(address: string): string {
  return address.startsWith(MAPPED) ? address.slice(MAPPED.length) : address;
}

/** Whoever comes over a Unix socket. */
export const LOCAL_PEER: Peer = { address: "local", port: 0, identity: null, certificate: null };
