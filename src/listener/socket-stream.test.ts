import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import type { Socket } from "node:net";
import { after, describe, it, type TestContext } from "node:test";
import { createSecureContext } from "node:tls";
import { Authority } from "../../test/support/certificates.ts";
import { removeDirectory, temporaryDirectory } from "../../test/support/processes.ts";
import { BLOCK_SIZE, takeBlock } from "./block-pool.ts";
import type { ByteStream, StreamReceiver } from "./byte-stream.ts";
import { HandleStream } from "./handle-stream.ts";
import {
  acceptedPair,
  fill,
  MEBIBYTE,
  type Pair,
  plainPair,
  readAll,
  securePair,
  send,
} from "./handle-stream-test-support.ts";
import { until } from "./listener-test-support.ts";
import { observeSocket } from "./socket-events.ts";
import { receiveFrom, socketStream } from "./socket-stream.ts";
import { staticReadBuffer } from "./static-read.ts";

const directory = temporaryDirectory();
const { cert, key } = Authority.root(directory, "Root").issue("localhost", { for: "server" });
const secureContext = createSecureContext({ cert: readFileSync(cert), key: readFileSync(key) });
after(() => removeDirectory(directory));

/** Writes down what it hears. */
class Ear implements StreamReceiver {
  chunks: Buffer[] = [];
  length = 0;
  buffers = new Set<Buffer>();
  drains = 0;
  errors: string[] = [];
  leaves = 0;
  closes = 0;
  hear: (() => void) | null = null;

  received(chunk: Buffer, start: number, end: number): void {
    this.buffers.add(chunk);
    this.chunks.push(Buffer.from(chunk.subarray(start, end)));
    this.length += end - start;
    this.hear?.();
  }
  drained(): void {
    this.drains++;
  }
  failed(error: Error): void {
    this.errors.push(error.message);
  }
  leaving(): void {
    this.leaves++;
  }
  closed(): void {
    this.closes++;
  }
  get text(): string {
    return Buffer.concat(this.chunks).toString();
  }
}

interface Heard extends Omit<Pair, "near"> {
  readonly stream: ByteStream;
  readonly ear: Ear;
  /** The near end has no connection any more. */
  gone(): boolean;
}

interface Kind {
  readonly name: string;
  /** Read into the static buffer. */
  readonly direct: boolean;
  readonly secure: boolean;
  /** What is sent after the end is dropped; sockets take it for an error. */
  readonly dropsLate: boolean;
  start(context: TestContext): Promise<Heard>;
}

function socketKind(secure: boolean, direct: boolean): Kind {
  return {
    name: `${secure ? "a TLS socket" : "a plain socket"}, ${direct ? "by its handle" : "as the runtime has it"}`,
    direct,
    secure,
    dropsLate: secure && direct,
    async start(context) {
      const pair = await (secure ? securePair(context, secureContext) : plainPair(context));
      const ways = { direct, staticRead: false, secure };
      const ear = new Ear();
      observeSocket(pair.near, ear);
      const stream = socketStream(pair.near, ways);
      assert.equal(stream instanceof HandleStream, direct);
      receiveFrom(pair.near, stream, ear, ways);
      return { ...pair, stream, ear, gone: () => pair.near.destroyed };
    },
  };
}

const acceptedKind: Kind = {
  name: "an accepted handle",
  direct: true,
  secure: false,
  dropsLate: true,
  async start(context) {
    const { stream, far } = await acceptedPair(context);
    const ear = new Ear();
    stream.deliverTo(ear);
    return { stream, ear, far, wire: far, gone: () => ear.closes > 0 };
  },
};

const kinds = [
  socketKind(false, true),
  socketKind(false, false),
  socketKind(true, true),
  socketKind(true, false),
  acceptedKind,
];

