import { createSocket, type Socket } from "node:dgram";
import { lookup } from "node:dns/promises";
import type { SyslogTransport } from "./transport.ts";

/** The name of the server is looked up again after this time, milliseconds. */
const RENEWAL_MS = 60_000;

interface Target {
  readonly socket: Socket;
  readonly address: string;
  readonly since: number;
}

/** Syslog over UDP [RFC 5426]: one datagram for a message. Nobody says whether it arrives. */
export class UdpTransport implements SyslogTransport {
  readonly name: string;
  readonly largestBatch = 0;
  readonly sendSync = undefined;
  onLost = (): void => {};
  readonly #host: string;
  readonly #port: number;
  #target: Target | undefined;

  constructor(host: string, port: number) {
    this.#host = host;
    this.#port = port;
    this.name = `udp://${host}:${port}`;
  }

  async send(messages: readonly string[]): Promise<void> {
    const { socket, address } = await this.#open();
    for (const message of messages) {
      await new Promise<void>((resolve, reject) => {
        socket.send(message, this.#port, address, (error) => {
          if (error === null) resolve();
          else reject(error);
        });
      });
    }
  }

  close(): Promise<void> {
    this.destroy();
    return Promise.resolve();
  }

  destroy(): void {
    this.#target?.socket.close();
    this.#target = undefined;
  }

  async #open(): Promise<Target> {
    if (this.#target !== undefined && performance.now() - this.#target.since < RENEWAL_MS)
      return this.#target;
    const { address, family } = await lookup(this.#host);
    this.destroy();
    const socket = createSocket(family === 6 ? "udp6" : "udp4").unref();
    socket.on("error", () => {
      if (this.#target?.socket === socket) this.destroy();
    });
    this.#target = { socket, address, since: performance.now() };
    return this.#target;
  }
}
