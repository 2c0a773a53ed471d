import assert from "node:assert/strict";
import { once } from "node:events";
import type { Socket } from "node:net";
import { describe, it, type TestContext } from "node:test";
import fc from "fast-check";
import { decode, packet } from "../mqtt/frame-decoder-test-support.ts";
import { frameLength } from "../mqtt/frame-header.ts";
import { BLOCK_SIZE, blockEpoch, FIRST_BLOCK_SIZE } from "./block-pool.ts";
import { startListener, until } from "./listener-test-support.ts";

/** One of each kind of packet, with short and long headers. */
const STREAM = Buffer.concat([
  packet(0x30, "0003 'a/b' 'hello'"),
  packet(0x32, Buffer.concat([Buffer.from([0, 1, 97, 0, 7]), Buffer.alloc(200, "x")])),
  packet(0x40, "0001"),
  packet(0x50, "0002"),
  packet(0x62, "0003"),
  packet(0x70, "0004"),
  packet(0x82, "0009 0001 'a' 01"),
  packet(0xa2, "000a 0001 'a'"),
  packet(0xc0, ""),
  packet(0x30, "0001 'a'"),
]);
const PACKETS = decode(4, STREAM).packets;

/** A PUBLISH with that payload and a header of five bytes. */
function largePublish(payload: Buffer): Buffer {
  const length = 3 + payload.length;
  const header = [
    0x30,
    (length & 127) | 128,
    ((length >> 7) & 127) | 128,
    ((length >> 14) & 127) | 128,
    length >> 21,
  ];
  return Buffer.concat([Buffer.from([...header, 0, 1, 97]), payload]);
}

function numbered(count: number): Buffer {
  return Buffer.concat(
    Array.from({ length: count }, (_, i) =>
      packet(0x30, Buffer.from(`\0\u0001a${String(i).padStart(8, "0")}`)),
    ),
  );
}

function payloads(session: { readonly packets: readonly { readonly kind: string }[] }): string[] {
  return session.packets.map((one) =>
    "payload" in one ? Buffer.from(String(one.payload), "hex").toString() : one.kind,
  );
}

const inOrder = (count: number): string[] =>
  Array.from({ length: count }, (_, i) => String(i).padStart(8, "0"));

/** Bytes that tell where they stand. */
function pattern(size: number): Buffer {
  const out = Buffer.alloc(size);
  for (let i = 0; i + 4 <= size; i += 4) out.writeUInt32BE(i, i);
  return out;
}

async function readAll(socket: Socket, size: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of socket) {
    if (!(chunk instanceof Buffer)) continue;
    chunks.push(chunk);
    length += chunk.length;
    if (length >= size) break;
  }
  return Buffer.concat(chunks);
}

