import { createHash } from "node:crypto";
import { closeSync, openSync } from "node:fs";
import { basename, dirname, join } from "node:path";

/*
 * How the commands talk to a running node: one connection per request over a Unix socket (a named pipe on Windows),
 * one JSON object per line. The client sends one request, the node answers with frames, the last one is the exit.
 */

/** Longest request line in bytes. */
export const MAX_REQUEST_BYTES = 256 * 1024;
/** Most words of one command. */
const MAX_REQUEST_WORDS = 10_000;

export type ControlRequest =
  /** Who are you? Answered by an info frame. */
  | { readonly request: "info" }
  /** An admin command. */
  | { readonly request: "admin"; readonly argv: readonly string[]; readonly terminal: boolean }
  /** The words that may follow, for the prompt of `vernemq attach`. */
  | { readonly request: "complete"; readonly words: readonly string[]; readonly begun: string }
  /** Read the configuration and the files that belong to it again. */
  | { readonly request: "reload" }
  /** Orderly stop; the node answers before it stops. */
  | { readonly request: "stop" };

/** Whether the node serves clients yet, or still. */
export type NodeState = "starting" | "running" | "stopping";

export interface NodeInfo {
  readonly node: string;
  readonly version: string;
  readonly pid: number;
  readonly state: NodeState;
}

export type ControlFrame =
  | { readonly frame: "info"; readonly info: NodeInfo }
  | { readonly frame: "stdout" | "stderr"; readonly text: string }
  | { readonly frame: "completions"; readonly words: readonly string[] }
  | { readonly frame: "exit"; readonly status: number };

function isStrings(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}

function parsed(line: string): object | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

/** The request of a line, undefined when it is none. */
export function parseRequest(line: string): ControlRequest | undefined {
  const value = parsed(line);
  if (value === undefined || !("request" in value)) return undefined;
  switch (value.request) {
    case "info":
    case "reload":
    case "stop":
      return { request: value.request };
    case "admin":
      if (!("argv" in value) || !isStrings(value.argv) || value.argv.length > MAX_REQUEST_WORDS)
        return undefined;
      return { request: "admin", argv: value.argv, terminal: "terminal" in value && value.terminal === true };
    case "complete":
      if (!("words" in value) || !isStrings(value.words)) return undefined;
      if (!("begun" in value) || typeof value.begun !== "string") return undefined;
      return { request: "complete", words: value.words, begun: value.begun };
    default:
      return undefined;
  }
}

function isState(value: unknown): value is NodeState {
  return value === "starting" || value === "running" || value === "stopping";
}

function parseInfo(value: unknown): NodeInfo | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  if (!("node" in value && "version" in value && "pid" in value && "state" in value)) return undefined;
  const { node, version, pid, state } = value;
  if (typeof node !== "string" || typeof version !== "string" || typeof pid !== "number" || !isState(state)) {
    return undefined;
  }
  return { node, version, pid, state };
}

/** The frame of a line, undefined when it is none. */
export function parseFrame(line: string): ControlFrame | undefined {
  const value = parsed(line);
  if (value === undefined || !("frame" in value)) return undefined;
  switch (value.frame) {
    case "info": {
      const info = "info" in value ? parseInfo(value.info) : undefined;
      return info && { frame: "info", info };
    }
    case "stdout":
    case "stderr":
      if (!("text" in value) || typeof value.text !== "string") return undefined;
      return { frame: value.frame, text: value.text };
    case "completions":
      return "words" in value && isStrings(value.words)
        ? { frame: "completions", words: value.words }
        : undefined;
    case "exit":
      if (!("status" in value) || typeof value.status !== "number") return undefined;
      return { frame: "exit", status: value.status };
    default:
      return undefined;
  }
}

/** Where the socket of a node lies. Windows has pipes instead, in a place of their own: there it is a name. */
export function controlPath(runDirectory: string, platform: string = process.platform): string {
  if (platform !== "win32") return join(runDirectory, "vernemq.ctl");
  const digest = createHash("sha256").update(runDirectory.toLowerCase()).digest("hex").slice(0, 32);
  return `\\\\.\\pipe\\vernemq-${digest}`;
}

/** Longest path the kernel takes for a Unix socket, the closing zero byte not counted (macOS has 103). */
const MAX_SOCKET_PATH = 103;

/**
 * Calls `use` with a path that names the same socket and is short enough for the kernel: on Linux a long directory is
 * reached through an open descriptor. `done` must be called when the path is not needed any more.
 */
export function shortSocketPath(path: string): { readonly path: string; done(): void } {
  if (process.platform !== "linux" || Buffer.byteLength(path) <= MAX_SOCKET_PATH) return { path, done() {} };
  const descriptor = openSync(dirname(path), "r");
  return { path: `/proc/self/fd/${descriptor}/${basename(path)}`, done: () => closeSync(descriptor) };
}

/** Splits a byte stream into lines. */
export class LineReader {
  #rest: Buffer = Buffer.alloc(0);
  readonly #limit: number;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** The lines that are complete now; undefined when a line is longer than the limit. */
  read(chunk: Buffer): string[] | undefined {
    let data = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const lines: string[] = [];
    for (let end = data.indexOf(10); end !== -1; end = data.indexOf(10)) {
      if (end > this.#limit) return undefined;
      lines.push(data.toString("utf8", 0, end));
      data = data.subarray(end + 1);
    }
    this.#rest = data;
    return data.length > this.#limit ? undefined : lines;
  }
}
