import type { Server, Socket } from "node:net";
import type { Peer } from "../session/peer.ts";
import { type AcceptedStream, acceptStreams } from "./accepted-stream.ts";
import type { Arrival } from "./arrival.ts";
import type { ByteStream } from "./byte-stream.ts";
import { Connection, type ConnectionHandler, type ConnectionOwner } from "./connection.ts";
import {
  GuardedListener,
  type GuardedListenerOptions,
  type GuardedListenerServices,
} from "./guarded-listener.ts";
import { observeSocket, onStaticRead } from "./socket-events.ts";
import type { AcceptedHandle } from "./socket-handle.ts";
import { HandlePeer, LOCAL_PEER } from "./socket-peer.ts";
import { receiveFrom, type SocketWays, socketStream } from "./socket-stream.ts";
import { acceptWithStaticRead } from "./static-read.ts";

/** How a listener for MQTT treats its connections. */
export interface MqttListenerOptions extends GuardedListenerOptions {
  /** Bytes that may wait in the process for a slow reader. */
  readonly writeLimit: number;
  /** Sockets are read into one static buffer and written to past the streams of the runtime, where it allows that. */
  readonly direct: boolean;
  /** No stage puts anything over the socket. */
  readonly plain: boolean;
}

/** What listeners for MQTT of a node work with. */
export interface ListenerServices extends GuardedListenerServices {
  readonly limits: ListenerLimits;
}

/** Limits that may change while listeners are open. */
export interface ListenerLimits {
  /** Bytes of one WebSocket message of a client; Infinity for no limit. */
  readonly webSocketMessage: number;
}

/** A listener that hands each connection to a session. */
export class MqttListener extends GuardedListener implements ConnectionOwner {
  readonly #options: MqttListenerOptions;
  readonly #makeHandler: (connection: Connection) => ConnectionHandler;
  readonly #services: ListenerServices;
  readonly #connections = new Set<Connection>();
  readonly #ways: SocketWays;
  readonly #accepted: SocketWays;

  constructor(
    options: MqttListenerOptions,
    makeHandler: (connection: Connection) => ConnectionHandler,
    services: ListenerServices,
  ) {
    super(options, services);
    this.#options = options;
    this.#makeHandler = makeHandler;
    this.#services = services;
    const { direct, plain } = options;
    this.#ways = { direct, staticRead: direct && plain, secure: false };
    this.#accepted = { ...this.#ways, staticRead: false };
  }

  gone(connection: Connection): void {
    this.#connections.delete(connection);
    this.left(connection.peer);
  }

  protected override get connected(): number {
    return this.#connections.size;
  }

  protected override get acceptedWays(): SocketWays {
    return this.#accepted;
  }

  protected override destroyConnected(): void {
    for (const connection of this.#connections) connection.destroy();
  }

  protected override connectedPeers(): Iterable<Peer> {
    return Array.from(this.#connections, ({ peer }) => peer);
  }

  protected override prepareServer(server: Server): void {
    if (!this.#ways.staticRead) return;
    server.once("listening", () => {
      if (this.#options.stages.length === 0) {
        acceptStreams(server, (stream, handle) => this.#acceptStream(stream, handle));
      } else acceptWithStaticRead(server, onStaticRead, (socket) => this.accept(socket, this.#ways));
    });
  }

  protected override welcome(socket: Socket, ways: SocketWays, peer: Peer): void {
    if (this.#options.stages.length > 0) {
      this.lead(socket, ways, peer);
      return;
    }
    const stream = socketStream(socket, ways);
    const connection = this.#connect(stream, peer);
    observeSocket(socket, connection);
    receiveFrom(socket, stream, connection, ways);
    if (!connection.paused) stream.resume();
  }

  protected override take(arrival: Arrival): void {
    const { socket, stream: messages, rest, ways } = arrival;
    const stream = messages ?? socketStream(socket, ways);
    const connection = this.#connect(stream, arrival.peer);
    if (messages === null) receiveFrom(socket, stream, connection, ways);
    else messages.deliverTo(connection);
    if (rest !== null) connection.received(rest, 0, rest.length);
    if (!connection.paused) stream.resume();
  }

  #acceptStream(stream: AcceptedStream, handle: AcceptedHandle): void {
    const peer = this.isLocal ? LOCAL_PEER : new HandlePeer(handle);
    if (!this.letIn(stream, peer)) return;
    const connection = this.#connect(stream, peer);
    stream.deliverTo(connection);
    if (!connection.paused) stream.resume();
  }

  #connect(stream: ByteStream, peer: Peer): Connection {
    const { writeLimit } = this.#options;
    const { counters } = this.#services;
    const connection = new Connection(stream, peer, this.#makeHandler, counters, writeLimit, this);
    this.#connections.add(connection);
    return connection;
  }
}
