import { chmod } from "node:fs/promises";
import { createServer, type Server, type Socket } from "node:net";
import type { Clock } from "../clock/clock.ts";
import type { TimerWheel } from "../clock/timer-wheel.ts";
import type { ListenerKind } from "../config/schema/listener/kind.ts";
import type { Address } from "../config/type/address.ts";
import type { Logger } from "../log/logger.ts";
import type { Counters } from "../metrics/counters.ts";
import { Metric } from "../metrics/metric.ts";
import { type Peer, peerText } from "../session/peer.ts";
import { Arrival, type ArrivalOwner } from "./arrival.ts";
import type { ByteStream } from "./byte-stream.ts";
import { Connection, type ConnectionHandler, type WriteRules } from "./connection.ts";
import { writeDirectly } from "./direct-write.ts";
import type { IntakeStage } from "./intake-stage.ts";
import type { Listener } from "./listener.ts";
import { handOver, observeSocket, onStaticRead, readSocket } from "./socket-events.ts";
import { LOCAL_PEER, SocketPeer } from "./socket-peer.ts";
import { acceptWithStaticRead } from "./static-read.ts";
import type { TlsDirectory } from "./tls/tls-directory.ts";
import { clearSocketPath } from "./unix-socket.ts";

/** Connections that may wait to be accepted. */
const BACKLOG = 4096;

/** How a listener treats its connections. */
export interface MqttListenerOptions {
  readonly name: string;
  readonly kind: ListenerKind;
  readonly address: Address;
  /** Of an IPv6 wildcard address: leave IPv4 to another listener. */
  readonly ipv6Only: boolean;
  /** Permission bits of a Unix socket; undefined: as the umask says. */
  readonly unixSocketMode: number | undefined;
  /** Infinity for no limit. */
  readonly maxConnections: number;
  /** Bytes that may wait in the process for a slow reader. */
  readonly writeLimit: number;
  /** Read into one static buffer where the runtime allows; not with stages that put something over the socket. */
  readonly staticRead: boolean;
  /** What comes between accepting and the session. */
  readonly stages: readonly IntakeStage[];
}

/** What listeners of a node work with. */
export interface ListenerServices {
  readonly counters: Counters;
  readonly wheel: TimerWheel;
  readonly clock: Clock;
  readonly log: Logger;
  /** Where listeners with TLS enter themselves. */
  readonly tls: TlsDirectory;
  readonly limits: ListenerLimits;
}

/** Limits that may change while listeners are open. */
export interface ListenerLimits {
  /** Bytes of one WebSocket message of a client; Infinity for no limit. */
  readonly webSocketMessage: number;
}

/** Accepts connections, leads them through the stages of the listener, and hands each to a session. */
export class MqttListener implements Listener, ArrivalOwner {
  readonly #options: MqttListenerOptions;
  readonly #makeHandler: (connection: Connection) => ConnectionHandler;
  readonly #services: ListenerServices;
  readonly #connections = new Set<Connection>();
  readonly #arrivals = new Set<Arrival>();
  #server: Server | null = null;
  readonly #plain: WriteRules;
  readonly #layered: WriteRules;
  #port: number;
  #accepted = 0;
  #opened = false;

  constructor(
    options: MqttListenerOptions,
    makeHandler: (connection: Connection) => ConnectionHandler,
    services: ListenerServices,
  ) {
    this.#options = options;
    this.#makeHandler = makeHandler;
    this.#services = services;
    this.#port = options.address.kind === "ip" ? options.address.port : 0;
    this.#plain = { limit: options.writeLimit, untilDone: false };
    this.#layered = { limit: options.writeLimit, untilDone: true };
  }

  get name(): string {
    return this.#options.name;
  }

  get kind(): ListenerKind {
    return this.#options.kind;
  }

  get address(): Address {
    return this.#options.address;
  }

  get active(): number {
    return this.#connections.size + this.#arrivals.size;
  }

  /** Connections that have no session yet. */
  get pending(): number {
    return this.#arrivals.size;
  }

  get accepted(): number {
    return this.#accepted;
  }

  get listening(): boolean {
    return this.#server?.listening === true;
  }

  get port(): number {
    return this.#port;
  }

