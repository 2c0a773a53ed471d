/**
 * The least that a broker on this runtime can be: exact topics, QoS 0 to 2 without states, one write per socket and
 * turn; no sessions, no checks, no limits. What it takes on a machine tells how fast the machine is:
 * `node test/bench/bare/broker.ts PORT`.
 */
import { createServer, Socket } from "node:net";
import { acceptWithStaticRead, staticReadBuffer } from "../../../src/listener/static-read.ts";
import { Client } from "./client.ts";
import { Topics } from "./topics.ts";

const topics = new Topics();
const clients = new WeakMap<Socket, Client>();
const BUFFER = staticReadBuffer();

function accepted(socket: Socket): void {
  clients.set(socket, new Client(socket, topics));
  socket.on("error", failed);
  socket.on("close", closed);
  socket.resume();
}

function failed(this: Socket): void {
  this.destroy();
}

function closed(this: Socket): void {
  clients.get(this)?.closed();
}

function received(this: unknown, length: number): boolean {
  if (this instanceof Socket) clients.get(this)?.read(BUFFER.subarray(0, length));
  return true;
}

const server = createServer({ noDelay: true }, (socket) => {
  throw new Error(`a socket without the static read buffer from ${socket.remoteAddress}`);
});
server.listen({ port: Number(process.argv[2]), host: "127.0.0.1", backlog: 4096 }, () => {
  if (!acceptWithStaticRead(server, received, accepted)) {
    throw new Error("this runtime has no static read buffer for accepted sockets");
  }
});
