import { connect, type Socket } from "node:net";
import { ControlForbiddenError } from "./control-forbidden-error.ts";
import {
  type ControlFrame,
  type ControlRequest,
  controlPath,
  LineReader,
  type NodeInfo,
  parseFrame,
  shortSocketPath,
} from "./control-protocol.ts";

/** Frames carry at most a piece of output each. */
const MAX_FRAME_BYTES = 16 * 1024 * 1024;

/** A node that is too busy to say who it is within this time counts as not responding. */
const INFO_TIMEOUT_MS = 5000;

/** Nobody answers in the run directory. */
export class NotRunningError extends Error {
  override readonly name = "NotRunningError";
}

/** Somebody listens in the run directory but does not say who it is. */
export class NotRespondingError extends Error {
  override readonly name = "NotRespondingError";
}

function isReset(error: unknown): boolean {
  const code = codeOf(error);
  return code === "ECONNRESET" || code === "EPIPE";
}

/** No socket there, nobody behind it, or no place where one could be. */
const ABSENCE: readonly unknown[] = ["ENOENT", "ECONNREFUSED", "ENOTDIR"];

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}

function open(runDirectory: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const short = shortSocketPath(controlPath(runDirectory));
    const socket = connect(short.path);
    socket.once("connect", () => {
      short.done();
      socket.removeAllListeners("error");
      resolve(socket);
    });
    socket.once("error", (error) => {
      short.done();
      reject(error);
    });
  });
}

/**
 * Sends a request and yields the frames of the answer as they come, until the node ends the answer or the signal
 * aborts. Throws NotRunningError when nobody listens, and ControlForbiddenError when this user may not ask.
 */
export async function* request(
  runDirectory: string,
  message: ControlRequest,
  signal?: AbortSignal,
): AsyncGenerator<ControlFrame> {
  let socket: Socket;
  try {
    socket = await open(runDirectory);
  } catch (error) {
    const code = codeOf(error);
    if (ABSENCE.includes(code)) throw new NotRunningError(`nobody listens in ${runDirectory}`);
    if (code === "EACCES") throw new ControlForbiddenError(controlPath(runDirectory));
    throw error;
  }
  const leave = (): void => {
    socket.destroy();
  };
  signal?.addEventListener("abort", leave);
  if (signal?.aborted) leave();
  try {
    socket.write(`${JSON.stringify(message)}\n`);
    const reader = new LineReader(MAX_FRAME_BYTES);
    for await (const chunk of socket) {
      if (!Buffer.isBuffer(chunk)) continue;
      for (const line of reader.read(chunk) ?? []) {
        const frame = parseFrame(line);
        if (frame !== undefined) yield frame;
      }
    }
  } catch (error) {
    // Destroyed by us, or the node has ended without a word: there is nothing more to read.
    if (signal?.aborted !== true && !isReset(error)) throw error;
  } finally {
    signal?.removeEventListener("abort", leave);
    socket.destroy();
  }
}

/**
 * Who serves in the run directory; undefined when nobody does. Throws NotRespondingError when somebody listens but
 * does not answer in time.
 */
export async function askInfo(
  runDirectory: string,
  timeout = INFO_TIMEOUT_MS,
): Promise<NodeInfo | undefined> {
  try {
    for await (const frame of request(runDirectory, { request: "info" }, AbortSignal.timeout(timeout))) {
      if (frame.frame === "info") return frame.info;
    }
  } catch (error) {
    if (error instanceof NotRunningError) return undefined;
    throw error;
  }
  throw new NotRespondingError(`the node in ${runDirectory} does not answer`);
}
