/**
 * What a connection writes to and is read from: a socket, or what carries MQTT in messages over one (WebSocket). It
 * begins paused: nothing is delivered before `resume`.
 */
export interface ByteStream {
  /** So many bytes at the beginning of whatever is sent are room for the stream's own header. */
  readonly headroom: number;
  /** Bytes that were sent and have not been taken yet by what is below. */
  readonly writableLength: number;
  /**
   * Sends bytes `start` to `end` of `block`, and takes it over: it goes back to the pool of blocks once its bytes have
   * been taken. With a headroom, `start` is behind it.
   */
  send(block: Buffer, start: number, end: number): void;
  /** Stops reading. What has been read already may still come. */
  pause(): void;
  resume(): void;
  /** Closes in an orderly way when what was sent has gone. */
  end(): void;
  /** Closes at once. */
  destroy(): void;
}

/** Who hears of a stream. */
export interface StreamReceiver {
  /** Bytes `start` to `end` of `chunk` have come. They are valid during the call only. */
  received(chunk: Buffer, start: number, end: number): void;
  /** What was sent has been taken. */
  drained(): void;
  /** Something went wrong; `closed` follows. */
  failed(error: Error): void;
  /**
   * The other side has gone: nothing comes any more, and nothing is sent. `closed` follows, after some turns of the event
   * loop when thousands have gone at once. Not called when it is this side that closes, nor by every stream; may be
   * called again.
   */
  leaving(): void;
  /** The stream is at its end. Called once. */
  closed(): void;
}

/** A byte stream that is not a socket. */
export interface MessageStream extends ByteStream {
  /** From now on `receiver` hears of it. */
  deliverTo(receiver: StreamReceiver): void;
}
