import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer, Socket } from "node:net";
import { describe, it, type TestContext } from "node:test";
import { writeDirectly } from "./direct-write.ts";
import { until } from "./listener-test-support.ts";

/** Both ends of a connection. */
async function pair(context: TestContext): Promise<{ near: Socket; far: Socket }> {
  const server = createServer({ noDelay: true });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  assert.ok(address !== null && typeof address === "object");
  const accepted = once(server, "connection");
  const far = connect(address.port, "127.0.0.1");
  const [near]: unknown[] = await accepted;
  assert.ok(near instanceof Socket);
  context.after(() => {
    near.destroy();
    far.destroy();
    server.close();
  });
  near.on("error", () => undefined);
  far.on("error", () => undefined);
  near.resume();
  return { near, far };
}

/** Bytes that tell where they stand. */
function pattern(size: number, from = 0): Buffer {
  const out = Buffer.alloc(size);
  for (let i = 0; i + 4 <= size; i += 4) out.writeUInt32BE(from + i, i);
  return out;
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

describe("direct writes", () => {
  it("are what the pinned runtime allows, and are taken at once", async (context) => {
    const { near, far } = await pair(context);
    const stream = writeDirectly(near);
    assert.notEqual(stream, near);
    near.write = () => assert.fail("written through the stream");
    for (const text of ["one ", "two ", "three"]) {
      stream.write(Buffer.from(text));
      assert.equal(stream.writableLength, 0);
    }
    assert.equal((await readAll(far, 13)).toString(), "one two three");
  });

  it("leave a socket as it is whose handle is not as expected", () => {
    const socket = new Socket();
    for (const handle of [undefined, null, 5, {}, { writeBuffer: 1 }]) {
      Reflect.set(socket, "_handle", handle);
      assert.equal(writeDirectly(socket), socket);
    }
    Reflect.set(socket, "_handle", null);
  });

  it("keep what the kernel does not take, in order, and tell when it has gone", async (context) => {
    const { near, far } = await pair(context);
    const stream = writeDirectly(near);
    const size = 12 * 1024 * 1024;
    let drains = 0;
    near.on("drain", () => drains++);
    far.pause();
    const sizes = [size, 4, 16 * 1024, 4];
    let at = 0;
    for (const each of sizes) {
      stream.write(pattern(each, at));
      at += each;
    }
    assert.ok(stream.writableLength > 0);
    const taken: string[] = [];
    stream.write(pattern(8, at), (error) => taken.push(String(error)));
    assert.deepEqual([drains, taken], [0, []]);
    assert.ok((await readAll(far, at + 8)).equals(pattern(at + 8)));
    await until("everything has gone", () => stream.writableLength === 0);
    assert.deepEqual([drains, taken], [1, ["undefined"]]);
    stream.write(Buffer.from("at once"), (error) => taken.push(String(error)));
    await until("taken", () => taken.length === 2);
  });

  it("send what waits before an orderly end", async (context) => {
    const { near, far } = await pair(context);
    const stream = writeDirectly(near);
    far.pause();
    stream.write(pattern(12 * 1024 * 1024));
    stream.write(Buffer.from("last"));
    assert.ok(stream.writableLength > 0);
    stream.end();
    const all = await readAll(far, 12 * 1024 * 1024 + 4);
    assert.equal(all.subarray(-4).toString(), "last");
  });

  it("end the socket with the reason when the peer has gone", async (context) => {
    const { near, far } = await pair(context);
    const stream = writeDirectly(near);
    near.pause();
    const failed = once(near, "error");
    far.pause();
    stream.write(Buffer.alloc(12 * 1024 * 1024));
    far.resetAndDestroy();
    const timer = setInterval(() => stream.write(Buffer.from("more")), 5);
    context.after(() => clearInterval(timer));
    const [error]: unknown[] = await failed;
    assert.match(String(error), /^Error: (write (EPIPE|ECONNRESET)|read ECONNRESET)$/);
    await until("closed", () => near.destroyed);
  });

  it("do nothing on a destroyed socket, and fail as a stream does after its end", async (context) => {
    const ended = await pair(context);
    const stream = writeDirectly(ended.near);
    const failed = once(ended.near, "error");
    stream.end();
    stream.write(Buffer.from("late"));
    assert.match(String((await failed)[0]), /write after end/);
    const { near } = await pair(context);
    const other = writeDirectly(near);
    other.write(Buffer.alloc(12 * 1024 * 1024));
    other.destroy();
    other.write(Buffer.from("late"));
    await once(near, "close");
  });
});
