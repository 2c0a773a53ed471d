import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Logger } from "../log/logger.ts";
import type { HttpAnswer, HttpModule, Route } from "./http-module.ts";
import { pathOf, type RequestLimits, refusedStatus } from "./request-check.ts";

/** How long the headers of a request may take from the first byte, or from the beginning of the connection, milliseconds. */
const HEADERS_TIMEOUT = 10_000;
/** How long a whole request may take, milliseconds. */
const REQUEST_TIMEOUT = 30_000;
/** How long a connection may wait for its next request, milliseconds: longer than monitoring asks again. */
const IDLE_TIMEOUT = 75_000;
/** How often the time-outs are looked after, milliseconds. */
const CHECK_INTERVAL = 1_000;
/** Requests on one connection. */
const MOST_REQUESTS = 10_000;
/** Headers of one request; what comes after them is not read. */
const MOST_HEADERS = 100;
/** What all headers may have besides the request line and two of the longest values, bytes. */
const OTHER_HEADERS = 8 * 1024;

export interface HttpServerOptions {
  /** For the log. */
  readonly listener: string;
  readonly modules: readonly HttpModule[];
  readonly limits: RequestLimits;
  readonly log: Logger;
  /** Other time-outs than usual, for tests. */
  readonly timeouts?: { readonly headers: number; readonly request: number; readonly check: number };
}

/** Speaks HTTP on sockets that a listener has accepted. */
export class HttpServer {
  readonly #options: HttpServerOptions;
  readonly #routes: ReadonlyMap<string, Route>;
  readonly #server: Server;
  #ending = false;

  constructor(options: HttpServerOptions) {
    const { limits, modules, timeouts } = options;
    this.#options = options;
    this.#routes = new Map(
      modules.flatMap(({ routes }) => routes.map((route) => [route.path, route] as const)),
    );
    this.#server = createServer(
      {
        maxHeaderSize: limits.requestLine + 2 * limits.headerValue + OTHER_HEADERS,
        headersTimeout: timeouts?.headers ?? HEADERS_TIMEOUT,
        requestTimeout: timeouts?.request ?? REQUEST_TIMEOUT,
        keepAliveTimeout: IDLE_TIMEOUT,
        connectionsCheckingInterval: timeouts?.check ?? CHECK_INTERVAL,
        insecureHTTPParser: false,
      },
      (request, response) => this.#serve(request, response),
    );
    this.#server.maxHeadersCount = MOST_HEADERS;
    this.#server.maxRequestsPerSocket = MOST_REQUESTS;
    // It never listens itself; with this it begins to look after the time-outs of what it is given.
    this.#server.emit("listening");
  }

  /** Serves a paused socket. */
  serve(socket: Socket): void {
    this.#server.emit("connection", socket);
    socket.resume();
  }

  /** Ends: idle connections at once, others with the answer to what they have asked. */
  end(): void {
    this.#ending = true;
    this.#server.closeIdleConnections();
  }

  /** All connections have ended: stops looking after time-outs. */
  close(): void {
    this.#server.close();
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    if (this.#ending) response.shouldKeepAlive = false;
    const refused = refusedStatus(request, this.#options.limits);
    if (refused !== null) {
      response.shouldKeepAlive = false;
      send(response, { status: refused }, {});
      return;
    }
    const route = this.#routes.get(pathOf(request.url ?? ""));
    if (route === undefined) {
      send(response, { status: 404 }, {});
      return;
    }
    const { method = "" } = request;
    const { methods } = route;
    const allow = methods === undefined ? {} : { allow: methods.join(", ") };
    if (methods?.includes(method) === false) send(response, { status: 405 }, allow);
    else if (methods !== undefined && method === "OPTIONS") send(response, { status: 200 }, allow);
    else send(response, this.#answer(route, method, request), allow);
  }

  #answer(route: Route, method: string, { headers }: IncomingMessage): HttpAnswer {
    try {
      return route.answer({ method, headers });
    } catch (error) {
      const { log, listener } = this.#options;
      log.limited("http-fault", 5).crash("http", `answering ${route.path} on ${listener} failed`, error);
      return { status: 500 };
    }
  }
}

function send(
  response: ServerResponse,
  { status, type, body = "" }: HttpAnswer,
  headers: Readonly<Record<string, string>>,
): void {
  response.writeHead(status, {
    ...headers,
    ...(type && { "content-type": type }),
    "cache-control": "no-store",
    "content-length": Buffer.byteLength(body),
  });
  response.end(body);
}
