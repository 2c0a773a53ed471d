import type { Socket } from "node:net";
import type { Peer } from "../session/peer.ts";
import type { ByteStream, MessageStream, StreamReceiver } from "./byte-stream.ts";

/** A connection on its way to a session, as the stages see it. */
export interface Intake {
  /** What the next stage works on: the accepted socket, or the one that a stage has put over it. It is paused. */
  readonly socket: Socket;
  /** It has reached its session, was refused, or its peer has gone: a stage that is still at work stops. */
  readonly over: boolean;
  /** Who is at the other end, as far as it is known; a stage that knows better puts another object here. */
  peer: Peer;
  /** What carries the packets, if that is not the socket itself. */
  stream: MessageStream | null;
  /** The stage puts `socket`, a TLS socket, over the one it got. From now on the end of that one counts. */
  wrap(socket: Socket): void;
  /** Bytes of the socket go to `receive`, which may use them during the call only, until `stopReading`. */
  startReading(receive: (chunk: Buffer, start: number, end: number) => void): void;
  /** Ends reading. `rest` was read too far: whoever reads next gets it first. */
  stopReading(rest: Buffer): void;
  /**
   * The stage reads and writes the socket as a stream from now on, `receiver` hears of it. Nothing may have been written
   * to the socket that has not gone.
   */
  openStream(receiver: (below: ByteStream) => StreamReceiver): void;
  /** The stage is done with it: on to the next, or to the session. */
  advance(): void;
  /** Ends the connection; `reason` goes to the log: `malformed PROXY header`. */
  refuse(reason: string): void;
}

/**
 * A step between an accepted socket and its session: the header of the PROXY protocol, the TLS handshake, the upgrade
 * to WebSocket. A listener has a list of them, one object each for all its connections; what a stage must know of one
 * connection it keeps itself.
 */
export interface IntakeStage {
  /** What has not come in time, for the log line: `no PROXY header`. */
  readonly missing: string;
  /** How long one connection may stay in this stage, milliseconds; Infinity for no limit. */
  readonly deadline: number;
  /** It may find out that the client is somebody else than the peer of the socket (a proxy tells its address). */
  readonly findsPeer?: boolean;
  /** Reads what the stage needs (certificates). Rejects with the reason why the listener cannot be started. */
  open?(): Promise<void>;
  /** The listener is over: watched files and the like end. */
  close?(): void;
  /**
   * Takes over a connection. The stage ends it with `intake.advance()`, once the peer is known as far as the stage can
   * tell, or with `intake.refuse()`; at once or later. Deadline, errors of the socket and its end are looked after.
   */
  begin(intake: Intake): void;
}
