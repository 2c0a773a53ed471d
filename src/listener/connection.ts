import type { Counters } from "../metrics/counters.ts";
import { Metric } from "../metrics/metric.ts";
import { decodeFrames, type PacketHandler } from "../mqtt/frame-decoder.ts";
import { frameLength } from "../mqtt/frame-header.ts";
import type { Peer } from "../session/peer.ts";
import type { Transport, TransportHandler } from "../session/transport.ts";
import { BLOCK_SIZE, FIRST_BLOCK_SIZE, giveBlock, outgrow, takeBlock, takeFirstBlock } from "./block-pool.ts";
import type { ByteStream, StreamReceiver } from "./byte-stream.ts";
import { flushList } from "./flush-list.ts";

const NO_BLOCK = Buffer.alloc(0);
/** The longest fixed header: what has to be there before the length of a frame is known. */
const LONGEST_HEADER = 5;
/** A partial frame starts with this much room and grows with what arrives, never with what its header promises. */
const FIRST_ROOM = 1024;
/** How long a peer may take to accept the last bytes of a closing connection, milliseconds. */
const CLOSE_DEADLINE = 2_000;

/** What a connection needs of its session. */
export interface ConnectionHandler extends PacketHandler, TransportHandler {
  /** Handling a packet threw: the connection has to be closed. */
  onFault(error: unknown): void;
}

/** Who made a connection. */
export interface ConnectionOwner {
  /** The other side has gone, or the connection has closed; its session hears of it next. */
  gone(connection: Connection): void;
}

/**
 * One connection: chunks of bytes become frames for the session, and the session's bytes leave with one write per turn.
 * An idle connection owns no buffer.
 */
export class Connection implements Transport, StreamReceiver {
  block: Buffer;
  writable: boolean;
  readonly peer: Peer;
  readonly #stream: ByteStream;
  readonly #handler: ConnectionHandler;
  readonly #counters: Counters;
  readonly #writeLimit: number;
  readonly #headroom: number;
  /** Where the next byte goes in the block; 0 when there is nothing to send. */
  #used: number;
  #listed: boolean;
  #kept: Buffer | null;
  #keptLength: number;
  #headerSeen: boolean;
  #paused: boolean;
  #decoding: boolean;
  /** Its owner does not have it any more. */
  #gone: boolean;
  #closed: boolean;
  #ending: boolean;
  #error: string | null;
  #closing: NodeJS.Timeout | null;
  readonly #owner: ConnectionOwner;

  /**
   * `makeHandler` is called with the new connection, and `owner` hears when it has closed. When more than `writeLimit`
   * bytes wait for a slow reader, it is not `writable`. Whoever makes it lets it hear of the stream from then on, and
   * resumes the stream.
   */
  constructor(
    stream: ByteStream,
    peer: Peer,
    makeHandler: (connection: Connection) => ConnectionHandler,
    counters: Counters,
    writeLimit: number,
    owner: ConnectionOwner,
  ) {
    this.block = NO_BLOCK;
    this.writable = true;
    this.peer = peer;
    this.#stream = stream;
    this.#counters = counters;
    this.#writeLimit = writeLimit;
    this.#headroom = stream.headroom;
    this.#used = 0;
    this.#listed = false;
    this.#kept = null;
    this.#keptLength = 0;
    this.#headerSeen = false;
    this.#paused = false;
    this.#decoding = false;
    this.#gone = false;
    this.#closed = false;
    this.#ending = false;
    this.#error = null;
    this.#closing = null;
    this.#owner = owner;
    this.#handler = makeHandler(this);
  }

  reserve(size: number): number {
    let used = this.#used;
    if (this.block.length - used < size) used = this.#makeRoom(size);
    if (!this.#listed) {
      this.#listed = true;
      flushList.add(this);
    }
    this.#used = used + size;
    return used;
  }

