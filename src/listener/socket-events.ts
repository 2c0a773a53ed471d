import { Socket } from "node:net";
import type { StreamReceiver } from "./byte-stream.ts";
import { staticReadBuffer } from "./static-read.ts";

/**
 * Where a socket has who hears of it, so that listeners are shared functions instead of closures. Not in a map beside the
 * sockets: weak maps are work for every collection of garbage.
 */
const RECEIVER: unique symbol = Symbol("receiver");

interface ObservedSocket extends Socket {
  [RECEIVER]?: StreamReceiver | undefined;
}

/** From now on `receiver` hears of a new socket, but for its bytes if they come as 'data' events. */
export function observeSocket(socket: ObservedSocket, receiver: StreamReceiver): void {
  socket[RECEIVER] = receiver;
  socket.on("drain", onDrain);
  socket.on("error", onError);
  socket.on("close", onClose);
}

/** From now on another receiver hears of an observed socket. */
export function handOver(socket: ObservedSocket, receiver: StreamReceiver): void {
  socket[RECEIVER] = receiver;
}

/** Nobody hears of an observed socket any more; its errors still end it alone. */
export function forgetSocket(socket: ObservedSocket): void {
  socket[RECEIVER] = undefined;
}

/** Bytes of 'data' events go to the receiver. Sockets with a static read buffer need no such thing. */
export function readSocket(socket: Socket): void {
  socket.on("data", onData);
}

export function stopReadingSocket(socket: Socket): void {
  socket.off("data", onData);
}

/** What sockets with the static buffer call when bytes have come. */
export function onStaticRead(this: unknown, length: number): boolean {
  if (this instanceof Socket) receiverOf(this)?.received(staticReadBuffer(), 0, length);
  return true;
}

function receiverOf(socket: ObservedSocket): StreamReceiver | undefined {
  return socket[RECEIVER];
}

function onData(this: Socket, chunk: Buffer): void {
  receiverOf(this)?.received(chunk, 0, chunk.length);
}

function onDrain(this: Socket): void {
  receiverOf(this)?.drained();
}

function onError(this: Socket, error: Error): void {
  receiverOf(this)?.failed(error);
}

function onClose(this: Socket): void {
  receiverOf(this)?.closed();
}
