import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { describe, it } from "node:test";
import { acceptWithStaticRead, staticReadBuffer } from "./static-read.ts";

const ignore = (): boolean => true;
const unexpected = (): void => assert.fail("no socket was to be made");

describe("static reads", () => {
  it("put every read of accepted sockets into the one buffer", async (context) => {
    const server = createServer(() => assert.fail("an ordinary socket"));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    context.after(() => server.close());
    const read = Promise.withResolvers<{ text: string; shared: boolean }>();
    const accepted = Promise.withResolvers<Socket>();
    const listener = (length: number, buffer: Uint8Array): boolean => {
      const text = staticReadBuffer().toString("utf8", 0, length);
      read.resolve({ text, shared: buffer.buffer === staticReadBuffer().buffer });
      return true;
    };
    assert.equal(
      acceptWithStaticRead(server, listener, (socket) => accepted.resolve(socket.resume())),
      true,
    );
    const address = server.address();
    assert.ok(address !== null && typeof address === "object");
    const client = connect(address.port, "127.0.0.1");
    context.after(() => client.destroy());
    client.write("hello");
    assert.deepEqual(await read.promise, { text: "hello", shared: true });
    const socket = await accepted.promise;
    assert.equal(socket.remotePort, client.localPort);
    socket.destroy();
  });

  it("are refused, and nothing changed, where the runtime's handle is not as expected", () => {
    const server = createServer();
    assert.equal(acceptWithStaticRead(server, ignore, unexpected), false, "not listening");
    for (const handle of [
      undefined,
      null,
      5,
      {},
      { onconnection: 1 },
      Object.freeze({ onconnection: ignore }),
    ]) {
      Reflect.set(server, "_handle", handle);
      assert.equal(acceptWithStaticRead(server, ignore, unexpected), false);
      assert.equal(Reflect.get(server, "_handle"), handle);
    }
    Reflect.set(server, "_handle", null);
  });

  it("leave failed and unknown connections to the runtime", () => {
    const server = createServer();
    const ordinary: unknown[][] = [];
    const handle = { onconnection: (...given: unknown[]): number => ordinary.push(given) };
    Reflect.set(server, "_handle", handle);
    assert.equal(acceptWithStaticRead(server, ignore, unexpected), true);
    const odd = { setNoDelay: ignore };
    for (const given of [
      [-24, undefined],
      [0, undefined],
      [0, odd],
    ]) {
      Reflect.apply(handle.onconnection, handle, given);
    }
    assert.deepEqual(ordinary, [
      [-24, undefined],
      [0, undefined],
      [0, odd],
    ]);
    Reflect.set(server, "_handle", null);
  });
});
