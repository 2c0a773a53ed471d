import { chmodSync, renameSync, rmSync, statSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { dirname } from "node:path";
import { makeDirectory } from "../files/make-directory.ts";
import type { Admin } from "./admin.ts";
import { askInfo } from "./control-client.ts";
import {
  type ControlFrame,
  type ControlRequest,
  controlPath,
  LineReader,
  MAX_REQUEST_BYTES,
  type NodeInfo,
  type NodeState,
  parseRequest,
  shortSocketPath,
} from "./control-protocol.ts";
import type { Output } from "./render.ts";

/** Commands at the same time. */
const MAX_CONNECTIONS = 64;
/** A client that has not sent its request after this long is closed. */
const REQUEST_TIMEOUT_MS = 10_000;

/** Another process serves in this run directory. */
export class AlreadyRunningError extends Error {
  override readonly name = "AlreadyRunningError";
  readonly info: NodeInfo;

  constructor(info: NodeInfo) {
    super(`Node '${info.node}' is already running with process id ${info.pid}`);
    this.info = info;
  }
}

export interface ControlServerOptions {
  readonly runDirectory: string;
  /** The name as far as it is known now. */
  readonly node: string;
  readonly version: string;
  /** Called once for a stop request, after it has been answered. */
  readonly onStop: () => void;
}

/** What a node that serves answers requests with. */
export interface ServingNode {
  readonly name: string;
  readonly admin: Admin;
  /** Reads configuration and files again and says what came of it; resolves to the exit status. */
  readonly reload: (output: Output) => Promise<number>;
}

/**
 * Serves the admin commands to the owner of the run directory: the directory is made with mode 0700 if it is not
 * there, the socket has mode 0600. It answers from the very start of a node, so that nobody starts a second one and
 * `vernemq stop` works while it starts.
 */
export class ControlServer {
  readonly #server: Server;
  readonly #path: string;
  readonly #version: string;
  readonly #onStop: () => void;
  readonly #sockets = new Set<Socket>();
  #node: string;
  #state: NodeState = "starting";
  #serving: ServingNode | undefined;
  #inode = 0;

  private constructor(options: ControlServerOptions) {
    this.#path = controlPath(options.runDirectory);
    this.#node = options.node;
    this.#version = options.version;
    this.#onStop = options.onStop;
    this.#server = createServer((socket) => this.#serve(socket));
    this.#server.maxConnections = MAX_CONNECTIONS;
  }

  /** Throws AlreadyRunningError when a node lives in the run directory; the socket of a dead one is replaced. */
  static async open(options: ControlServerOptions): Promise<ControlServer> {
    const running = await askInfo(options.runDirectory);
    if (running !== undefined) throw new AlreadyRunningError(running);
    const control = new ControlServer(options);
    await control.#listen();
    return control;
  }

  /** From now on commands are answered: the node serves. */
  serve(node: ServingNode): void {
    this.#node = node.name;
    this.#serving = node;
    this.#state = "running";
  }

  /** The node is on its way down. */
  stopping(): void {
    this.#state = "stopping";
  }

  /** Ends all connections and removes the socket. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
    if (process.platform === "win32") return;
    const found = statSync(this.#path, { throwIfNoEntry: false });
    if (found?.ino === this.#inode) rmSync(this.#path, { force: true });
  }

  async #listen(): Promise<void> {
    if (process.platform === "win32") return this.#bind(this.#path);
    makeDirectory(dirname(this.#path), 0o700);
    // Bound under another name and moved into its place when its mode is right; this also replaces a dead socket.
    const temporary = `${this.#path}.${process.pid}`;
    rmSync(temporary, { force: true });
    const short = shortSocketPath(temporary);
    try {
      await this.#bind(short.path);
    } finally {
      short.done();
    }
    chmodSync(temporary, 0o600);
    this.#inode = statSync(temporary).ino;
    renameSync(temporary, this.#path);
  }

  #bind(path: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(path, () => {
        this.#server.off("error", reject);
        // A failed accept is no reason to end the node.
        this.#server.on("error", () => undefined);
        resolve();
      });
    });
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket);
    const gone = new AbortController();
    const timeout = setTimeout(() => socket.destroy(), REQUEST_TIMEOUT_MS);
    socket.on("error", () => undefined);
    socket.on("close", () => {
      clearTimeout(timeout);
      this.#sockets.delete(socket);
      gone.abort();
    });
    const reader = new LineReader(MAX_REQUEST_BYTES);
    const onData = (chunk: Buffer): void => {
      const lines = reader.read(chunk);
      const [line] = lines ?? [];
      if (lines !== undefined && line === undefined) return;
      clearTimeout(timeout);
      socket.off("data", onData);
      // Goes on reading, so that the end of the client is noticed.
      socket.on("data", () => undefined);
      const request = line === undefined ? undefined : parseRequest(line);
      this.#answer(socket, request, gone.signal).then(
        () => socket.end(),
        () => socket.destroy(),
      );
    };
    socket.on("data", onData);
  }

  async #answer(socket: Socket, request: ControlRequest | undefined, signal: AbortSignal): Promise<void> {
    const send = (frame: ControlFrame): Promise<void> | undefined =>
      sendLine(socket, JSON.stringify(frame), signal);
    switch (request?.request) {
      case undefined:
        await send({ frame: "stderr", text: "The request was not understood.\n" });
        await send({ frame: "exit", status: 1 });
        return;
      case "info":
        await send({
          frame: "info",
          info: { node: this.#node, version: this.#version, pid: process.pid, state: this.#state },
        });
        return;
      case "stop":
        await send({ frame: "exit", status: 0 });
        this.#onStop();
        return;
      case "complete":
        await send({
          frame: "completions",
          words: this.#serving?.admin.complete(request.words, request.begun) ?? [],
        });
        return;
      case "admin":
      case "reload": {
        if (this.#serving === undefined) {
          await send({ frame: "stderr", text: `Node '${this.#node}' is still starting.\n` });
          await send({ frame: "exit", status: 1 });
          return;
        }
        const { admin, reload } = this.#serving;
        const output: Output = {
          stdout: (text) => send({ frame: "stdout", text }),
          stderr: (text) => send({ frame: "stderr", text }),
        };
        const status =
          request.request === "reload"
            ? await reload(output)
            : await admin.execute(request.argv, { terminal: request.terminal, signal, output });
        await send({ frame: "exit", status });
      }
    }
  }
}

/** Writes a line and, when the reader is slow, waits for it. Rejects when the reader has gone. */
function sendLine(socket: Socket, line: string, signal: AbortSignal): Promise<void> | undefined {
  if (signal.aborted || socket.destroyed) return Promise.reject(new Error("the caller has gone"));
  if (socket.write(`${line}\n`)) return undefined;
  return new Promise((resolve, reject) => {
    const settle = (): void => {
      socket.off("drain", settle);
      signal.removeEventListener("abort", settle);
      if (signal.aborted) reject(new Error("the caller has gone"));
      else resolve();
    };
    socket.on("drain", settle);
    signal.addEventListener("abort", settle);
  });
}
