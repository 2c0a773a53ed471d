/** What a connection writes to and is read from. A socket is one; so is what carries MQTT in messages (WebSocket). */
export interface ByteStream {
  /** Bytes that were written and not taken yet by what is below. */
  readonly writableLength: number;
  /** `done` is called without an error when the bytes have been taken and their memory may be used again. */
  write(bytes: Uint8Array, done?: (error?: Error | null) => void): unknown;
  /** Stops reading. */
  pause(): unknown;
  resume(): unknown;
  /** Closes in an orderly way when what was written has gone. */
  end(): unknown;
  /** Closes at once. */
  destroy(): unknown;
}

/** Who hears of a stream. */
export interface StreamReceiver {
  /** Bytes 0 to `end` of `chunk` have come; they are valid during the call only. */
  received(chunk: Buffer, end: number): void;
  /** What was written has been taken. */
  drained(): void;
  /** Something went wrong; `closed` follows. */
  failed(error: Error): void;
  /** The stream is at its end. Called once. */
  closed(): void;
}

/** A byte stream that is not a socket. It begins paused: nothing is delivered before `resume`. */
export interface MessageStream extends ByteStream {
  /** From now on `receiver` hears of it. */
  deliverTo(receiver: StreamReceiver): void;
}