  /** Writes what was appended in this turn. */
  flush(): void {
    this.#listed = false;
    if (this.#used > 0) this.#write();
  }

  /** The session does not want to read at present. */
  get paused(): boolean {
    return this.#paused;
  }

  pause(): void {
    if (this.#paused) return;
    this.#paused = true;
    this.#stream.pause();
  }

  resume(): void {
    if (!this.#paused || this.#closed) return;
    this.#paused = false;
    if (!this.#decoding) this.#decodeKept();
    if (!this.#paused && !this.#closed) this.#stream.resume();
  }

  end(): void {
    if (this.#ending || this.#closed) return;
    this.#ending = true;
    if (this.#used > 0) this.#write();
    this.#kept = null;
    const stream = this.#stream;
    stream.end();
    // The peer's bytes are of no interest any more, but its end of the connection is.
    stream.resume();
    this.#closing = setTimeout(destroyStream, CLOSE_DEADLINE, stream).unref();
  }

  destroy(): void {
    this.#kept = null;
    this.#stream.destroy();
  }

  /** Bytes of one read; they are valid during the call only. */
  received(chunk: Buffer, start: number, end: number): void {
    this.#counters.add(Metric.bytes_received, end - start);
    if (this.#ending || this.#closed) return;
    if (this.#paused) {
      // It was read together with what made the session pause.
      this.#keep(chunk, start, end);
      return;
    }
    let at = start;
    if (this.#kept !== null) {
      at = this.#completeKept(chunk, start, end);
      if (at >= end || this.#closed || this.#ending) return;
      if (this.#paused) {
        this.#keep(chunk, at, end);
        return;
      }
    }
    const consumed = this.#decode(chunk, at, end);
    if (consumed < end && !this.#ending && !this.#closed) this.#keep(chunk, consumed, end);
  }

  drained(): void {
    if (this.writable || this.#gone) return;
    this.writable = true;
    this.#handler.onDrain();
  }

  failed(error: Error): void {
    this.#error = error.message;
  }

  leaving(): void {
    if (this.#gone) return;
    this.#gone = true;
    this.writable = false;
    this.#owner.gone(this);
    this.#handler.onLeaving(this.#error);
  }

  closed(): void {
    if (this.#closed) return;
    this.leaving();
    this.#closed = true;
    // It would keep the connection in memory.
    if (this.#closing !== null) clearTimeout(this.#closing);
    this.#used = 0;
    this.block = NO_BLOCK;
    this.#kept = null;
    this.#handler.onClose(this.#error);
  }

  /** Whatever goes wrong with the packets of one connection ends that connection only. */
  #decode(buffer: Buffer, start: number, end: number): number {
    this.#decoding = true;
    try {
      return decodeFrames(this.#handler, buffer, start, end);
    } catch (error) {
      this.#handler.onFault(error);
      return end;
    } finally {
      this.#decoding = false;
    }
  }

  #write(): void {
    const { block } = this;
    const used = this.#used;
    this.block = NO_BLOCK;
    this.#used = 0;
    if (this.#closed) {
      giveBlock(block);
      return;
    }
    const stream = this.#stream;
    const start = this.#headroom;
    this.#counters.add(Metric.bytes_sent, used - start);
    stream.send(block, start, used);
    if (stream.writableLength > this.#writeLimit) this.writable = false;
  }

  /** A block with room for `size` more bytes; returns where they go. */
  #makeRoom(size: number): number {
    const { block } = this;
    const used = this.#used;
    const start = this.#headroom;
    if (used === 0 && start + size <= FIRST_BLOCK_SIZE) {
      this.block = takeFirstBlock();
      return start;
    }
    if (used > 0 && block.length === FIRST_BLOCK_SIZE && used + size <= BLOCK_SIZE) {
      this.block = takeBlock();
      block.copy(this.block, 0, 0, used);
      outgrow(block);
      return used;
    }
    if (used > 0) this.#write();
    this.block = start + size > BLOCK_SIZE ? Buffer.allocUnsafeSlow(start + size) : takeBlock();
    return start;
  }

  /** Adds to the kept partial frame just what completes it; returns where the chunk goes on. */
  #completeKept(chunk: Buffer, start: number, end: number): number {
    let at = start;
    while (at < end && this.#kept !== null) {
      let needed = frameLength(this.#kept, 0, this.#keptLength);
      // A malformed header is complete enough: the decoder says what is wrong with it.
      const wanted = needed > 0 ? needed : needed < 0 ? this.#keptLength : this.#keptLength + 1;
      const take = Math.min(end - at, Math.max(0, wanted - this.#keptLength));
      this.#keep(chunk, at, at + take);
      at += take;
      // The header may just have become complete, and with it a packet that has nothing else.
      if (needed === 0) needed = frameLength(this.#kept, 0, this.#keptLength);
      if (needed === 0 && this.#keptLength <= LONGEST_HEADER) continue;
      if (needed > this.#keptLength && this.#headerSeen) return at;
      // With its header complete the decoder has a look at a packet once: it may be too large, or of a wrong kind.
      this.#decodeKept();
      this.#headerSeen = needed > 0;
      if (this.#paused || this.#closed || this.#ending) return at;
    }
    return at;
  }

  /** Decodes what was kept; keeps the rest. */
  #decodeKept(): void {
    const kept = this.#kept;
    if (kept === null) return;
    const length = this.#keptLength;
    this.#kept = null;
    this.#keptLength = 0;
    const consumed = this.#decode(kept, 0, length);
    if (consumed < length && !this.#ending && !this.#closed) this.#keep(kept, consumed, length);
  }

  #keep(source: Buffer, start: number, end: number): void {
    const size = end - start;
    if (size <= 0) return;
    const kept = this.#kept;
    const needed = this.#keptLength + size;
    if (kept === null) this.#headerSeen = false;
    if (kept === null || kept.length < needed) {
      const roomy = Buffer.allocUnsafeSlow(
        Math.max(needed, kept === null ? 0 : kept.length * 2, kept === null && size < FIRST_ROOM ? 64 : 0),
      );
      if (kept !== null) kept.copy(roomy, 0, 0, this.#keptLength);
      this.#kept = roomy;
    }
    if (this.#kept !== null) source.copy(this.#kept, this.#keptLength, start, end);
    this.#keptLength = needed;
  }
}

function destroyStream(stream: ByteStream): void {
  stream.destroy();
}
