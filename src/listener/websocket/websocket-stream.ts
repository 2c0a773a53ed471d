import type { ByteStream, MessageStream, StreamReceiver } from "../byte-stream.ts";
import { closeFrame, LONGEST_HEADER, pongFrame, writeBinaryHeader } from "./frame-header.ts";
import { CloseCode, FrameReader } from "./frame-reader.ts";

/**
 * How many bytes may come before the broker has answered anything: room for any CONNECT. Without it a client that
 * nobody knows yet could send messages of the largest size.
 */
export const UNANSWERED_LIMIT = 1024 * 1024;
/** Answers to pings that may wait for a client that does not read. */
const MOST_PONGS = 60;
/** How long the other side may take to close after it was told to, milliseconds. */
const CLOSE_DEADLINE = 2_000;

/** The binary messages of a WebSocket as a stream of bytes: where messages begin and end means nothing to MQTT. */
export class WebSocketStream extends FrameReader implements MessageStream, StreamReceiver {
  readonly headroom = LONGEST_HEADER;
  readonly #below: ByteStream;
  #receiver: StreamReceiver | null = null;
  /** Came together with the request for the upgrade. */
  #head: Buffer | null;
  #paused = true;
  /** A close frame has been sent. */
  #closing = false;
  /** What came after a close frame or something wrong is not read. */
  #over = false;
  /** The close frame of the other side, while the session does not read what came before it. */
  #closedWith: number | null | undefined = undefined;
  #unanswered = 0;
  #answered = false;
  #pongs = 0;

  /** `head` came together with the request. */
  constructor(below: ByteStream, head: Buffer, largest: number) {
    super(largest);
    this.#below = below;
    this.#head = head.length === 0 ? null : head;
  }

  deliverTo(receiver: StreamReceiver): void {
    this.#receiver = receiver;
  }

  get writableLength(): number {
    return this.#below.writableLength;
  }

  /** One message for all bytes. */
  send(block: Buffer, start: number, end: number): void {
    if (this.#closing) return;
    this.#answered = true;
    this.#below.send(block, writeBinaryHeader(block, start, end - start), end);
  }

  pause(): void {
    this.#paused = true;
    this.#below.pause();
  }

  resume(): void {
    this.#paused = false;
    const head = this.#head;
    if (head !== null) {
      this.#head = null;
      this.received(head, 0, head.length);
    }
    // What is read now may have made the session pause again.
    if (this.#isPaused()) return;
    if (this.#closedWith !== undefined) this.#answerClose(this.#closedWith);
    this.#below.resume();
  }

  /** Tells the other side to close, which then closes the connection. */
  end(): void {
    this.#close(CloseCode.normal, "");
  }

  destroy(): void {
    this.#over = true;
    this.#below.destroy();
  }

  received(chunk: Buffer, start: number, end: number): void {
    if (!this.#over) this.readFrames(chunk, start, end);
  }

  drained(): void {
    this.#pongs = 0;
    this.#receiver?.drained();
  }

  failed(error: Error): void {
    this.#receiver?.failed(error);
  }

  leaving(): void {
    this.#receiver?.leaving();
  }

  closed(): void {
    this.#over = true;
    this.#receiver?.closed();
  }

  protected override onData(chunk: Buffer, start: number, end: number): void {
    if (this.#closing) return;
    if (!this.#answered) {
      this.#unanswered += end - start;
      if (this.#unanswered > UNANSWERED_LIMIT) {
        this.onRefusal(CloseCode.tooBig, `more than ${UNANSWERED_LIMIT} bytes before CONNACK`);
        return;
      }
    }
    this.#receiver?.received(chunk, start, end);
  }

  protected override onPing(payload: Buffer): void {
    if (this.#closing) return;
    this.#sendFrame(pongFrame(payload));
    if (this.#below.writableLength > 0 && ++this.#pongs > MOST_PONGS) {
      this.failed(new Error("WebSocket: pings whose answers are not read"));
      this.destroy();
    }
  }

  protected override onCloseFrame(code: number | null): void {
    if (this.#over) return;
    if (this.#paused) this.#closedWith = code;
    else this.#answerClose(code);
  }

  /** Closes it in the way of WebSocket, and tells why. */
  protected override onRefusal(code: number, reason: string): void {
    if (this.#over) return;
    this.#over = true;
    this.failed(new Error(`WebSocket: ${reason}`));
    this.#close(code, reason);
    this.#finish();
  }

  #isPaused(): boolean {
    return this.#paused;
  }

  #answerClose(code: number | null): void {
    this.#closedWith = undefined;
    this.#over = true;
    this.#close(code, "");
    this.#finish();
  }

  #close(code: number | null, reason: string): void {
    if (this.#closing) return;
    this.#closing = true;
    this.#sendFrame(closeFrame(code, reason));
  }

  /** Both sides know that it is over. The end of the connection is read, since what comes before it is of no interest. */
  #finish(): void {
    const below = this.#below;
    below.end();
    below.resume();
    setTimeout(destroyStream, CLOSE_DEADLINE, below).unref();
  }

  #sendFrame(frame: Buffer): void {
    this.#below.send(frame, 0, frame.length);
  }
}

function destroyStream(stream: ByteStream): void {
  stream.destroy();
}
