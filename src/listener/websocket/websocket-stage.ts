import { createServer, type IncomingMessage, type Server, STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import type { ListenerConfiguration } from "../../config/listeners.ts";
import type { Arrival } from "../arrival.ts";
import type { IntakeStage } from "../intake-stage.ts";
import type { ListenerLimits } from "../mqtt-listener.ts";
import type { Compression } from "./compression.ts";
import { forwardedPeer, TrustedProxies } from "./forwarded-peer.ts";
import {
  offersCompression,
  type Refusal,
  type RequestLimits,
  refuseRequest,
  refuseUpgrade,
  upgradeResponse,
} from "./upgrade-request.ts";
import { WebSocketStream } from "./websocket-stream.ts";

/** How long the request may take, milliseconds. */
const DEADLINE = 10_000;
const MOST_HEADERS = 100;
/** Values of the longest allowed length that one request may have, beside its first line. */
const LONG_HEADERS = 4;
/** Nothing in memory is larger. */
const LARGEST_MESSAGE = 2 ** 30;

/** Reads the HTTP request that asks for WebSocket, and puts the messages of the WebSocket over the socket. */
export class WebSocketStage implements IntakeStage {
  readonly missing = "no WebSocket request";
  readonly deadline = DEADLINE;
  readonly findsPeer = true;
  readonly #configuration: ListenerConfiguration;
  readonly #limits: RequestLimits;
  readonly #messageLimits: ListenerLimits;
  readonly #http: Server;
  readonly #arrivals = new WeakMap<Duplex, Arrival>();
  #trusted = new TrustedProxies([]);
  #compression: Compression | null = null;

  constructor(configuration: ListenerConfiguration, limits: ListenerLimits) {
    this.#configuration = configuration;
    this.#messageLimits = limits;
    const { maxRequestLineLength, maxHeaderValueLength } = configuration;
    this.#limits = { requestLine: maxRequestLineLength, headerValue: maxHeaderValueLength };
    const maxHeaderSize = maxRequestLineLength + LONG_HEADERS * maxHeaderValueLength;
    this.#http = createServer({ maxHeaderSize }, (request, response) => {
      const { status, text } = refuseRequest(request, this.#limits) ?? { status: 426, text: "" };
      response.writeHead(status, headersFor(status));
      response.end(`${text}\n`);
    });
    this.#http.maxHeadersCount = MOST_HEADERS;
    this.#http.on("upgrade", (request, socket, head) => this.#upgrade(request, socket, head));
    this.#http.on("clientError", (error, socket) => this.#notHttp(error, socket));
  }

  async open(): Promise<void> {
    const { permessageDeflate, proxy } = this.#configuration;
    if (proxy.forwardedFor) this.#trusted = new TrustedProxies(proxy.trustedIntermediates);
    if (!permessageDeflate) return;
    const { Compression } = await import("./compression.ts");
    this.#compression = new Compression();
  }

  begin(arrival: Arrival): void {
    const { socket } = arrival;
    this.#arrivals.set(socket, arrival);
    this.#http.emit("connection", socket);
    socket.resume();
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const arrival = this.#arrivals.get(socket);
    if (arrival === undefined || arrival.over) return;
    if (!socket.writable || socket.writableLength > 0) {
      // An answer to an earlier request is still on its way: it closes the connection.
      socket.destroy();
      return;
    }
    const refusal = refuseRequest(request, this.#limits);
    if (refusal !== null) {
      answer(socket, refusal);
      return;
    }
    const problem = refuseUpgrade(request);
    if (problem !== null) {
      refuse(socket, arrival, problem);
      return;
    }
    const { proxy } = this.#configuration;
    if (proxy.forwardedFor) {
      const forwarded = forwardedPeer(arrival.peer, request.headers, this.#trusted, proxy);
      if (forwarded.kind === "refused") {
        refuse(socket, arrival, { status: 403, text: forwarded.problem });
        return;
      }
      arrival.peer = forwarded.peer;
    }
    const largest = Math.min(this.#messageLimits.webSocketMessage, LARGEST_MESSAGE);
    this.#arrivals.delete(socket);
    if (this.#compression !== null && offersCompression(request)) {
      this.#compression.upgrade(request, socket, head, largest, arrival);
      return;
    }
    arrival.openStream((below) => {
      const stream = new WebSocketStream(below, head, largest);
      const response = Buffer.from(upgradeResponse(request), "latin1");
      below.send(response, 0, response.length);
      arrival.stream = stream;
      return stream;
    });
    arrival.advance();
  }

  /** Something that is no HTTP, or too much of it. */
  #notHttp(error: NodeJS.ErrnoException, socket: Duplex): void {
    const arrival = this.#arrivals.get(socket);
    if (!socket.writable || error.code === "ECONNRESET") {
      socket.destroy();
      return;
    }
    const tooLong = error.code === "HPE_HEADER_OVERFLOW";
    refuse(socket, arrival, {
      status: tooLong ? 431 : 400,
      text: tooLong ? "the headers of the request are too long" : "no HTTP request",
    });
  }
}

/** The connection is of no use any more; a 426 has to name what would be. */
function headersFor(status: number): Readonly<Record<string, string>> {
  const connection =
    status === 426 ? { Connection: "close, Upgrade", Upgrade: "websocket" } : { Connection: "close" };
  return { ...connection, "Content-Type": "text/plain" };
}

/** Answers and closes, for a request that belongs somewhere else. */
function answer(socket: Duplex, { status, text, headers: more }: Refusal, done?: () => void): void {
  const body = `${text}\n`;
  const headers = Object.entries({
    ...headersFor(status),
    ...more,
    "Content-Length": String(Buffer.byteLength(body)),
  });
  const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join("")}\r\n${body}`, done);
}

/** Answers and closes, with a line in the log. */
function refuse(socket: Duplex, arrival: Arrival | undefined, refusal: Refusal): void {
  answer(socket, refusal, () => arrival?.refuse(refusal.text));
}
