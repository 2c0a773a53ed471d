import type { Socket } from "node:net";
import type { Arrival } from "../listener/arrival.ts";
import type { StreamReceiver } from "../listener/byte-stream.ts";
import {
  GuardedListener,
  type GuardedListenerOptions,
  type GuardedListenerServices,
} from "../listener/guarded-listener.ts";
import { handOver } from "../listener/socket-events.ts";
import type { SocketWays } from "../listener/socket-stream.ts";
import { type Peer, peerText } from "../session/peer.ts";
import type { HttpServer } from "./http-server.ts";

/** The server of the runtime reads and writes its sockets itself. */
const WAYS: SocketWays = { direct: false, staticRead: false, secure: false };

/** What a listener for HTTP works with. */
export interface HttpListenerServices extends GuardedListenerServices {
  /** Makes what speaks HTTP; called when the first client has come, so that a start does not wait for it. */
  readonly makeServer: () => Promise<HttpServer>;
}

/** Hears of the end of a connection. */
class HttpConnection implements StreamReceiver {
  readonly socket: Socket;
  readonly peer: Peer;
  /** Asked of the kernel while the socket is there. */
  readonly place: string;
  readonly #owner: HttpListener;

  constructor(socket: Socket, peer: Peer, owner: HttpListener) {
    this.socket = socket;
    this.peer = peer;
    this.place = peerText(peer);
    this.#owner = owner;
  }

  received(): void {}

  drained(): void {}

  leaving(): void {}

  failed(error: Error): void {
    this.#owner.failed(this, error);
  }

  closed(): void {
    this.#owner.gone(this);
  }
}

/** A listener for HTTP, with the limits and stages that those for MQTT have. */
export class HttpListener extends GuardedListener {
  readonly #services: HttpListenerServices;
  readonly #connections = new Set<HttpConnection>();
  #server: Promise<HttpServer> | null = null;

  constructor(options: GuardedListenerOptions, services: HttpListenerServices) {
    super(options, services);
    this.#services = services;
  }

  /** Accepts no more; what has been asked is answered, then the connections end. */
  retire(): void {
    this.stopAccepting();
    if (this.#server === null) return;
    void this.#server.then(
      (server) => server.end(),
      () => {},
    );
  }

  override close(): void {
    super.close();
    const server = this.#server;
    this.#server = null;
    void server?.then(
      (made) => made.close(),
      () => {},
    );
  }

  gone(connection: HttpConnection): void {
    if (this.#connections.delete(connection)) this.left(connection.peer);
  }

  /** What clients do wrong is told; that they go is not. */
  failed({ place }: HttpConnection, error: Error): void {
    const code = "code" in error && typeof error.code === "string" ? error.code : "";
    if (!/^(HPE_|ERR_HTTP)/.test(code)) return;
    this.#services.log
      .limited("http-client", 5)
      .warning("http", `listener ${this.name} closes ${place}: ${error.message} (${code})`);
  }

  protected override get connected(): number {
    return this.#connections.size;
  }

  protected override get acceptedWays(): SocketWays {
    return WAYS;
  }

  protected override destroyConnected(): void {
    for (const { socket } of this.#connections) socket.destroy();
  }

  protected override connectedPeers(): Iterable<Peer> {
    return Array.from(this.#connections, ({ peer }) => peer);
  }

  protected override welcome(socket: Socket, ways: SocketWays, peer: Peer): void {
    this.lead(socket, ways, peer);
  }

  protected override take(arrival: Arrival): void {
    const { socket, peer } = arrival;
    const connection = new HttpConnection(socket, peer, this);
    this.#connections.add(connection);
    handOver(socket, connection);
    void this.#serve(socket);
  }

  async #serve(socket: Socket): Promise<void> {
    try {
      this.#server ??= this.#services.makeServer();
      const server = await this.#server;
      if (!socket.destroyed) server.serve(socket);
    } catch (error) {
      this.#services.log.limited("http-fault", 5).crash("http", `listener ${this.name} cannot serve`, error);
      socket.destroy();
    }
  }
}
