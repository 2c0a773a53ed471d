import assert from "node:assert/strict";
import { connect, createServer, type Socket } from "node:net";
import { describe, it, type TestContext } from "node:test";
import fc from "fast-check";
import { type Logger, silentLogger } from "../log/logger.ts";
import type { Route } from "./http-module.ts";
import { HttpServer } from "./http-server.ts";

const ROUTES: readonly Route[] = [
  { path: "/hello", answer: () => ({ status: 200, type: "text/plain", body: "hello" }) },
  {
    path: "/broken",
    answer: () => {
      throw new Error("out of order");
    },
  },
];

async function start(context: TestContext) {
  const crashes: string[] = [];
  const log: Logger = {
    ...silentLogger,
    crash: (_event, message) => void crashes.push(message),
    limited: () => log,
  };
  const server = new HttpServer({
    listener: "test",
    modules: [{ name: "test", routes: ROUTES }],
    limits: { requestLine: 200, headerValue: 100 },
    log,
    timeouts: { headers: 150, request: 400, check: 20 },
  });
  const sockets = new Set<Socket>();
  const listening = createServer({ pauseOnConnect: true }, (socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    server.serve(socket);
  });
  await new Promise<void>((resolve) => listening.listen(0, "127.0.0.1", resolve));
  context.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
    listening.close();
  });
  const address = listening.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  /** Sends bytes, and with `end` that no more follow; resolves to all that comes until the connection is closed. */
  const send = async (parts: readonly (string | Uint8Array)[], end: boolean): Promise<string> => {
    const socket = connect({ port, host: "127.0.0.1" });
    let text = "";
    socket.on("data", (chunk: Buffer) => {
      text += chunk.toString();
    });
    socket.on("error", () => {});
    for (const part of parts) socket.write(part);
    if (end) socket.end();
    await new Promise((resolve) => socket.once("close", resolve));
    return text;
  };
  const exchange = async (...parts: readonly string[]): Promise<string> => await send(parts, false);
  return { server, send, exchange, crashes, port };
}

describe("HttpServer", () => {
  it("answers what its modules serve", async (context) => {
    const { exchange } = await start(context);
    for (const target of ["/hello", "/hello?x", "http://host/hello", "https://host:8/hello?x"]) {
      const answer = await exchange(`GET ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
      assert.match(answer, /^HTTP\/1\.1 200 OK\r\n.*\r\n\r\nhello$/s, target);
    }
    for (const target of ["/", "/hello/", "//hello", "http://host", "*"]) {
      const answer = await exchange(`GET ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
      assert.match(answer, /^HTTP\/1\.1 404 /, target);
    }
  });

  it("gives up on headers that come too slowly, and on none at all", async (context) => {
    const { exchange } = await start(context);
    const began = performance.now();
    assert.match(await exchange("GET /hello HTTP/1.1\r\nHost: x\r\n"), /^HTTP\/1\.1 408 /);
    assert.match(await exchange(), /^(HTTP\/1\.1 408 .*)?$/s);
    assert.ok(performance.now() - began < 5_000);
  });

  it("gives up on a request whose body does not come", async (context) => {
    const { exchange } = await start(context);
    const answer = await exchange("POST /hello HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc");
    assert.match(answer, /^HTTP\/1\.1 200 OK/);
  });

  it("says 500 when a module fails, and goes on", async (context) => {
    const { exchange, crashes } = await start(context);
    const answer = await exchange(
      "GET /broken HTTP/1.1\r\nHost: x\r\n\r\n",
      "GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    );
    assert.match(answer, /^HTTP\/1\.1 500 .*HTTP\/1\.1 200 OK/s);
    assert.deepEqual(crashes, ["answering /broken on test failed"]);
  });

  it("refuses requests without a host, upgrades nothing, and tunnels nothing", async (context) => {
    const { exchange } = await start(context);
    assert.match(await exchange("GET /hello HTTP/1.1\r\n\r\n"), /^HTTP\/1\.1 400 /);
    assert.match(
      await exchange(
        "GET /hello HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, close\r\nUpgrade: websocket\r\n\r\n",
      ),
      /^HTTP\/1\.1 200 OK/,
    );
    assert.equal(await exchange("CONNECT host:1 HTTP/1.1\r\nHost: x\r\n\r\n"), "");
  });

  it("goes on, whatever comes", async (context) => {
    const { send, exchange } = await start(context);
    const line = fc.constantFrom(
      "",
      "GET /hello HTTP/1.1\r\n",
      "POST /hello HTTP/1.1\r\nHost: x\r\n",
      "PRI * HTTP/2.0\r\n",
    );
    const request = fc.tuple(line, fc.uint8Array({ maxLength: 300 }));
    await fc.assert(
      fc.asyncProperty(fc.array(request, { minLength: 20, maxLength: 20 }), async (requests) => {
        await Promise.all(requests.map(async (parts) => await send(parts, true)));
        const answer = await exchange("GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        assert.match(answer, /^HTTP\/1\.1 200 OK/);
      }),
      { numRuns: 5 },
    );
  });

  it("ends idle connections when it ends, and others after their answer", async (context) => {
    const { server, port } = await start(context);
    const socket = connect({ port, host: "127.0.0.1" });
    const ended = new Promise((resolve) => socket.once("close", resolve));
    socket.write("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
    await new Promise((resolve) => socket.once("data", resolve));
    server.end();
    await ended;
  });
});
