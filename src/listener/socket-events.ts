import { Socket } from "node:net";
import type { StreamReceiver } from "./byte-stream.ts";
import { staticReadBuffer } from "./static-read.ts";

/** Sockets find here who hears of them, so that listeners are shared functions instead of closures. */
const receivers = new WeakMap<Socket, StreamReceiver>();

/** From now on `receiver` hears of a new socket, but for its bytes if they come as 'data' events. */
export function observeSocket(socket: Socket, receiver: StreamReceiver): void {
  receivers.set(socket, receiver);
  socket.on("drain", onDrain);
  socket.on("error", onError);
  socket.on("close", onClose);
}

/** From now on another receiver hears of an observed socket. */
export function handOver(socket: Socket, receiver: StreamReceiver): void {
  receivers.set(socket, receiver);
}

/** Nobody hears of an observed socket any more; its errors still end it alone. */
export function forgetSocket(socket: Socket): void {
  receivers.delete(socket);
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
  if (this instanceof Socket) receivers.get(this)?.received(staticReadBuffer(), 0, length);
  return true;
}

function onData(this: Socket, chunk: Buffer): void {
  receivers.get(this)?.received(chunk, 0, chunk.length);
}

function onDrain(this: Socket): void {
  receivers.get(this)?.drained();
}

function onError(this: Socket, error: Error): void {
  receivers.get(this)?.failed(error);
}

function onClose(this: Socket): void {
  receivers.get(this)?.closed();
}