for (const staticRead of [true, false]) {
  const start = (context: TestContext, options = {}) =>
    startListener(context, { direct: staticRead, ...options });

  describe(staticRead ? "connection, static reads" : "connection, 'data' events", () => {
    it("puts packets together that were split anywhere", async (context) => {
      const { client, received } = await start(context);
      const { socket, session } = await client();
      let sent = 0;
      const send = async (bytes: Buffer): Promise<void> => {
        socket.write(bytes);
        sent += bytes.length;
        await until("bytes", () => received() === sent);
      };
      for (let at = 1; at < STREAM.length; at++) {
        await send(STREAM.subarray(0, at));
        await send(STREAM.subarray(at));
        assert.deepEqual(session.packets.splice(0), PACKETS, `split at ${at}`);
      }
      let end = frameLength(STREAM, 0, STREAM.length);
      let complete = 0;
      for (const [at, byte] of STREAM.entries()) {
        await send(Buffer.from([byte]));
        if (at + 1 === end) {
          complete++;
          end += frameLength(STREAM, end, STREAM.length);
        }
        assert.equal(session.packets.length, complete, `after byte ${at}`);
      }
      assert.deepEqual(session.packets, PACKETS);
    });

    it("puts packets together that were split in many places, with pauses in between", async (context) => {
      const { client, received } = await start(context);
      const { socket, session } = await client();
      let sent = 0;
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.integer({ min: 1, max: STREAM.length }), { maxLength: 6 }),
          fc.integer({ min: 1, max: 3 }),
          async (cuts, every) => {
            session.packets.length = 0;
            session.act = (count) => {
              if (count % every !== 0) return true;
              session.connection.pause();
              setImmediate(() => session.connection.resume());
              return false;
            };
            let from = 0;
            for (const to of [...cuts.toSorted((a, b) => a - b), STREAM.length]) {
              socket.write(STREAM.subarray(from, to));
              sent += to - from;
              from = to;
              await until("bytes", () => received() === sent);
            }
            await until("packets", () => session.packets.length === PACKETS.length);
            assert.deepEqual(session.packets, PACKETS);
          },
        ),
        { numRuns: 60 },
      );
    });

    it("takes many packets of one chunk in order", async (context) => {
      const { client } = await start(context);
      const { socket, session } = await client();
      socket.write(numbered(20_000));
      await until("packets", () => session.packets.length === 20_000);
      assert.deepEqual(payloads(session), inOrder(20_000));
    });

    it("stops at once when paused, keeps what has come, and goes on in order", async (context) => {
      const { client } = await start(context);
      const { socket, session } = await client();
      let atPause = 0;
      session.act = (count) => {
        if (count % 700 !== 0) return true;
        session.connection.pause();
        atPause = count;
        setTimeout(() => {
          assert.equal(session.packets.length, atPause, "nothing comes while paused");
          session.connection.resume();
        }, 5);
        return false;
      };
      socket.write(numbered(10_000));
      await until("packets", () => session.packets.length === 10_000);
      assert.deepEqual(payloads(session), inOrder(10_000));
    });

    it("does not read from the kernel while paused", async (context) => {
      const { client, received } = await start(context);
      const { socket, session } = await client();
      session.connection.pause();
      const large = Array.from({ length: 30 }, (_, i) => largePublish(Buffer.alloc(1024 * 1024, i)));
      const stream = Buffer.concat(large);
      const written = new Promise<void>((resolve) => socket.write(stream, () => resolve()));
      let done = false;
      void written.then(() => {
        done = true;
      });
      await until("a full socket", () => socket.writableLength > 0);
      // What a paused stream of the runtime reads ahead, at most.
      assert.ok(received() <= 128 * 1024, `${received()} bytes`);
      assert.equal(done, false);
      assert.equal(session.packets.length, 0);
      session.connection.resume();
      await written;
      await until("bytes", () => received() === stream.length);
      const first = payloads(session).map((payload) => payload.charCodeAt(0));
      assert.deepEqual(first, [...large.keys()]);
    });

    it("takes a large packet whole, and the one behind it", async (context) => {
      const { client } = await start(context);
      const { socket, session } = await client();
      const payload = pattern(5 * 1024 * 1024);
      socket.write(Buffer.concat([largePublish(payload), STREAM]));
      await until("packets", () => session.packets.length === PACKETS.length + 1);
      const [first] = session.packets;
      assert.ok(first?.kind === "publish" && first.payload === payload.toString("hex"));
      assert.deepEqual(session.packets.slice(1), PACKETS);
    });

    it("writes what a turn appends in order, whatever its size", async (context) => {
      const { client } = await start(context, { writeLimit: 1e9 });
      const { socket, session } = await client();
      const turns = [
        [1, 10, BLOCK_SIZE - 11, 1, BLOCK_SIZE, BLOCK_SIZE + 1, 5, 300_000, 7],
        [FIRST_BLOCK_SIZE - 1, 1],
        [FIRST_BLOCK_SIZE, 1, BLOCK_SIZE - FIRST_BLOCK_SIZE - 1, 1],
        [FIRST_BLOCK_SIZE, BLOCK_SIZE - FIRST_BLOCK_SIZE + 1, 1],
        [FIRST_BLOCK_SIZE + 1, 1],
      ];
      const stream = pattern(turns.flat().reduce((sum, size) => sum + size));
      let at = 0;
      for (const sizes of turns) {
        for (const size of sizes) {
          session.write(stream.subarray(at, at + size));
          at += size;
        }
        await new Promise((resolve) => setImmediate(resolve));
      }
      assert.ok((await readAll(socket, stream.length)).equals(stream));
    });

    it("bytes that moved to a larger block can be copied from where they were until the turn's end", async (context) => {
      const { client } = await start(context);
      const [{ socket, session }, other] = [await client(), await client()];
      const stream = pattern(2 * FIRST_BLOCK_SIZE);
      session.write(stream.subarray(0, FIRST_BLOCK_SIZE));
      const { block } = session.connection;
      const epoch = blockEpoch();
      session.write(stream.subarray(FIRST_BLOCK_SIZE));
      assert.notEqual(session.connection.block, block);
      other.session.write(Buffer.alloc(10, 0xff));
      assert.equal(blockEpoch(), epoch);
      assert.ok(block.equals(stream.subarray(0, FIRST_BLOCK_SIZE)));
      assert.ok((await readAll(socket, stream.length)).equals(stream));
      assert.notEqual(blockEpoch(), epoch);
    });

    it("a slow reader: not writable over the limit, told when it has caught up, nothing lost", async (context) => {
      const { client } = await start(context);
      const { socket, session } = await client();
      const { connection } = session;
      socket.pause();
      const stream = pattern(40 * 1024 * 1024);
      let at = 0;
      const fill = async (): Promise<void> => {
        while (connection.writable && at < stream.length) {
          session.write(stream.subarray(at, at + 1000));
          at = Math.min(stream.length, at + 1000);
          if (at % 100_000 === 0) await new Promise((resolve) => setImmediate(resolve));
        }
      };
      await fill();
      assert.equal(connection.writable, false);
      assert.ok(at < stream.length, "the limit was reached");
      assert.equal(session.drains, 0);
      // Others use the pool of blocks meanwhile.
      const other = await client();
      for (let i = 0; i < 100; i++) {
        other.session.write(Buffer.alloc(BLOCK_SIZE, 0xff));
        await new Promise((resolve) => setImmediate(resolve));
      }
      other.socket.resume();
      const all = readAll(socket, stream.length);
      while (at < stream.length) {
        const drains = session.drains;
        await until("drain", () => session.drains > drains || connection.writable);
        await fill();
      }
      assert.ok(session.drains > 0);
      assert.ok((await all).equals(stream));
    });

    it("end sends what was appended, then closes; packets that still come are ignored", async (context) => {
      const { client, listener } = await start(context);
      const { socket, session } = await client();
      socket.write(STREAM);
      await until("packets", () => session.packets.length === PACKETS.length);
      session.write(Buffer.from("goodbye"));
      session.connection.end();
      session.connection.end();
      socket.write(STREAM);
      assert.equal((await readAll(socket, 8)).toString(), "goodbye");
      await until("close", () => session.closes.length === 1);
      assert.deepEqual(session.closes, [null]);
      assert.equal(session.packets.length, PACKETS.length);
      await until("no connections", () => listener.active === 0);
    });

    it("end also works on a paused connection with unread bytes", async (context) => {
      const { client, listener } = await start(context);
      const { socket, session } = await client();
      session.act = () => {
        session.connection.pause();
        return false;
      };
      socket.write(numbered(50_000));
      await until("packet", () => session.packets.length === 1);
      session.connection.end();
      session.connection.resume();
      socket.resume();
      await until("close", () => session.closes.length === 1);
      assert.equal(session.packets.length, 1);
      assert.equal(listener.active, 0);
    });

    it("end cuts off a peer that does not take the last bytes", async (context) => {
      const { client, listener } = await start(context);
      const { socket, session } = await client();
      socket.pause();
      session.write(Buffer.alloc(40 * 1024 * 1024));
      const started = performance.now();
      session.connection.end();
      await until("close", () => session.closes.length === 1);
      const took = performance.now() - started;
      assert.ok(took >= 1_900 && took < 8_000, `${took} ms`);
      assert.equal(listener.active, 0);
    });

    it("destroy closes at once; writing afterwards is harmless", async (context) => {
      const { client, listener } = await start(context);
      const { socket, session } = await client();
      session.connection.destroy();
      socket.resume();
      await Promise.all([once(socket, "close"), until("close", () => session.closes.length === 1)]);
      session.write(STREAM);
      session.connection.flush();
      session.connection.resume();
      session.connection.end();
      assert.equal(session.closes.length, 1);
      assert.equal(listener.active, 0);
    });

    it("hears of the peer's end, also of a broken one", async (context) => {
      const { client } = await start(context);
      const orderly = await client();
      orderly.socket.end(STREAM);
      await until("close", () => orderly.session.closes.length === 1);
      assert.equal(orderly.session.packets.length, PACKETS.length);
      assert.deepEqual(orderly.session.closes, [null]);
      const broken = await client();
      broken.socket.resetAndDestroy();
      await until("close", () => broken.session.closes.length === 1);
      assert.match(String(broken.session.closes[0]), /ECONNRESET/);
    });

    it("what came before the peer's end is not lost while reading pauses", async (context) => {
      const { client, received } = await start(context);
      const { socket, session } = await client();
      session.act = (count) => {
        if (count % 20_000 !== 1) return true;
        session.connection.pause();
        setTimeout(() => session.connection.resume(), 20);
        return false;
      };
      const stream = numbered(50_000);
      socket.end(stream);
      await until("close", () => session.closes.length === 1);
      assert.equal(received(), stream.length);
      assert.deepEqual(payloads(session), inOrder(50_000));
      assert.deepEqual(session.closes, [null]);
    });

    it("an exception in one session ends that connection only", async (context) => {
      const { client } = await start(context);
      const [bad, good] = [await client(), await client()];
      bad.session.act = () => {
        throw new Error("broken");
      };
      bad.socket.write(STREAM);
      await until("fault", () => bad.session.faults.length === 1);
      bad.socket.resume();
      await until("close", () => bad.session.closes.length === 1);
      assert.equal(bad.session.packets.length, 1);
      good.socket.write(STREAM);
      await until("packets", () => good.session.packets.length === PACKETS.length);
    });
  });
}
