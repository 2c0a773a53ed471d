import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { type ServerOptions, WebSocketServer } from "ws";
import type { Intake } from "../intake-stage.ts";
import { CompressedStream } from "./compressed-stream.ts";
import { chooseSubprotocol } from "./upgrade-request.ts";

/** How long the other side may take to close after it was told to, milliseconds. */
const CLOSE_DEADLINE = 2_000;
/** Pieces in which a message may come; each is an object until the message is complete. */
const MOST_PIECES = 16 * 1024;
/** Pieces of a large message come as large as the network makes them. */
const BYTES_PER_PIECE = 512;
/**
 * How large a message may become, bytes: what somebody nobody knows yet sends can become a thousand times as large, and so
 * many of them at once as are decompressed at a time.
 */
const LARGEST = 4 * 1024 * 1024;
/** Messages that are compressed or decompressed at the same time, by threads. */
const AT_ONCE = 10;

/**
 * Upgrades connections whose messages are to be compressed [RFC 7692]. That is for few, so it is ws that does it, by the
 * streams of the runtime. Neither side keeps its window from one message to the next: else each connection
 * would hold some hundred kilobytes.
 */
export class Compression {
  readonly #server: WebSocketServer;
  readonly #intakes = new WeakMap<Duplex, Intake>();

  constructor() {
    const options: ServerOptions & { readonly closeTimeout: number } = {
      noServer: true,
      clientTracking: false,
      perMessageDeflate: {
        serverNoContextTakeover: true,
        clientNoContextTakeover: true,
        concurrencyLimit: AT_ONCE,
      },
      skipUTF8Validation: true,
      maxFragments: MOST_PIECES,
      closeTimeout: CLOSE_DEADLINE,
      handleProtocols: (offered) => chooseSubprotocol(offered) ?? false,
    };
    this.#server = new WebSocketServer(options);
    this.#server.on("wsClientError", (error, socket) => {
      socket.end(
        `HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: text/plain\r\n\r\n${error.message}\n`,
        () => this.#intakes.get(socket)?.refuse(error.message),
      );
    });
  }

  /** Answers a request that was found good, and goes on with its connection. `largest`: bytes that a message may have. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer, largest: number, intake: Intake): void {
    const { options } = this.#server;
    options.maxPayload = Math.min(largest, LARGEST);
    options.maxBufferedChunks = MOST_PIECES + Math.ceil(options.maxPayload / BYTES_PER_PIECE);
    this.#intakes.set(socket, intake);
    this.#server.handleUpgrade(request, socket, head, (webSocket) => {
      intake.stream = new CompressedStream(webSocket, socket);
      intake.advance();
    });
  }
}
