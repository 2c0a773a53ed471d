/** Syslog servers of the tests: they gather what they get and end connections when told to. */
import { type ChildProcess, spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { createServer as createTlsServer } from "node:tls";
import type { Credentials } from "./certificates.ts";

const DEADLINE_MS = 10_000;

/** Messages in the order in which they came. */
export class SyslogMessages {
  readonly all: string[] = [];

  /** Resolves to the first message that matches; throws with what has come after ten seconds. */
  async received(pattern: RegExp): Promise<string> {
    const end = performance.now() + DEADLINE_MS;
    for (;;) {
      const found = this.all.find((message) => pattern.test(message));
      if (found !== undefined) return found;
      if (performance.now() > end) throw new Error(`no message is ${pattern}:\n${this.all.join("\n")}`);
      await delay(20);
    }
  }
}

export interface SyslogServer extends AsyncDisposable {
  readonly port: number;
  readonly messages: SyslogMessages;
}

/** One datagram for each message. */
export async function udpServer(): Promise<SyslogServer> {
  const messages = new SyslogMessages();
  const socket = createSocket("udp4");
  socket.on("message", (bytes) => messages.all.push(bytes.toString("utf8")));
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  return {
    port: socket.address().port,
    messages,
    async [Symbol.asyncDispose]() {
      socket.close();
      await once(socket, "close");
    },
  };
}

/** A server of streams, whose messages have their length before them [RFC 6587, 3.4.1]. */
export class StreamServer implements SyslogServer {
  readonly messages = new SyslogMessages();
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** What came and is not framed so. */
  readonly strange: string[] = [];

  private constructor(server: Server, event: "connection" | "secureConnection") {
    this.#server = server;
    server.on(event, (socket: Socket) => this.#serve(socket));
  }

  /** With credentials it speaks TLS. Port 0: a free one. */
  static async open(port = 0, credentials?: Credentials): Promise<StreamServer> {
    const made =
      credentials === undefined
        ? new StreamServer(createServer(), "connection")
        : new StreamServer(
            createTlsServer({ cert: readFileSync(credentials.cert), key: readFileSync(credentials.key) }),
            "secureConnection",
          );
    made.#server.listen(port, "127.0.0.1");
    await once(made.#server, "listening");
    return made;
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === "object" && address !== null ? address.port : 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, "close");
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket);
    let pending = Buffer.alloc(0);
    socket.on("error", () => {});
    socket.on("data", (bytes) => {
      pending = Buffer.concat([pending, bytes]);
      for (;;) {
        const head = /^(\d{1,5}) /.exec(pending.toString("latin1", 0, 6));
        const start = head?.[0].length ?? 0;
        const end = start + Number(head?.[1]);
        if (head === null && pending.length > 6) this.strange.push(pending.toString("latin1"));
        if (head === null || pending.length < end) return;
        this.messages.all.push(pending.toString("utf8", start, end));
        pending = pending.subarray(end);
      }
    });
  }
}

/** A datagram socket in the file system, as /dev/log is one: the runtime has none, Perl does. */
const RECEIVER = [
  "use Socket;",
  "socket(S, AF_UNIX, SOCK_DGRAM, 0) or die;",
  "bind(S, sockaddr_un($ARGV[0])) or die;",
  "$| = 1;",
  'while (defined recv(S, $m, 65536, 0)) { print "$m\\n" }',
].join(" ");

export class LocalService implements AsyncDisposable {
  readonly messages = new SyslogMessages();
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
    let pending = "";
    child.stdout?.on("data", (text) => {
      const lines = (pending + String(text)).split("\n");
      pending = lines.pop() ?? "";
      this.messages.all.push(...lines);
    });
  }

  /** The path must not exist. */
  static async open(path: string): Promise<LocalService> {
    const child = spawn("perl", ["-e", RECEIVER, path], { stdio: ["ignore", "pipe", "inherit"] });
    const service = new LocalService(child);
    while (!existsSync(path) && child.exitCode === null) await delay(10);
    return service;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null) return;
    this.#child.kill("SIGKILL");
    await once(this.#child, "exit");
  }
}