for (const { name, direct, secure, dropsLate, start } of kinds) {
  describe(name, () => {
    it("reads, and does not while it is paused", async (context) => {
      const { far, stream, ear } = await start(context);
      far.write("early ");
      await new Promise((resolve) => setTimeout(resolve, 20));
      assert.equal(ear.length, 0);
      stream.resume();
      await until("bytes", () => ear.text === "early ");
      far.write("one ");
      await until("bytes", () => ear.text === "early one ");
      assert.deepEqual([...ear.buffers].includes(staticReadBuffer()), direct);
      stream.pause();
      stream.pause();
      far.write("two");
      await new Promise((resolve) => setTimeout(resolve, 20));
      assert.equal(ear.text, "early one ");
      stream.resume();
      stream.resume();
      await until("bytes", () => ear.text === "early one two");
    });

    it("reads much, whole and in order, with pauses in between", async (context) => {
      const { far, stream, ear } = await start(context);
      ear.hear = () => {
        stream.pause();
        setImmediate(() => stream.resume());
      };
      stream.resume();
      far.write(fill(Buffer.alloc(4 * MEBIBYTE)));
      await until("bytes", () => ear.length === 4 * MEBIBYTE);
      assert.ok(Buffer.concat(ear.chunks).equals(fill(Buffer.alloc(4 * MEBIBYTE))));
    });

    it("tells of the end, once and after all bytes", async (context) => {
      const { far, stream, ear } = await start(context);
      stream.resume();
      far.end("last");
      await until("end", () => ear.closes > 0);
      assert.deepEqual([ear.text, ear.errors, ear.closes], ["last", [], 1]);
    });

    it("gives blocks back when their memory may be used again", async (context) => {
      const { far, stream, ear } = await start(context);
      const seen = new Set<Buffer>();
      const total = 16 * MEBIBYTE;
      let at = 0;
      const more = (): void => {
        while (at < total && stream.writableLength < 8 * BLOCK_SIZE) {
          const block = takeBlock();
          seen.add(block);
          stream.send(fill(block, at), 0, BLOCK_SIZE);
          at += BLOCK_SIZE;
        }
        if (at < total) setImmediate(more);
      };
      more();
      assert.ok((await readAll(far, total)).equals(fill(Buffer.alloc(total))));
      assert.ok(seen.size < 512, `${seen.size} blocks`);
      assert.deepEqual(ear.errors, []);
    });

    it("sends a part of a block", async (context) => {
      const { far, stream } = await start(context);
      stream.send(Buffer.from("..some.."), 2, 6);
      stream.send(Buffer.from("..thing"), 2, 7);
      assert.equal((await readAll(far, 9)).toString(), "something");
    });

    it("waits for a slow reader, in order, and tells when everything has gone", async (context) => {
      const { far, stream, ear } = await start(context);
      far.pause();
      let at = 0;
      for (const size of [12 * MEBIBYTE, 4, 16 * 1024, 4]) {
        send(stream, fill(Buffer.alloc(size), at));
        at += size;
      }
      assert.ok(stream.writableLength > 0);
      await new Promise((resolve) => setTimeout(resolve, 50));
      assert.equal(ear.drains, 0);
      assert.ok((await readAll(far, at)).equals(fill(Buffer.alloc(at))));
      await until("everything has gone", () => stream.writableLength === 0 && ear.drains === 1);
    });

    it("sends what waits before an orderly end, and nothing after it", async (context) => {
      const { far, stream, gone } = await start(context);
      far.pause();
      send(stream, Buffer.alloc(12 * MEBIBYTE));
      send(stream, "last");
      stream.end();
      if (dropsLate) send(stream, "late");
      const all = await readAll(far);
      assert.deepEqual([all.length, all.subarray(-4).toString()], [12 * MEBIBYTE + 4, "last"]);
      stream.resume();
      await until("closed", gone);
      send(stream, "late");
    });

    it("tells why when the peer has gone", async (context) => {
      const { wire, far, stream, ear, gone } = await start(context);
      far.pause();
      send(stream, Buffer.alloc(12 * MEBIBYTE));
      send(stream, Buffer.alloc(5));
      wire.resetAndDestroy();
      const timer = setInterval(() => send(stream, "more"), 5);
      context.after(() => clearInterval(timer));
      await until("closed", () => gone() && ear.closes === 1);
      assert.match(ear.errors[0] ?? "", /^(write (EPIPE|ECONNRESET|ECANCELED)|read ECONNRESET)$/);
    });

    it("is over when it is destroyed, whatever waits", async (context) => {
      const { stream, ear, gone } = await start(context);
      send(stream, Buffer.alloc(12 * MEBIBYTE));
      send(stream, Buffer.alloc(4));
      stream.destroy();
      send(stream, "late");
      stream.pause();
      stream.resume();
      await until("closed", () => ear.closes === 1);
      assert.ok(gone());
    });

    it("sends what waits when the other side has ended first", async (context) => {
      const { far, stream, ear, gone } = await start(context);
      far.pause();
      send(stream, fill(Buffer.alloc(12 * MEBIBYTE)));
      stream.resume();
      far.end("end");
      await until("the end has come", () => ear.text === "end");
      assert.ok((await readAll(far)).equals(fill(Buffer.alloc(12 * MEBIBYTE))));
      await until("closed", () => gone() && ear.closes === 1);
      // The last word of TLS comes to a socket that has gone already.
      if (!secure) assert.deepEqual(ear.errors, []);
    });
  });
}

describe("static reads past a socket", () => {
  const ear = new Ear();
  const streamOf = (socket: Socket): HandleStream => {
    const stream = socketStream(socket, { direct: true, staticRead: false, secure: false });
    assert.ok(stream instanceof HandleStream);
    return stream;
  };

  it("are refused, and nothing changed, where the handle is not as expected", async (context) => {
    const { near, far } = await plainPair(context);
    const stream = streamOf(near);
    const handle: unknown = Reflect.get(near, "_handle");
    assert.ok(typeof handle === "object" && handle !== null);
    for (const other of [
      undefined,
      null,
      5,
      {},
      { readStart: 1 },
      Object.create(handle, { onread: { value: 1 } }),
    ]) {
      Reflect.set(near, "_handle", other);
      assert.equal(stream.readStatically(ear), false);
    }
    Reflect.set(near, "_handle", handle);
    far.write("as before");
    const [chunk] = await once(near.resume(), "data");
    assert.equal(String(chunk), "as before");
  });

  it("are refused when the stream has something unread", async (context) => {
    const { near } = await plainPair(context);
    near.unshift(Buffer.from("unread"));
    assert.equal(streamOf(near).readStatically(ear), false);
    const [chunk] = await once(near.resume(), "data");
    assert.equal(String(chunk), "unread");
  });
});
