import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect, createServer, Socket } from "node:net";
import { after, describe, it, type TestContext } from "node:test";
import { connect as connectTls, createSecureContext, TLSSocket } from "node:tls";
import { Authority } from "../../test/support/certificates.ts";
import { removeDirectory, temporaryDirectory } from "../../test/support/processes.ts";
import { until } from "./listener-test-support.ts";
import { releaseControl } from "./tls/tls-handle.ts";
import { writeInTurn } from "./write-in-turn.ts";

const MEBIBYTE = 1024 * 1024;
const directory = temporaryDirectory();
const { cert, key } = Authority.root(directory, "Root").issue("localhost", { for: "server" });
const secureContext = createSecureContext({ cert: readFileSync(cert), key: readFileSync(key) });
after(() => removeDirectory(directory));

/** Both ends of a TLS connection; `wire` is the socket below the far end. */
async function pair(
  context: TestContext,
  maxVersion: "TLSv1.2" | "TLSv1.3" = "TLSv1.3",
): Promise<{ near: TLSSocket; far: TLSSocket; wire: Socket }> {
  const server = createServer({ noDelay: true, pauseOnConnect: true });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  assert.ok(address !== null && typeof address === "object");
  const accepted = once(server, "connection");
  const wire = connect(address.port, "127.0.0.1");
  const [plain]: unknown[] = await accepted;
  assert.ok(plain instanceof Socket);
  const near = new TLSSocket(plain, { isServer: true, secureContext });
  const secured = once(near, "secure");
  const far = connectTls({ socket: wire, rejectUnauthorized: false, maxVersion });
  context.after(() => {
    for (const socket of [near, far, wire]) socket.destroy();
    server.close();
  });
  for (const socket of [near, far, wire]) socket.on("error", () => undefined);
  await Promise.all([secured, once(far, "secureConnect")]);
  releaseControl(near);
  near.resume();
  return { near, far, wire };
}

/** Bytes that tell where they stand. */
function fill(block: Buffer, from: number): Buffer {
  for (let i = 0; i + 4 <= block.length; i += 4) block.writeUInt32BE(from + i, i);
  return block;
}

async function readAll(socket: Socket, size: number): Promise<Buffer> {
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

describe("writes in turn", () => {
  for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
    it(`are what the pinned runtime allows; each waits for the one before (${version})`, async (context) => {
      const { near, far } = await pair(context, version);
      const stream = writeInTurn(near);
      assert.notEqual(stream, near);
      near.write = () => assert.fail("written through the stream");
      const done: number[] = [];
      for (let i = 0; i < 100; i++)
        stream.write(Buffer.from(`${i} `), (error) => done.push(error ? Number.NaN : i));
      assert.deepEqual([done.length, stream.writableLength], [0, 290]);
      const all = Array.from({ length: 100 }, (_, i) => i);
      assert.equal((await readAll(far, 290)).toString(), `${all.join(" ")} `);
      await until("all done", () => stream.writableLength === 0);
      assert.deepEqual(done, all);
    });
  }

  it("leave a socket as it is whose handle is not as expected", () => {
    const socket = new Socket();
    const writeBuffer = () => 0;
    for (const handle of [undefined, null, 5, {}, { writeBuffer }, { writeBuffer, writev: 1 }]) {
      Reflect.set(socket, "_handle", handle);
      assert.equal(writeInTurn(socket), socket);
    }
    Reflect.set(socket, "_handle", null);
  });

  it("are done when their memory may be used again", async (context) => {
    const { near, far } = await pair(context);
    const stream = writeInTurn(near);
    const free = Array.from({ length: 4 }, () => Buffer.alloc(16 * 1024));
    const total = 16 * MEBIBYTE;
    let at = 0;
    const more = (): void => {
      for (let block = free.pop(); block !== undefined && at < total; block = free.pop()) {
        const taken = block;
        stream.write(fill(block, at), (error) => {
          if (error) return;
          taken.fill(0xee);
          free.push(taken);
        });
        at += block.length;
      }
    };
    near.on("drain", more);
    more();
    assert.ok((await readAll(far, total)).equals(fill(Buffer.alloc(total), 0)));
  });

  it("wait for a slow reader, and tell when everything has gone", async (context) => {
    const { near, far } = await pair(context);
    const stream = writeInTurn(near);
    let drains = 0;
    near.on("drain", () => drains++);
    far.pause();
    const sizes = [12 * MEBIBYTE, 4, 16 * 1024, 4];
    let at = 0;
    for (const size of sizes) {
      stream.write(fill(Buffer.alloc(size), at));
      at += size;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.deepEqual([drains, stream.writableLength], [0, at]);
    assert.ok((await readAll(far, at)).equals(fill(Buffer.alloc(at), 0)));
    await until("everything has gone", () => stream.writableLength === 0);
    assert.equal(drains, 1);
  });

  it("send what waits before an orderly end, and nothing after it", async (context) => {
    const { near, far } = await pair(context);
    const stream = writeInTurn(near);
    far.pause();
    stream.write(Buffer.alloc(12 * MEBIBYTE));
    stream.write(Buffer.from("last"));
    stream.end();
    const errors: string[] = [];
    const late = (): void => {
      stream.write(Buffer.from("late"), (error) => errors.push(String(error)));
    };
    late();
    const all = await readAll(far, Number.POSITIVE_INFINITY);
    assert.deepEqual([all.length, all.subarray(-4).toString()], [12 * MEBIBYTE + 4, "last"]);
    await until("closed", () => near.destroyed);
    late();
    assert.deepEqual(errors, ["Error: write after end", "Error: write after end"]);
  });

  it("end the socket with the reason when the peer has gone", async (context) => {
    const { near, far, wire } = await pair(context);
    const stream = writeInTurn(near);
    near.pause();
    const failed = once(near, "error");
    far.pause();
    let failures = 0;
    const count = (error?: Error | null): void => {
      if (error) failures++;
    };
    stream.write(Buffer.alloc(12 * MEBIBYTE), count);
    stream.write(Buffer.alloc(5), count);
    wire.resetAndDestroy();
    const [error]: unknown[] = await failed;
    assert.match(String(error), /^Error: (write (EPIPE|ECONNRESET|ECANCELED)|read ECONNRESET)$/);
    await until("closed", () => near.destroyed && failures === 2);
  });

  it("are given up when the socket is destroyed", async (context) => {
    const { near } = await pair(context);
    const stream = writeInTurn(near);
    const errors: string[] = [];
    for (const size of [12 * MEBIBYTE, 4])
      stream.write(Buffer.alloc(size), (error) => errors.push(String(error)));
    stream.destroy();
    stream.write(Buffer.from("late"), (error) => errors.push(String(error)));
    await until("all told", () => errors.length === 3);
    assert.match(errors.join(), /^Error: write after end(,Error: write \w+){2}$/);
    assert.equal(stream.writableLength, 0);
  });

  it("may meet the end of the peer", async (context) => {
    for (let round = 0; round < 20; round++) {
      const { near, far } = await pair(context);
      const stream = writeInTurn(near);
      for (let i = 0; i < round; i++) stream.write(Buffer.alloc(64 * 1024));
      far.end();
      const timer = setInterval(() => stream.write(Buffer.from("more")), 1);
      far.resume();
      await until("closed", () => near.destroyed);
      clearInterval(timer);
    }
  });
});