  /** Opens what the stages need. Rejects with the reason why the listener cannot be started. */
  async prepare(): Promise<void> {
    if (this.#opened) return;
    this.#opened = true;
    for (const stage of this.#options.stages) await stage.open?.();
  }

  async listen(): Promise<void> {
    await this.prepare();
    const { address, unixSocketMode } = this.#options;
    if (address.kind === "unix") await clearSocketPath(address.path);
    await this.#bind();
    if (address.kind === "unix" && unixSocketMode !== undefined) await chmod(address.path, unixSocketMode);
  }

  stopAccepting(): void {
    this.#server?.close();
    this.#server = null;
  }

  destroyAll(): void {
    for (const arrival of this.#arrivals) arrival.destroy();
    for (const connection of this.#connections) connection.destroy();
  }

  close(): void {
    this.stopAccepting();
    if (this.#opened) for (const stage of this.#options.stages) stage.close?.();
    this.#opened = false;
  }

  arrived(arrival: Arrival): void {
    this.#arrivals.delete(arrival);
    const { socket, stream, rest, wrapped, staticRead } = arrival;
    if (stream !== null) {
      const connection = this.#connect(stream, arrival.peer, this.#layered);
      stream.deliverTo(connection);
      stream.resume();
      return;
    }
    const connection = wrapped
      ? this.#connect(socket, arrival.peer, this.#layered)
      : this.#connect(staticRead ? writeDirectly(socket) : socket, arrival.peer, this.#plain);
    handOver(socket, connection);
    if (rest !== null) connection.received(rest, rest.length);
    start(socket, staticRead, connection);
  }

  refused(arrival: Arrival, reason: string, late: boolean): void {
    const { counters, log } = this.#services;
    this.#arrivals.delete(arrival);
    counters.increment(late ? Metric.socket_close_timeout : Metric.socket_error);
    log
      .limited("intake-refused", 20)
      .warning("listener", `listener ${this.name} refuses ${peerText(arrival.peer)}: ${reason}`);
  }

  faulted(arrival: Arrival, error: unknown): void {
    const { counters, log } = this.#services;
    this.#arrivals.delete(arrival);
    counters.increment(Metric.socket_error);
    log
      .limited("intake-fault", 5)
      .crash(
        "listener",
        `accepting a connection from ${peerText(arrival.peer)} on ${this.name} failed`,
        error,
      );
  }

  vanished(arrival: Arrival): void {
    this.#arrivals.delete(arrival);
  }

  #bind(): Promise<void> {
    const { address, staticRead, ipv6Only } = this.#options;
    return new Promise((resolve, reject) => {
      const server = createServer({ noDelay: true, pauseOnConnect: true }, (socket) =>
        this.#accept(socket, false),
      );
      server.once("error", reject);
      server.listen(
        address.kind === "ip"
          ? { host: address.host, port: this.#port, backlog: BACKLOG, ipv6Only }
          : { path: address.path, backlog: BACKLOG },
        () => {
          server.off("error", reject);
          server.on("error", (error) =>
            this.#services.log
              .limited("accept", 1)
              .error("listener", `accepting on ${this.name}: ${error.message}`),
          );
          if (staticRead) acceptWithStaticRead(server, onStaticRead, (socket) => this.#accept(socket, true));
          this.#server = server;
          const bound = server.address();
          // Once it has got a port for 0, it comes back on the same one.
          if (bound !== null && typeof bound === "object") this.#port = bound.port;
          resolve();
        },
      );
    });
  }

  #accept(socket: Socket, staticRead: boolean): void {
    const { maxConnections, stages, address } = this.#options;
    if (this.active >= maxConnections) {
      this.#services.counters.increment(Metric.socket_error);
      this.#services.log
        .limited("max-connections", 1)
        .warning("listener", `listener ${this.name} has reached max_connections, refusing connections`);
      socket.destroy();
      return;
    }
    this.#accepted++;
    const peer = address.kind === "unix" ? LOCAL_PEER : new SocketPeer(socket);
    if (stages.length > 0) {
      const arrival = new Arrival(socket, staticRead, peer, stages, this.#services.wheel, this);
      this.#arrivals.add(arrival);
      arrival.advance();
      return;
    }
    const connection = this.#connect(staticRead ? writeDirectly(socket) : socket, peer, this.#plain);
    observeSocket(socket, connection);
    start(socket, staticRead, connection);
  }

  #connect(stream: ByteStream, peer: Peer, rules: WriteRules): Connection {
    const connection = new Connection(
      stream,
      peer,
      this.#makeHandler,
      this.#services.counters,
      rules,
      this.#connections,
    );
    this.#connections.add(connection);
    return connection;
  }
}

/** The connection hears of its socket; now it is read. */
function start(socket: Socket, staticRead: boolean, connection: Connection): void {
  if (!staticRead) readSocket(socket);
  if (!connection.paused) socket.resume();
}
