import { readFile } from "node:fs/promises";
import { connect, isIP, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import type { SyslogRemote } from "./options.ts";
import type { SyslogTransport } from "./transport.ts";

/** How long a connection may take to be made, and a write to be taken, milliseconds. */
const PATIENCE = 20_000;
/** A peer that has vanished without a word is found out after this time, milliseconds. */
const KEEP_ALIVE = 30_000;
/** How long the end of a connection may take, milliseconds. */
const GOODBYE = 1_000;
const ENDS = "the broker ends";

/**
 * Syslog over TCP [RFC 6587] and TLS [RFC 5425]. Each message has its length in bytes before it (octet counting), so that
 * nothing in it can be taken for its end. With TLS the server has to show a certificate for its name, of an authority in
 * the CA file; the file is read for each connection.
 */
export class StreamTransport implements SyslogTransport {
  readonly name: string;
  readonly largestBatch = 32 * 1024;
  readonly sendSync = undefined;
  onLost = (): void => {};
  readonly #remote: SyslogRemote;
  /** The last one that was made; it may not be connected yet. */
  #newest: Socket | undefined;
  /** The one that takes messages. */
  #socket: Socket | undefined;
  /** How often `destroy` was called. */
  #destroyed = 0;
  /** Rejects what is being done. */
  #fail: (error: Error) => void = () => {};

  constructor(remote: SyslogRemote) {
    this.#remote = remote;
    this.name = `${remote.protocol}://${remote.host}:${remote.port}`;
  }

  async send(messages: readonly string[]): Promise<void> {
    const frames = messages.map((message) => `${Buffer.byteLength(message)} ${message}`).join("");
    this.#socket ??= await this.#connect();
    const socket = this.#socket;
    await this.#within("nothing is taken any more", (done) => {
      socket.write(frames, (error) => done(error ?? undefined));
    });
  }

  async close(): Promise<void> {
    const socket = this.#socket;
    this.#forget();
    if (socket === undefined) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => socket.destroy(), GOODBYE);
      socket.once("close", () => {
        clearTimeout(timer);
        resolve();
      });
      socket.end();
    });
  }

  destroy(): void {
    this.#destroyed++;
    this.#fail(new Error(ENDS));
    this.#newest?.destroy();
    this.#forget();
  }

  #forget(): void {
    this.#newest = undefined;
    this.#socket = undefined;
  }

  async #connect(): Promise<Socket> {
    const { host, port, protocol, caFile } = this.#remote;
    const before = this.#destroyed;
    const ca = protocol === "tls" && caFile !== undefined ? await readFile(caFile) : undefined;
    if (this.#destroyed !== before) throw new Error(ENDS);
    const servername = isIP(host) === 0 ? host : "";
    const socket =
      ca === undefined
        ? connect({ host, port })
        : connectTls({ host, port, ca, servername, minVersion: "TLSv1.2" });
    this.#newest = socket;
    // Nothing is awaited: it only has to be read, so that the end of the connection is noticed.
    socket.resume();
    socket.setKeepAlive(true, KEEP_ALIVE);
    let problem: Error | undefined;
    socket.on("error", (error: Error) => {
      problem = error;
    });
    socket.once("end", () => socket.destroy());
    socket.once("close", () => {
      if (this.#newest !== socket) return;
      const used = this.#socket === socket;
      this.#forget();
      this.#fail(problem ?? new Error("the connection was closed"));
      if (used) this.onLost();
    });
    try {
      await this.#within("no connection is made", (done) => {
        socket.once(ca === undefined ? "connect" : "secureConnect", () => done());
      });
    } catch (error) {
      socket.destroy();
      throw error;
    }
    return socket;
  }

  /** Settles when `start` has called `done`, when the connection breaks, or when patience is at an end. */
  async #within(impatience: string, start: (done: (error?: Error) => void) => void): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#fail = reject;
    const timer = setTimeout(() => {
      reject(new Error(impatience));
      this.#newest?.destroy();
      this.#forget();
    }, PATIENCE);
    start((error) => {
      if (error === undefined) resolve();
      else reject(error);
    });
    try {
      await promise;
    } finally {
      clearTimeout(timer);
      this.#fail = () => {};
    }
  }
}
