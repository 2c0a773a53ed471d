import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import type { TestContext } from "node:test";
import { type ConnectionOptions, connect, TLSSocket } from "node:tls";
import { systemClock } from "../../clock/clock.ts";
import { TimerWheel } from "../../clock/timer-wheel.ts";
import type { TlsConfiguration } from "../../config/listeners.ts";
import { type Logger, silentLogger } from "../../log/logger.ts";
import { Metrics } from "../../metrics/metrics.ts";
import { Arrival, type ArrivalOwner } from "../arrival.ts";
import { SocketPeer } from "../socket-peer.ts";
import { HandshakeStage } from "./handshake-stage.ts";
import { ServerTls } from "./server-tls.ts";
import { TlsDirectory } from "./tls-directory.ts";

/** A configuration without files. */
export function tlsConfiguration(given: Partial<TlsConfiguration> = {}): TlsConfiguration {
  return {
    caFile: "",
    certificateFile: "",
    keyFile: "",
    keyPassword: "",
    ocspFile: "",
    crlFile: "",
    crlRefreshMilliseconds: 60_000,
    ciphers: [],
    curves: [],
    versions: ["tlsv1.2", "tlsv1.3"],
    depth: 1,
    requireCertificate: false,
    useIdentityAsUsername: false,
    handshakeTimeoutMilliseconds: 5_000,
    pskSupport: false,
    pskIdentityHint: "VMQ_PSK",
    pskFile: "",
    pskSeparator: ":",
    sni: [],
    ...given,
  };
}

/** Keeps what is logged, level and message on a line. */
export function recordingLogger(lines: string[]): Logger {
  const write = (level: string) => (_event: string, message: string) =>
    void lines.push(`${level} ${message}`);
  const logger: Logger = {
    ...silentLogger,
    info: write("info"),
    warning: write("warning"),
    error: write("error"),
    crash: (_event, message, cause) => void lines.push(`crash ${message} ${String(cause)}`),
    limited: () => logger,
  };
  return logger;
}

const WAYS = { direct: true, staticRead: false, secure: false };

/** A port that takes connections through a handshake stage and no further. */
export class TlsEndpoint implements ArrivalOwner {
  readonly metrics = new Metrics();
  readonly lines: string[] = [];
  readonly refusals: string[] = [];
  readonly arrivals: Arrival[] = [];
  /** The latest session that a client was given. */
  session: Buffer | null = null;
  readonly tls: ServerTls;
  readonly directory = new TlsDirectory();
  readonly #server;
  readonly #wheel = new TimerWheel(systemClock, 20, () => {});
  readonly #sockets = new Set<Socket>();

  private constructor(configuration: TlsConfiguration) {
    const log = recordingLogger(this.lines);
    this.tls = new ServerTls("listener.ssl.test", configuration, {
      log,
      clock: systemClock,
      tls: this.directory,
    });
    const stage = new HandshakeStage(this.tls, ["mqtt"], this.metrics.counters);
    this.#wheel.start();
    this.#server = createServer({ pauseOnConnect: true, noDelay: true }, (socket) => {
      this.#sockets.add(socket);
      new Arrival(socket, WAYS, new SocketPeer(socket), [stage], this.#wheel, this).advance();
    });
  }

  /** Open until the test ends. */
  static async open(context: TestContext, configuration: TlsConfiguration): Promise<TlsEndpoint> {
    const endpoint = new TlsEndpoint(configuration);
    await endpoint.tls.open();
    endpoint.#server.listen(0, "127.0.0.1");
    await once(endpoint.#server, "listening");
    context.after(() => {
      endpoint.tls.close();
      endpoint.#wheel.stop();
      endpoint.#server.close();
      for (const socket of endpoint.#sockets) socket.destroy();
    });
    return endpoint;
  }

  get port(): number {
    const address = this.#server.address();
    return address !== null && typeof address === "object" ? address.port : 0;
  }

  /** Connects a client; resolves to its socket when the handshake is through on both sides, else to the refusal. */
  async shake(options: ConnectionOptions = {}): Promise<TLSSocket | string> {
    const [arrived, refused] = [this.arrivals.length, this.refusals.length];
    const socket = connect({
      port: this.port,
      host: "127.0.0.1",
      servername: "localhost",
      rejectUnauthorized: false,
      ...options,
    });
    let secured = false;
    socket.on("secureConnect", () => {
      secured = true;
    });
    socket.on("error", () => {});
    socket.on("session", (session) => {
      this.session = session;
    });
    socket.resume();
    const end = performance.now() + 10_000;
    while (this.arrivals.length === arrived && this.refusals.length === refused) {
      if (performance.now() > end) throw new Error("nothing has become of the handshake");
      await new Promise((resolve) => setImmediate(resolve));
    }
    const refusal = this.refusals[refused];
    if (refusal !== undefined) {
      socket.destroy();
      return refusal;
    }
    while (socket.getProtocol() === null || !secured) await new Promise((resolve) => setImmediate(resolve));
    return socket;
  }

  /** The last one that is through. */
  get last(): Arrival {
    const arrival = this.arrivals.at(-1);
    if (arrival === undefined) throw new Error("nobody has arrived");
    return arrival;
  }

  /** The server's side of the last one that is through. */
  get lastSocket(): TLSSocket {
    const { socket } = this.last;
    if (!(socket instanceof TLSSocket)) throw new Error("no TLS");
    return socket;
  }

  arrived(arrival: Arrival): void {
    this.arrivals.push(arrival);
    arrival.socket.resume();
  }

  refused(_arrival: Arrival, reason: string, late: boolean): void {
    this.refusals.push(late ? `late: ${reason}` : reason);
  }

  faulted(_arrival: Arrival, error: unknown): void {
    this.refusals.push(`fault: ${String(error)}`);
  }

  vanished(): void {
    this.refusals.push("vanished");
  }
}

/** Resolves as soon as `ready` holds; rejects after ten seconds. */
export async function until(what: string, ready: () => boolean): Promise<void> {
  const end = performance.now() + 10_000;
  while (!ready()) {
    if (performance.now() > end) throw new Error(`waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
