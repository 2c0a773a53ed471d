import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer, Socket } from "node:net";
import type { TestContext } from "node:test";
import { connect as connectTls, type SecureContext, TLSSocket } from "node:tls";
import { type AcceptedStream, acceptStreams } from "./accepted-stream.ts";
import type { ByteStream } from "./byte-stream.ts";
import type { AcceptedHandle } from "./socket-handle.ts";
import { releaseControl } from "./tls/tls-handle.ts";

export const MEBIBYTE = 1024 * 1024;

/** Both ends of a connection; `wire` is the socket below the far end, or the far end itself. */
export interface Pair {
  readonly near: Socket;
  readonly far: Socket;
  readonly wire: Socket;
}

/** Both ends of a plain connection; the near one is paused. */
export async function plainPair(context: TestContext): Promise<Pair> {
  const server = createServer({ noDelay: true, pauseOnConnect: true });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  assert.ok(address !== null && typeof address === "object");
  const accepted: Promise<unknown[]> = once(server, "connection");
  const far = connect(address.port, "127.0.0.1");
  const [near] = await accepted;
  assert.ok(near instanceof Socket);
  context.after(() => {
    near.destroy();
    far.destroy();
    server.close();
  });
  near.on("error", () => undefined);
  far.on("error", () => undefined);
  return { near, far, wire: far };
}

/** Both ends of a connection of which no socket has been made at the near end. */
export async function acceptedPair(
  context: TestContext,
): Promise<{ readonly stream: AcceptedStream; readonly handle: AcceptedHandle; readonly far: Socket }> {
  const server = createServer(() => assert.fail("an ordinary socket"));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const accepted = Promise.withResolvers<{ stream: AcceptedStream; handle: AcceptedHandle }>();
  assert.ok(acceptStreams(server, (stream, handle) => accepted.resolve({ stream, handle })));
  const address = server.address();
  assert.ok(address !== null && typeof address === "object");
  const far = connect(address.port, "127.0.0.1");
  far.on("error", () => undefined);
  const { stream, handle } = await accepted.promise;
  context.after(() => {
    stream.destroy();
    far.destroy();
    server.close();
  });
  return { stream, handle, far };
}

/** Both ends of a TLS connection, in the state in which the broker gets them. */
export async function securePair(
  context: TestContext,
  secureContext: SecureContext,
  maxVersion: "TLSv1.2" | "TLSv1.3" = "TLSv1.3",
): Promise<Pair> {
  const { near: plain, wire } = await plainPair(context);
  const near = new TLSSocket(plain, { isServer: true, secureContext });
  const secured = once(near, "secure");
  const far = connectTls({ socket: wire, rejectUnauthorized: false, maxVersion });
  context.after(() => {
    near.destroy();
    far.destroy();
  });
  for (const socket of [near, far]) socket.on("error", () => undefined);
  await Promise.all([secured, once(far, "secureConnect")]);
  releaseControl(near);
  return { near, far, wire };
}

/** Bytes that tell where they stand. */
export function fill(block: Buffer, from = 0): Buffer {
  for (let i = 0; i + 4 <= block.length; i += 4) block.writeUInt32BE(from + i, i);
  return block;
}

/** Sends all of a buffer of its own. */
export function send(stream: ByteStream, bytes: Buffer | string): void {
  const block = Buffer.from(bytes);
  stream.send(block, 0, block.length);
}

/** Up to `size` bytes, or all to the end. */
export async function readAll(socket: Socket, size = Number.POSITIVE_INFINITY): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of socket) {
    assert.ok(chunk instanceof Buffer);
    chunks.push(chunk);
    length += chunk.length;
    if (length >= size) break;
  }
  return Buffer.concat(chunks);
}
