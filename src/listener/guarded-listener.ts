import { createServer, type Server, type Socket } from "node:net";
import type { Clock } from "../clock/clock.ts";
import type { TimerWheel } from "../clock/timer-wheel.ts";
import type { ListenerKind } from "../config/schema/listener/kind.ts";
import type { Address } from "../config/type/address.ts";
import type { SocketOptions } from "../config/type/socket-options.ts";
import type { Logger } from "../log/logger.ts";
import type { Counters } from "../metrics/counters.ts";
import { Metric } from "../metrics/metric.ts";
import { type Peer, peerText } from "../session/peer.ts";
import { Arrival, type ArrivalOwner } from "./arrival.ts";
import type { ConnectionGuard } from "./connection-guard.ts";
import type { IntakeStage } from "./intake-stage.ts";
import type { Listener } from "./listener.ts";
import { type ListeningPlace, openServer } from "./open-server.ts";
import { LOCAL_PEER, SocketPeer } from "./socket-peer.ts";
import type { SocketWays } from "./socket-stream.ts";
import type { TlsDirectory } from "./tls/tls-directory.ts";

/** After how long without traffic a peer is probed, milliseconds. */
const PROBE_AFTER = 60_000;

/** How a listener treats its connections, whatever is spoken on them. */
export interface GuardedListenerOptions extends Omit<ListeningPlace, "port"> {
  readonly name: string;
  readonly kind: ListenerKind;
  /** Infinity for no limit. */
  readonly maxConnections: number;
  readonly socketOptions: SocketOptions;
  /** What comes between accepting and speaking. */
  readonly stages: readonly IntakeStage[];
}

/** What listeners work with. */
export interface GuardedListenerServices {
  readonly counters: Counters;
  readonly wheel: TimerWheel;
  readonly clock: Clock;
  readonly log: Logger;
  /** Where listeners with TLS enter themselves. */
  readonly tls: TlsDirectory;
  readonly guard: ConnectionGuard;
}

/** A connection that may be let in: a socket, or something like it. */
export interface Candidate {
  setNoDelay(enable: boolean): unknown;
  setKeepAlive(enable: boolean, milliseconds: number): unknown;
  destroy(): unknown;
}

/** Accepts connections as far as the limits allow, and leads them through the stages of the listener. */
export abstract class GuardedListener implements Listener, ArrivalOwner {
  readonly #options: GuardedListenerOptions;
  readonly #services: GuardedListenerServices;
  readonly #arrivals = new Set<Arrival>();
  #server: Server | null = null;
  /** Addresses are judged at once; else when the stages have found out who is there. */
  readonly #addressesAtOnce: boolean;
  #port: number;
  #accepted = 0;
  #opened = false;

  constructor(options: GuardedListenerOptions, services: GuardedListenerServices) {
    this.#options = options;
    this.#services = services;
    this.#addressesAtOnce = !options.stages.some(({ findsPeer }) => findsPeer === true);
    this.#port = options.address.kind === "ip" ? options.address.port : 0;
  }

