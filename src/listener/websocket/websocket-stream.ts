import type { RawData, WebSocket } from "ws";
import type { MessageStream, StreamReceiver } from "../byte-stream.ts";

/**
 * How many bytes may come before the broker has answered anything: room for any CONNECT. Without it a client that
 * nobody knows yet could make the broker gather a message of the largest size.
 */
const UNANSWERED_LIMIT = 1024 * 1024;

const NORMAL = 1000;
const TEXT_REFUSED = 1003;
const TOO_BIG = 1009;
const UNSENT: readonly Buffer[] = [];

/** What is read of the connection below a WebSocket. */
export interface RawSocket {
  on(event: "data", listener: (chunk: Buffer) => void): unknown;
  on(event: "drain", listener: () => void): unknown;
  off(event: "data", listener: (chunk: Buffer) => void): unknown;
}

/** The binary messages of a WebSocket as a stream of bytes: where messages begin and end means nothing to MQTT. */
export class WebSocketStream implements MessageStream {
  readonly #webSocket: WebSocket;
  readonly #socket: RawSocket;
  #receiver: StreamReceiver | null = null;
  #paused = true;
  #delivering = false;
  #over = false;
  /** Came in the same read as what made the session pause. */
  #waiting: readonly Buffer[] = UNSENT;
  #closedMeanwhile = false;
  #unanswered = 0;
  #answered = false;
  readonly #count = (chunk: Buffer): void => this.#counted(chunk.length);

  /** Takes an open WebSocket whose messages come as fragments. */
  constructor(webSocket: WebSocket, socket: RawSocket) {
    this.#webSocket = webSocket;
    this.#socket = socket;
    webSocket.binaryType = "fragments";
    webSocket.on("message", (data, isBinary) => this.#message(data, isBinary));
    webSocket.on("error", (error) => this.#receiver?.failed(error));
    webSocket.on("close", () => this.#close());
    socket.on("data", this.#count);
    socket.on("drain", () => this.#receiver?.drained());
    webSocket.pause();
  }

  deliverTo(receiver: StreamReceiver): void {
    this.#receiver = receiver;
  }

  get writableLength(): number {
    return this.#webSocket.bufferedAmount;
  }

  /** One message for all bytes. */
  write(bytes: Uint8Array, done?: (error?: Error | null) => void): void {
    if (!this.#answered) {
      this.#answered = true;
      this.#socket.off("data", this.#count);
    }
    this.#webSocket.send(bytes, { binary: true, compress: false }, done);
  }

  pause(): void {
    this.#paused = true;
    this.#webSocket.pause();
  }

  resume(): void {
    this.#paused = false;
    if (this.#delivering) return;
    const waiting = this.#waiting;
    if (waiting.length > 0) {
      this.#waiting = UNSENT;
      this.#deliver(waiting);
    }
    if (this.#paused) return;
    this.#webSocket.resume();
    if (this.#closedMeanwhile) this.#close();
  }

  end(): void {
    this.#over = true;
    this.#waiting = UNSENT;
    this.#webSocket.close(NORMAL);
  }

  destroy(): void {
    this.#over = true;
    this.#waiting = UNSENT;
    this.#webSocket.terminate();
    if (this.#closedMeanwhile) queueMicrotask(() => this.#close());
  }

  #message(data: RawData, isBinary: boolean): void {
    if (this.#over) return;
    if (!isBinary) {
      this.#refuse(TEXT_REFUSED, "MQTT needs binary frames [MQTT-6.0.0-1]");
      return;
    }
    const pieces = Array.isArray(data) ? data : Buffer.isBuffer(data) ? [data] : [Buffer.from(data)];
    if (this.#paused || this.#delivering) this.#waiting = this.#waiting.concat(pieces);
    else this.#deliver(pieces);
  }

  #deliver(pieces: readonly Buffer[]): void {
    const receiver = this.#receiver;
    if (receiver === null) return;
    this.#delivering = true;
    let index = 0;
    while (index < pieces.length && !this.#paused && !this.#over) {
      const piece = pieces[index++];
      if (piece !== undefined) receiver.received(piece, piece.length);
    }
    this.#delivering = false;
    if (index < pieces.length && !this.#over) this.#waiting = pieces.slice(index).concat(this.#waiting);
  }

  #counted(length: number): void {
    this.#unanswered += length;
    if (this.#unanswered > UNANSWERED_LIMIT) {
      this.#socket.off("data", this.#count);
      this.#refuse(TOO_BIG, `more than ${UNANSWERED_LIMIT} bytes before CONNACK`);
      // Nothing more is gathered while the other side has its time to close.
      this.#webSocket.pause();
    }
  }

  /** Closes it in the way of WebSocket, and tells why. */
  #refuse(code: number, reason: string): void {
    this.#over = true;
    this.#waiting = UNSENT;
    this.#receiver?.failed(new Error(`WebSocket: ${reason}`));
    this.#webSocket.close(code, reason);
  }

  /** What came before the end is delivered before the end is told. */
  #close(): void {
    if (this.#waiting.length > 0) {
      this.#closedMeanwhile = true;
      return;
    }
    this.#closedMeanwhile = false;
    this.#over = true;
    this.#receiver?.closed();
  }
}
