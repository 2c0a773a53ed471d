import type { Socket } from "node:net";
import type { ByteStream, StreamReceiver } from "./byte-stream.ts";
import { writeDirectly } from "./direct-write.ts";
import { HandleStream } from "./handle-stream.ts";
import { PlainStream } from "./plain-stream.ts";
import { handOver, readSocket } from "./socket-events.ts";
import { writeInTurn } from "./write-in-turn.ts";

/** How a socket is read and written. */
export interface SocketWays {
  /** Past the streams of the runtime, where it allows that. */
  readonly direct: boolean;
  /** It was accepted with the static read buffer already. */
  readonly staticRead: boolean;
  /** It is a TLS socket. */
  readonly secure: boolean;
}

/** A stream of bytes over an observed socket, which nobody else may read or write from now on. */
export function socketStream(socket: Socket, { direct, secure }: SocketWays): ByteStream {
  const stream = direct ? (secure ? writeInTurn(socket) : writeDirectly(socket)) : null;
  return stream ?? new PlainStream(socket, secure);
}

/** Lets `receiver` hear of a socket and of all that is read from it, once the stream is resumed. */
export function receiveFrom(
  socket: Socket,
  stream: ByteStream,
  receiver: StreamReceiver,
  { staticRead }: SocketWays,
): void {
  handOver(socket, receiver);
  if ((stream instanceof HandleStream && stream.readStatically(receiver)) || staticRead) return;
  socket.pause();
  readSocket(socket);
}
