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
import { Connection, type ConnectionHandler, type ConnectionOwner } from "./connection.ts";
import type { ConnectionGuard } from "./connection-guard.ts";
import type { IntakeStage } from "./intake-stage.ts";
import type { Listener } from "./listener.ts";
import { observeSocket, onStaticRead } from "./socket-events.ts";
import { LOCAL_PEER, SocketPeer } from "./socket-peer.ts";
import { receiveFrom, type SocketWays, socketStream } from "./socket-stream.ts";
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
  /** Sockets are read into one static buffer and written to past the streams of the runtime, where it allows that. */
  readonly direct: boolean;
  /** No stage puts anything over the socket. */
  readonly plain: boolean;
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
  readonly guard: ConnectionGuard;
}

/** Limits that may change while listeners are open. */
export interface ListenerLimits {
  /** Bytes of one WebSocket message of a client; Infinity for no limit. */
  readonly webSocketMessage: number;
}

/** Accepts connections, leads them through the stages of the listener, and hands each to a session. */
export class MqttListener implements Listener, ArrivalOwner, ConnectionOwner {
  readonly #options: MqttListenerOptions;
  readonly #makeHandler: (connection: Connection) => ConnectionHandler;
  readonly #services: ListenerServices;
  readonly #connections = new Set<Connection>();
  readonly #arrivals = new Set<Arrival>();
  #server: Server | null = null;
  readonly #ways: SocketWays;
  /** Addresses are judged at once; else when the stages have found out who is there. */
  readonly #addressesAtOnce: boolean;
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
    this.#addressesAtOnce = !options.stages.some(({ findsPeer }) => findsPeer === true);
    this.#port = options.address.kind === "ip" ? options.address.port : 0;
    const { direct, plain } = options;
    this.#ways = { direct, staticRead: direct && plain, secure: false };
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
    this.#services.guard.went();
    if (!this.#addressesAtOnce && !this.#isLetInFrom(arrival.peer)) {
      this.#services.guard.leave();
      arrival.destroy();
      return;
    }
    const { socket, stream: messages, rest, ways } = arrival;
    const stream = messages ?? socketStream(socket, ways);
    const connection = this.#connect(stream, arrival.peer);
    if (messages === null) receiveFrom(socket, stream, connection, ways);
    else messages.deliverTo(connection);
    if (rest !== null) connection.received(rest, 0, rest.length);
    if (!connection.paused) stream.resume();
  }

  refused(arrival: Arrival, reason: string, late: boolean): void {
    const { counters, log } = this.#services;
    this.#left(arrival);
    counters.increment(late ? Metric.socket_close_timeout : Metric.socket_error);
    log
      .limited("intake-refused", 20)
      .warning("listener", `listener ${this.name} refuses ${peerText(arrival.peer)}: ${reason}`);
  }

  faulted(arrival: Arrival, error: unknown): void {
    const { counters, log } = this.#services;
    this.#left(arrival);
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
    this.#left(arrival);
  }

  gone(connection: Connection): void {
    const { guard } = this.#services;
    this.#connections.delete(connection);
    guard.leave();
    if (this.#countsAddress(connection.peer)) guard.leaveFrom(connection.peer.address);
  }

  #left(arrival: Arrival): void {
    const { guard } = this.#services;
    this.#arrivals.delete(arrival);
    guard.went();
    guard.leave();
    if (this.#addressesAtOnce && this.#countsAddress(arrival.peer)) guard.leaveFrom(arrival.peer.address);
  }

  #bind(): Promise<void> {
    const { address, ipv6Only } = this.#options;
    const { staticRead } = this.#ways;
    return new Promise((resolve, reject) => {
      const server = createServer({ noDelay: true, pauseOnConnect: true }, (socket) =>
        this.#accept(socket, { ...this.#ways, staticRead: false }),
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
          if (staticRead)
            acceptWithStaticRead(server, onStaticRead, (socket) => this.#accept(socket, this.#ways));
          this.#server = server;
          const bound = server.address();
          // Once it has got a port for 0, it comes back on the same one.
          if (bound !== null && typeof bound === "object") this.#port = bound.port;
          resolve();
        },
      );
    });
  }

  #accept(socket: Socket, ways: SocketWays): void {
    const { maxConnections, stages, address } = this.#options;
    const { guard } = this.#services;
    if (this.active >= maxConnections) {
      this.#services.counters.increment(Metric.socket_refused_limit);
      this.#turnAway("it has reached max_connections");
      socket.destroy();
      return;
    }
    const refusal = guard.enter();
    if (refusal !== null) {
      this.#turnAway(refusal);
      socket.destroy();
      return;
    }
    const peer = address.kind === "unix" ? LOCAL_PEER : new SocketPeer(socket);
    if (this.#addressesAtOnce && !this.#isLetInFrom(peer)) {
      guard.leave();
      socket.destroy();
      return;
    }
    this.#accepted++;
    if (stages.length > 0) {
      guard.came();
      const arrival = new Arrival(socket, ways, peer, stages, this.#services.wheel, this);
      this.#arrivals.add(arrival);
      arrival.advance();
      return;
    }
    const stream = socketStream(socket, ways);
    const connection = this.#connect(stream, peer);
    observeSocket(socket, connection);
    receiveFrom(socket, stream, connection, ways);
    if (!connection.paused) stream.resume();
  }

  /** Whether the client's address has connections left; says so when not. */
  #isLetInFrom(peer: Peer): boolean {
    if (!this.#countsAddress(peer)) return true;
    const refusal = this.#services.guard.enterFrom(peer.address);
    if (refusal !== null) this.#turnAway(refusal);
    return refusal === null;
  }

  /** All on this machine who come over a Unix socket have the same address. */
  #countsAddress(peer: Peer): boolean {
    return this.#services.guard.byAddress && peer !== LOCAL_PEER;
  }

  /** One line a second for all that are not let in. */
  #turnAway(reason: string): void {
    this.#services.counters.increment(Metric.socket_error);
    this.#services.log
      .limited("turned-away", 1)
      .warning("listener", `listener ${this.name} refuses connections: ${reason}`);
  }

  #connect(stream: ByteStream, peer: Peer): Connection {
    const { writeLimit } = this.#options;
    const { counters } = this.#services;
    const connection = new Connection(stream, peer, this.#makeHandler, counters, writeLimit, this);
    this.#connections.add(connection);
    return connection;
  }
}
