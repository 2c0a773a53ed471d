import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { describe, it, type TestContext } from "node:test";
import { StreamTransport } from "./stream.ts";
import { SyslogSink } from "./syslog-sink.ts";
import type { SyslogTransport } from "./transport.ts";

class FakeTransport implements SyslogTransport {
  readonly name = "fake";
  readonly largestBatch = 10;
  readonly sendSync = undefined;
  onLost = (): void => {};
  readonly sent: (readonly string[])[] = [];
  problem: string | null = null;
  onSend = (): void => {};

  send(messages: readonly string[]): Promise<void> {
    this.onSend();
    if (this.problem !== null) return Promise.reject(new Error(this.problem));
    this.sent.push(messages);
    return Promise.resolve();
  }
  close(): Promise<void> {
    return Promise.resolve();
  }
  destroy(): void {}
}

function setUp() {
  const transport = new FakeTransport();
  const told: (string | null)[] = [];
  const sink = new SyslogSink(
    transport,
    (lines) => `${lines} lost\n`,
    (problem) => told.push(problem),
  );
  return { transport, told, sink };
}

describe("SyslogSink", () => {
  it("sends messages in their order, as many at once as the transport takes", async () => {
    const { transport, told, sink } = setUp();
    for (const text of ["12345\n", "1234\n", "123\n", "123456789012345\n", "1\n"]) sink.write(text);
    await sink.flush();
    assert.deepEqual(transport.sent, [["12345", "1234"], ["123"], ["123456789012345"], ["1"]]);
    assert.deepEqual(told, []);
  });

  it("waits longer and longer, says once what is wrong, and then that it is well again", async (context) => {
    context.mock.timers.enable({ apis: ["setTimeout"] });
    const { transport, told, sink } = setUp();
    transport.problem = "nobody there";
    let tries = 0;
    transport.onSend = () => tries++;
    sink.write("a\n");
    const flushed = sink.flush();
    const settle = () => new Promise<void>((resolve) => setImmediate(resolve));
    for (const wait of [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]) {
      await settle();
      const before = tries;
      context.mock.timers.tick(wait - 1);
      await settle();
      assert.equal(tries, before, `${wait}`);
      context.mock.timers.tick(1);
      await settle();
      assert.equal(tries, before + 1, `${wait}`);
    }
    assert.deepEqual(told, ["nobody there"]);
    transport.problem = null;
    context.mock.timers.tick(30_000);
    await flushed;
    assert.deepEqual(transport.sent, [["a"]]);
    assert.deepEqual(told, ["nobody there", null]);
  });

  it("holds a limited amount while nobody takes it, counts the rest, and tells the count", async (context) => {
    context.mock.timers.enable({ apis: ["setTimeout"] });
    const { transport, sink } = setUp();
    transport.problem = "nobody there";
    const line = `${"x".repeat(1023)}\n`;
    for (let count = 0; count < 10_000; count++) sink.write(line);
    assert.equal(sink.dropped, 10_000 - 4 * 1024);
    await new Promise<void>((resolve) => setImmediate(resolve));
    transport.problem = null;
    const flushed = sink.flush();
    context.mock.timers.tick(500);
    await flushed;
    sink.write("next\n");
    await sink.flush();
    assert.equal(transport.sent.length, 4 * 1024 + 2);
    assert.ok(transport.sent.flat().includes(`${10_000 - 4 * 1024} lost`));
  });

  it("gives up at the end, and counts what was not taken", async () => {
    const { transport, sink } = setUp();
    transport.problem = "nobody there";
    sink.write("a\nb\n");
    await new Promise<void>((resolve) => setImmediate(resolve));
    await sink.close();
    assert.equal(sink.dropped, 2);
  });

  it("sends again what was under way when the connection broke", async () => {
    const { transport, sink } = setUp();
    sink.write("a\n");
    await sink.flush();
    transport.onLost();
    await sink.flush();
    assert.deepEqual(transport.sent, [["a"], ["a"]]);
    sink.write("b\n");
    await sink.flush();
    transport.onSend = () => {
      transport.onSend = () => {};
      transport.onLost();
      throw new Error("broken");
    };
    sink.write("c\n");
    await sink.flush();
    assert.deepEqual(transport.sent.slice(2), [["b"], ["a", "b"], ["c"]]);
  });
});

async function server(context: TestContext, serve: (socket: Socket) => void): Promise<number> {
  const made = createServer(serve).listen(0, "127.0.0.1");
  await once(made, "listening");
  context.after(() => made.close());
  const address = made.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}

describe("StreamTransport", () => {
  it("gives up on a server that takes nothing any more, and connects anew", async (context) => {
    const sockets: Socket[] = [];
    const port = await server(context, (socket) => sockets.push(socket.pause()));
    context.after(() => sockets.map((socket) => socket.destroy()));
    const remote = { host: "127.0.0.1", port, protocol: "tcp", caFile: undefined } as const;
    const transport = new StreamTransport(remote);
    await transport.send(["first"]);
    context.mock.timers.enable({ apis: ["setTimeout"] });
    const stuck = transport.send(["x".repeat(64 * 1024 * 1024)]);
    context.mock.timers.tick(20_000);
    await assert.rejects(stuck, /nothing is taken any more/);
    await transport.send(["second"]);
    assert.equal(sockets.length, 2);
    transport.destroy();
  });

  it("knows at once that what it is about to send goes nowhere when it is told to end", async (context) => {
    const port = await server(context, () => {});
    // TLS to a server that says nothing.
    const transport = new StreamTransport({
      host: "127.0.0.1",
      port,
      protocol: "tls",
      caFile: import.meta.filename,
    });
    const sending = transport.send(["a"]);
    await assert.rejects(Promise.race([sending, soon(() => transport.destroy())]), /the broker ends/);
  });
});

async function soon(act: () => void): Promise<never> {
  await new Promise<void>((resolve) => setImmediate(resolve));
  act();
  return await new Promise<never>(() => {});
}