  /** How sockets that come by the runtime's own way are read and written. */
  protected abstract readonly acceptedWays: SocketWays;
  /** Connections that are through the stages. */
  protected abstract readonly connected: number;
  /** A connection has been let in and has to go through the stages, if there are any; its socket is paused. */
  protected abstract welcome(socket: Socket, ways: SocketWays, peer: Peer): void;
  /** The stages are behind it. Its end must be told by `left`. */
  protected abstract take(arrival: Arrival): void;
  /** The server has been made and is not listening yet. */
  protected prepareServer(_server: Server): void {}
  protected abstract destroyConnected(): void;
  protected abstract connectedPeers(): Iterable<Peer>;

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
    return this.connected + this.#arrivals.size;
  }

  /** Connections that are on their way through the stages. */
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
    const server = createServer({ noDelay: true, pauseOnConnect: true }, (socket) =>
      this.accept(socket, this.acceptedWays),
    );
    this.prepareServer(server);
    // Once it has got a port for 0, it comes back on the same one.
    this.#port = await openServer(server, { ...this.#options, port: this.#port });
    server.on("error", (error) =>
      this.#services.log
        .limited("accept", 1)
        .error("listener", `accepting on ${this.name}: ${error.message}`),
    );
    this.#server = server;
  }

  /** Addresses have begun to count: those of the connections that are there are told to the guard. */
  countAddresses(): void {
    const { guard } = this.#services;
    const adopt = (peer: Peer): void => {
      if (this.#countsAddress(peer)) guard.adopt(peer.address);
    };
    if (this.#addressesAtOnce) for (const { peer } of this.#arrivals) adopt(peer);
    for (const peer of this.connectedPeers()) adopt(peer);
  }

  stopAccepting(): void {
    this.#server?.close();
    this.#server = null;
  }

  destroyAll(): void {
    for (const arrival of this.#arrivals) arrival.destroy();
    this.destroyConnected();
  }

  close(): void {
    this.stopAccepting();
    if (this.#opened) for (const stage of this.#options.stages) stage.close?.();
    this.#opened = false;
  }

  arrived(arrival: Arrival): void {
    const { guard } = this.#services;
    this.#arrivals.delete(arrival);
    guard.went();
    if (!this.#addressesAtOnce && !this.#isLetInFrom(arrival.peer)) {
      guard.leave();
      arrival.destroy();
      return;
    }
    this.take(arrival);
  }

  refused(arrival: Arrival, reason: string, late: boolean): void {
    const { counters, log } = this.#services;
    this.#arrivalLeft(arrival);
    counters.increment(late ? Metric.socket_close_timeout : Metric.socket_error);
    log
      .limited("intake-refused", 20)
      .warning("listener", `listener ${this.name} refuses ${peerText(arrival.peer)}: ${reason}`);
  }

  faulted(arrival: Arrival, error: unknown): void {
    const { counters, log } = this.#services;
    this.#arrivalLeft(arrival);
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
    this.#arrivalLeft(arrival);
  }

  /** A connection that was let in has ended. */
  protected left(peer: Peer): void {
    const { guard } = this.#services;
    guard.leave();
    if (this.#countsAddress(peer)) guard.leaveFrom(peer.address);
  }

  /** Sends a connection through the stages. */
  protected lead(socket: Socket, ways: SocketWays, peer: Peer): void {
    this.#services.guard.came();
    const arrival = new Arrival(socket, ways, peer, this.#options.stages, this.#services.wheel, this);
    this.#arrivals.add(arrival);
    arrival.advance();
  }

  /** Lets an accepted socket in, or turns it away. */
  protected accept(socket: Socket, ways: SocketWays): void {
    const peer = this.isLocal ? LOCAL_PEER : new SocketPeer(socket);
    if (this.letIn(socket, peer)) this.welcome(socket, ways, peer);
  }

  /** It listens on a Unix socket. */
  protected get isLocal(): boolean {
    return this.#options.address.kind === "unix";
  }

  /** Lets an accepted connection in, or ends it: false. */
  protected letIn(candidate: Candidate, peer: Peer): boolean {
    const { maxConnections } = this.#options;
    const { guard } = this.#services;
    if (this.active >= maxConnections) {
      this.#services.counters.increment(Metric.socket_refused_limit);
      this.#turnAway("it has reached max_connections");
      candidate.destroy();
      return false;
    }
    const refusal = guard.enter();
    if (refusal !== null) {
      this.#turnAway(refusal);
      candidate.destroy();
      return false;
    }
    if (this.#addressesAtOnce && !this.#isLetInFrom(peer)) {
      guard.leave();
      candidate.destroy();
      return false;
    }
    this.#accepted++;
    this.#adjust(candidate);
    return true;
  }

  /** Connections come without delay of small packets, and without probes. */
  #adjust(candidate: Candidate): void {
    const { keepAlive, noDelay } = this.#options.socketOptions;
    if (keepAlive) candidate.setKeepAlive(true, PROBE_AFTER);
    if (!noDelay) candidate.setNoDelay(false);
  }

  #arrivalLeft(arrival: Arrival): void {
    const { guard } = this.#services;
    this.#arrivals.delete(arrival);
    guard.went();
    guard.leave();
    if (this.#addressesAtOnce && this.#countsAddress(arrival.peer)) guard.leaveFrom(arrival.peer.address);
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
}
