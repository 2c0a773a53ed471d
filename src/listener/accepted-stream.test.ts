import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:net";
import { describe, it } from "node:test";
import { acceptStreams } from "./accepted-stream.ts";
import { acceptedPair } from "./handle-stream-test-support.ts";
import { until } from "./listener-test-support.ts";
import { isAcceptedHandle } from "./socket-handle.ts";
import { HandlePeer } from "./socket-peer.ts";

const unexpected = (): void => assert.fail("no stream was to be made");

describe("streams on accepted handles", () => {
  it("are refused, and nothing changed, where the server's handle is not as expected", () => {
    const server = createServer();
    assert.equal(acceptStreams(server, unexpected), false, "not listening");
    for (const handle of [
      undefined,
      null,
      5,
      {},
      { onconnection: 1 },
      Object.freeze({ onconnection: unexpected }),
    ]) {
      Reflect.set(server, "_handle", handle);
      assert.equal(acceptStreams(server, unexpected), false);
      assert.equal(Reflect.get(server, "_handle"), handle);
    }
    Reflect.set(server, "_handle", null);
  });

  it("leave failed and unknown connections to the runtime", async (context) => {
    // What is known of other handles tells nothing of these.
    const { handle: good } = await acceptedPair(context);
    const server = createServer();
    const ordinary: unknown[][] = [];
    const handle = { onconnection: (...given: unknown[]): number => ordinary.push(given) };
    Reflect.set(server, "_handle", handle);
    assert.equal(acceptStreams(server, unexpected), true);
    const connections: unknown[][] = [
      [-24, undefined],
      [-24, good],
      [0, undefined],
      [0, null],
      [0, {}],
      [0, { readStart: unexpected }],
    ];
    for (const given of connections) Reflect.apply(handle.onconnection, handle, given);
    assert.deepEqual(ordinary, connections);
    Reflect.set(server, "_handle", null);
  });

  it("send small packets without delay", async (context) => {
    const { handle: good } = await acceptedPair(context);
    const server = createServer();
    const set: string[] = [];
    const handle = { onconnection: unexpected, setNoDelay: (on: boolean) => set.push(`server ${on}`) };
    Reflect.set(server, "_handle", handle);
    assert.equal(
      acceptStreams(server, () => undefined),
      true,
    );
    good.setNoDelay = (on) => set.push(`connection ${on}`);
    Reflect.apply(handle.onconnection, handle, [0, good]);
    assert.deepEqual(set, process.platform === "linux" ? ["server true"] : ["connection true"]);
    Reflect.set(server, "_handle", null);
  });

  it("are made only where nothing is missing", async (context) => {
    const { handle } = await acceptedPair(context);
    assert.equal(isAcceptedHandle(handle), true);
    for (const name of [
      "readStart",
      "readStop",
      "useUserBuffer",
      "writeBuffer",
      "writev",
      "shutdown",
      "close",
    ]) {
      assert.equal(isAcceptedHandle(Object.create(handle, { [name]: { value: null } })), false, name);
    }
    const without = {
      readStart() {},
      readStop() {},
      useUserBuffer() {},
      writeBuffer() {},
      writev() {},
      shutdown() {},
      close() {},
    };
    assert.equal(isAcceptedHandle(without), false, "onread");
    assert.equal(isAcceptedHandle({ ...without, onread: undefined }), true);
  });

  it("know their peer, also when it was asked for before the end", async (context) => {
    const { handle, stream, far } = await acceptedPair(context);
    const peer = new HandlePeer(handle);
    assert.deepEqual([peer.address, peer.port], ["127.0.0.1", far.localPort]);
    const unasked = new HandlePeer(handle);
    const closed = once(far, "close");
    stream.destroy();
    far.resume();
    await closed;
    assert.deepEqual([peer.address, peer.port], ["127.0.0.1", far.localPort ?? peer.port]);
    assert.deepEqual(
      [unasked.address, unasked.port, unasked.identity, unasked.certificate],
      ["unknown", 0, null, null],
    );
  });

  it("read nothing more after they were destroyed within a read", async (context) => {
    const { stream, far } = await acceptedPair(context);
    const heard: string[] = [];
    stream.deliverTo({
      received(chunk, start, end) {
        heard.push(chunk.toString("latin1", start, end));
        stream.destroy();
        stream.end();
        stream.resume();
      },
      drained: unexpected,
      failed: unexpected,
      leaving: unexpected,
      closed: () => heard.push("closed"),
    });
    stream.resume();
    far.write("one");
    await until("closed", () => heard.includes("closed"));
    assert.deepEqual(heard, ["one", "closed"]);
  });

  it("pass options on to the kernel", async (context) => {
    const { stream, handle } = await acceptedPair(context);
    const given: unknown[][] = [];
    handle.setNoDelay = (...values: unknown[]) => given.push(["noDelay", ...values]);
    handle.setKeepAlive = (...values: unknown[]) => given.push(["keepAlive", ...values]);
    stream.setNoDelay(false);
    stream.setKeepAlive(true, 60_000);
    assert.deepEqual(given, [
      ["noDelay", false],
      ["keepAlive", true, 60],
    ]);
  });
});
