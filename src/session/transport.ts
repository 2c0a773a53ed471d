import type { Peer } from "./peer.ts";

/** Where the bytes of a session go and come from. A session knows no sockets. */
export interface Transport {
  /** The output block that is being filled; changes with every `reserve`. */
  readonly block: Buffer;
  /** Makes room for `size` more bytes in `block` and returns where they go; they count as written. Hot path. */
  reserve(size: number): number;
  /** False while too many bytes wait in the process for a slow reader. */
  readonly writable: boolean;
  /** Stops reading: the decoder's caller keeps what it has. */
  pause(): void;
  /** Goes on with what was kept, then with the socket. In a later turn or at once; never within the decoder. */
  resume(): void;
  /** Sends what is in the output block, then closes; a peer that does not take it is cut off after a short time. */
  end(): void;
  /** Closes at once. */
  destroy(): void;
  readonly peer: Peer;
}

/** The session side of a transport. */
export interface TransportHandler {
  /** The output has drained: `writable` is true again. */
  onDrain(): void;
  /**
   * The other side has gone, and nothing is sent any more: the transport is not `writable` from now on. `onClose` follows,
   * at once or some turns later.
   */
  onLeaving(error: string | null): void;
  /** The connection is gone, for whatever reason. Called once. */
  onClose(error: string | null): void;
}
