import { createServer, type Server, type Socket } from "node:net";
import type { Logger } from "../log/logger.ts";
import type { Counters } from "../metrics/counters.ts";
import { Metric } from "../metrics/metric.ts";
import { Connection, type ConnectionHandler, onStaticRead } from "./connection.ts";
import { acceptWithStaticRead } from "./static-read.ts";

/** Connections that may wait to be accepted. */
const BACKLOG = 4096;

/** Where a listener listens. */
export type ListenAddress =
  | { readonly kind: "ip"; readonly host: string; readonly port: number }
  | { readonly kind: "unix"; readonly path: string };

/** How a listener treats its connections. */
export interface TcpListenerOptions {
  readonly name: string;
  readonly address: ListenAddress;
  /** Infinity for no limit. */
  readonly maxConnections: number;
  /** Bytes that may wait in the process for a slow reader. */
  readonly writeLimit: number;
  /** Read into one static buffer where the runtime allows. */
  readonly staticRead: boolean;
}

/** Accepts TCP (or Unix socket) connections and hands each to a session. */
export class TcpListener {
  readonly options: TcpListenerOptions;
  readonly #makeHandler: (connection: Connection) => ConnectionHandler;
  readonly #counters: Counters;
  readonly #log: Logger;
  readonly #server: Server;
  readonly #connections = new Set<Connection>();
  #accepted = 0;
  #listening = false;

  constructor(
    options: TcpListenerOptions,
    makeHandler: (connection: Connection) => ConnectionHandler,
    counters: Counters,
    log: Logger,
  ) {
    this.options = options;
    this.#makeHandler = makeHandler;
    this.#counters = counters;
    this.#log = log;
    this.#server = createServer({ noDelay: true, pauseOnConnect: true }, (socket) =>
      this.#accept(socket, false),
    );
  }

  /** Open connections. */
  get active(): number {
    return this.#connections.size;
  }

  /** Connections since the start. */
  get accepted(): number {
    return this.#accepted;
  }

  get listening(): boolean {
    return this.#listening;
  }

  /** The port it got, for port 0. */
  get port(): number {
    const address = this.#server.address();
    return address !== null && typeof address === "object" ? address.port : 0;
  }

  /** Resolves when connections are accepted. Rejects with the reason why they cannot be. */
  listen(): Promise<void> {
    const { address } = this.options;
    return new Promise((resolve, reject) => {
      const server = this.#server;
      server.once("error", reject);
      server.listen(
        address.kind === "ip"
          ? { host: address.host, port: address.port, backlog: BACKLOG }
          : { path: address.path, backlog: BACKLOG },
        () => {
          server.off("error", reject);
          server.on("error", (error) =>
            this.#log
              .limited("accept", 1)
              .error("listener", `accepting on ${this.options.name}: ${error.message}`),
          );
          if (this.options.staticRead) {
            acceptWithStaticRead(server, onStaticRead, (socket) => this.#accept(socket, true));
          }
          this.#listening = true;
          resolve();
        },
      );
    });
  }

  /** Accepts no more connections; the open ones stay. */
  stopAccepting(): void {
    this.#listening = false;
    this.#server.close();
  }

  /** Cuts off all connections. */
  destroyAll(): void {
    for (const connection of this.#connections) connection.destroy();
  }

  #accept(socket: Socket, staticRead: boolean): void {
    if (this.#connections.size >= this.options.maxConnections) {
      this.#counters.increment(Metric.socket_error);
      this.#log
        .limited("max-connections", 1)
        .warning(
          "listener",
          `listener ${this.options.name} has reached max_connections, refusing connections`,
        );
      socket.destroy();
      return;
    }
    this.#accepted++;
    const connection = new Connection(
      socket,
      staticRead,
      this.#makeHandler,
      this.#counters,
      this.options.writeLimit,
      this.#connections,
    );
    this.#connections.add(connection);
  }
}
