import type { Duplex } from "node:stream";
import type { RawData, WebSocket } from "ws";
import { giveBlock } from "../block-pool.ts";
import type { MessageStream, StreamReceiver } from "../byte-stream.ts";
import { CloseCode } from "./frame-reader.ts";
import { UNANSWERED_LIMIT } from "./websocket-stream.ts";

/** Shorter messages only grow. */
const WORTH_COMPRESSING = 256;
const NONE: readonly Buffer[] = [];

/** The messages of a WebSocket of ws as a stream of bytes. */
export class CompressedStream implements MessageStream {
  readonly headroom = 0;
  readonly #webSocket: WebSocket;
  readonly #socket: Duplex;
  #receiver: StreamReceiver | null = null;
  #paused = true;
  #delivering = false;
  #over = false;
  /** Came in the same read as what made the session pause. */
  #waiting: readonly Buffer[] = NONE;
  #closedMeanwhile = false;
  #unanswered = 0;
  #answered = false;
  readonly #count = (chunk: Buffer): void => this.#counted(chunk.length);

  constructor(webSocket: WebSocket, socket: Duplex) {
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
  send(block: Buffer, start: number, end: number): void {
    if (!this.#answered) {
      this.#answered = true;
      this.#socket.off("data", this.#count);
    }
    const compress = end - start >= WORTH_COMPRESSING;
    this.#webSocket.send(block.subarray(start, end), { binary: true, compress }, (error) => {
      // Closed with an error somebody may still hold it: it is left to the garbage collector.
      if (!error) giveBlock(block);
      // With what is being compressed nothing waits in the socket that would tell.
      if (this.writableLength === 0) this.#receiver?.drained();
    });
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
      this.#waiting = NONE;
      this.#deliver(waiting);
    }
    // What was delivered may have made the session pause again.
    if (this.#isPaused()) return;
    this.#webSocket.resume();
    if (this.#closedMeanwhile) this.#close();
  }

  end(): void {
    this.#stop();
    this.#webSocket.close(CloseCode.normal);
  }

  destroy(): void {
    this.#stop();
    this.#webSocket.terminate();
    if (this.#closedMeanwhile) queueMicrotask(() => this.#close());
  }

  #stop(): void {
    this.#over = true;
    this.#waiting = NONE;
  }

  #isPaused(): boolean {
    return this.#paused;
  }

  #message(data: RawData, isBinary: boolean): void {
    if (this.#over) return;
    if (!isBinary) {
      this.#refuse(CloseCode.unsupportedData, "MQTT needs binary frames [MQTT-6.0.0-1]");
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
      if (piece !== undefined) receiver.received(piece, 0, piece.length);
    }
    this.#delivering = false;
    if (index < pieces.length && !this.#over) this.#waiting = pieces.slice(index).concat(this.#waiting);
  }

  #counted(length: number): void {
    this.#unanswered += length;
    if (this.#unanswered <= UNANSWERED_LIMIT) return;
    this.#socket.off("data", this.#count);
    this.#refuse(CloseCode.tooBig, `more than ${UNANSWERED_LIMIT} bytes before CONNACK`);
    // Nothing more is gathered while the other side has its time to close.
    this.#webSocket.pause();
  }

  /** Closes it in the way of WebSocket, and tells why. */
  #refuse(code: number, reason: string): void {
    this.#stop();
    this.#receiver?.failed(new Error(`WebSocket: ${reason}`));
    this.#webSocket.close(code, reason);
  }

  /** What came before the end is delivered before the end is told. */
  #close(): void {
    this.#closedMeanwhile = this.#waiting.length > 0;
    if (this.#closedMeanwhile) return;
    this.#over = true;
    this.#receiver?.closed();
  }
}
