import { Socket } from "node:net";
import type { Counters } from "../metrics/counters.ts";
import { Metric } from "../metrics/metric.ts";
import { decodeFrames, type PacketHandler } from "../mqtt/frame-decoder.ts";
import { frameLength } from "../mqtt/frame-header.ts";
import type { Transport, TransportHandler } from "../session/transport.ts";
import { BLOCK_SIZE, giveBlock, takeBlock } from "./block-pool.ts";
import { flushList } from "./flush-list.ts";
import { staticReadBuffer } from "./static-read.ts";

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

/** Sockets find their connection here, so that listeners are shared functions instead of closures. */
const connections = new WeakMap<Socket, Connection>();

/**
 * One TCP connection: chunks of bytes become frames for the session, and the session's bytes leave with one write per
 * turn. An idle connection owns no buffer.
 */
export class Connection implements Transport {
  block: Buffer;
  writable: boolean;
  readonly #socket: Socket;
  readonly #handler: ConnectionHandler;
  readonly #counters: Counters;
  readonly #writeLimit: number;
  #used: number;
  #listed: boolean;
  #kept: Buffer | null;
  #keptLength: number;
  #headerSeen: boolean;
  #paused: boolean;
  #decoding: boolean;
  #closed: boolean;
  #ending: boolean;
  #error: string | null;
  readonly #siblings: Set<Connection>;

  /**
   * Takes an accepted socket: one that reads into the static buffer with `onStaticRead`, or an ordinary one.
   * `makeHandler` is called with the new connection. `writeLimit` is how many bytes may wait for a slow reader before
   * `writable` turns false. It leaves `siblings` when it has closed.
   */
  constructor(
    socket: Socket,
    staticRead: boolean,
    makeHandler: (connection: Connection) => ConnectionHandler,
    counters: Counters,
    writeLimit: number,
    siblings: Set<Connection>,
  ) {
    this.block = NO_BLOCK;
    this.writable = true;
    this.#counters = counters;
    this.#writeLimit = writeLimit;
    this.#used = 0;
    this.#listed = false;
    this.#kept = null;
    this.#keptLength = 0;
    this.#headerSeen = false;
    this.#paused = false;
    this.#decoding = false;
    this.#closed = false;
    this.#ending = false;
    this.#error = null;
    this.#siblings = siblings;
    this.#socket = socket;
    connections.set(socket, this);
    if (!staticRead) socket.on("data", onData);
    socket.on("drain", onDrain);
    socket.on("error", onError);
    socket.on("close", onClose);
    this.#handler = makeHandler(this);
    socket.resume();
  }

  get peerAddress(): string {
    return this.#socket.remoteAddress ?? "unknown";
  }

  get peerPort(): number {
    return this.#socket.remotePort ?? 0;
  }

  reserve(size: number): number {
    let used = this.#used;
    if (this.block.length - used < size) {
      if (used > 0) this.#write();
      this.block = size > BLOCK_SIZE ? Buffer.allocUnsafeSlow(size) : takeBlock();
      used = 0;
    }
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

  pause(): void {
    if (this.#paused) return;
    this.#paused = true;
    this.#socket.pause();
  }

  resume(): void {
    if (!this.#paused || this.#closed) return;
    this.#paused = false;
    if (!this.#decoding) this.#decodeKept();
    if (!this.#paused && !this.#closed) this.#socket.resume();
  }

  end(): void {
    if (this.#ending || this.#closed) return;
    this.#ending = true;
    if (this.#used > 0) this.#write();
    this.#kept = null;
    const socket = this.#socket;
    socket.end();
    // The peer's bytes are of no interest any more, but its end of the connection is.
    socket.resume();
    setTimeout(destroySocket, CLOSE_DEADLINE, socket).unref();
  }

  destroy(): void {
    this.#kept = null;
    this.#socket.destroy();
  }

  /** Bytes of one read; they are valid during the call only. */
  received(chunk: Buffer, end: number): void {
    this.#counters.add(Metric.bytes_received, end);
    if (this.#ending || this.#closed) return;
    let start = 0;
    if (this.#kept !== null) {
      start = this.#completeKept(chunk, end);
      if (start >= end || this.#closed || this.#ending) return;
      if (this.#paused) {
        this.#keep(chunk, start, end);
        return;
      }
    }
    const consumed = this.#decode(chunk, start, end);
    if (consumed < end && !this.#ending && !this.#closed) this.#keep(chunk, consumed, end);
  }

  drained(): void {
    if (this.writable) return;
    this.writable = true;
    this.#handler.onDrain();
  }

  failed(error: Error): void {
    this.#error = error.message;
  }

  closed(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#used = 0;
    this.block = NO_BLOCK;
    this.#kept = null;
    this.#siblings.delete(this);
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
    const socket = this.#socket;
    this.#counters.add(Metric.bytes_sent, used);
    socket.write(used === block.length ? block : block.subarray(0, used));
    const waiting = socket.writableLength;
    if (waiting === 0) giveBlock(block);
    else if (waiting > this.#writeLimit) this.writable = false;
  }

  /** Adds to the kept partial frame just what completes it; returns where the chunk goes on. */
  #completeKept(chunk: Buffer, end: number): number {
    let at = 0;
    while (at < end && this.#kept !== null) {
      const needed = frameLength(this.#kept, 0, this.#keptLength);
      // A malformed header is complete enough: the decoder says what is wrong with it.
      const wanted = needed > 0 ? needed : needed < 0 ? this.#keptLength : this.#keptLength + 1;
      const take = Math.min(end - at, Math.max(0, wanted - this.#keptLength));
      this.#keep(chunk, at, at + take);
      at += take;
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

/** What sockets with the static buffer call when bytes have come. */
export function onStaticRead(this: unknown, length: number): boolean {
  if (this instanceof Socket) connections.get(this)?.received(staticReadBuffer(), length);
  return true;
}

function onData(this: Socket, chunk: Buffer): void {
  connections.get(this)?.received(chunk, chunk.length);
}

function onDrain(this: Socket): void {
  connections.get(this)?.drained();
}

function onError(this: Socket, error: Error): void {
  connections.get(this)?.failed(error);
}

function onClose(this: Socket): void {
  connections.get(this)?.closed();
}

function destroySocket(socket: Socket): void {
  socket.destroy();
}
