import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { request } from "node:http";
import { connect, type Socket } from "node:net";
import { describe, it, type TestContext } from "node:test";
import fc from "fast-check";
import { WebSocket } from "ws";
import { resolveListeners } from "../../config/listeners.ts";
import { load } from "../../config/load-test-support.ts";
import { closed, startListener, until } from "../listener-test-support.ts";
import { ProxyStage } from "../proxy/proxy-stage.ts";
import { WebSocketStage } from "./websocket-stage.ts";
import { frame, PING, publish, upgradeRequest } from "./websocket-test-support.ts";

/** A listener with the stage. */
async function startWebSockets(
  direct: boolean,
  context: TestContext,
  lines: readonly string[] = [],
  largest = 1_000_000,
) {
  const [listener] = resolveListeners(load(context, ["listener.ws.x = 127.0.0.1:0", ...lines].join("\n")));
  if (listener === undefined) throw new Error("no listener");
  const stages = [new WebSocketStage(listener, { webSocketMessage: largest })];
  const started = await startListener(context, { direct, plain: false, kind: "ws", stages });
  const { port } = started.listener;

  function open(
    protocols: string[] = ["mqtt"],
    headers: Record<string, string> = {},
    path = "/mqtt",
  ): WebSocket {
    const client = new WebSocket(`ws://127.0.0.1:${port}${path}`, protocols, {
      headers,
      perMessageDeflate: false,
    });
    context.after(() => client.terminate());
    client.on("error", () => {});
    return client;
  }

  /** An open WebSocket and its session. */
  async function client(headers: Record<string, string> = {}) {
    const before = started.sessions.length;
    const webSocket = open(["mqtt"], headers);
    await once(webSocket, "open");
    await until("session", () => started.sessions.length > before);
    const session = started.sessions[before];
    if (session === undefined) throw new Error("no session");
    return { webSocket, session };
  }

  /** A TCP connection on which bytes can be written that no library would. */
  async function raw(): Promise<{ socket: Socket; answer: () => string }> {
    const socket = connect({ port, host: "127.0.0.1", noDelay: true });
    context.after(() => socket.destroy());
    let answer = "";
    socket.on("data", (chunk: Buffer) => {
      answer += chunk.toString("latin1");
    });
    socket.on("error", () => {});
    await once(socket, "connect");
    return { socket, answer: () => answer };
  }

  /** The same after the upgrade. */
  async function upgraded() {
    const { socket, answer } = await raw();
    socket.write(upgradeRequest());
    await until("upgrade", () => answer().includes("\r\n\r\n"));
    return { socket, answer };
  }

  return { ...started, port, open, client, raw, upgraded };
}

/** By the handle of the socket, and as the runtime has it. */
for (const direct of [true, false]) {
  const start = (context: TestContext, lines: readonly string[] = [], largest = 1_000_000) =>
    startWebSockets(direct, context, lines, largest);
  const how = direct ? "by the handle" : "as the runtime has it";

  describe(`the upgrade, ${how}`, () => {
    it("takes MQTT's sub-protocols, `mqtt` before the old one, and goes on without any", async (context) => {
      const { open } = await start(context);
      for (const [offered, chosen] of [
        [["mqtt"], "mqtt"],
        [["mqttv3.1"], "mqttv3.1"],
        [["foo", "mqttv3.1", "mqtt"], "mqtt"],
        [["mqttv3.1", "foo"], "mqttv3.1"],
        [[], ""],
      ] as const) {
        const client = open([...offered]);
        await once(client, "open");
        assert.equal(client.protocol, chosen);
        assert.equal(client.extensions, "");
      }
    });

    it("goes on for a sub-protocol that nobody knows, without naming one, and ignores offers to compress", async (context) => {
      const { raw } = await start(context);
      const { socket, answer } = await raw();
      socket.write(
        upgradeRequest("Sec-WebSocket-Protocol: foo\r\nSec-WebSocket-Extensions: permessage-deflate\r\n"),
      );
      await until("answer", () => answer().includes("\r\n\r\n"));
      assert.match(answer(), /^HTTP\/1.1 101 /);
      assert.doesNotMatch(answer(), /sec-websocket-(protocol|extensions)/i);
    });

    it("takes a query behind the path, and any origin", async (context) => {
      const { open } = await start(context);
      await once(open(["mqtt"], { origin: "https://elsewhere.example" }, "/mqtt?x=1"), "open");
    });

    it("answers other requests with what they should be, and closes", async (context) => {
      const { port, listener, sessions } = await start(context);
      for (const [method, path, status] of [
        ["GET", "/mqtt", 426],
        ["POST", "/mqtt", 426],
        ["GET", "/", 404],
        ["GET", "/mqtt/x", 404],
      ] as const) {
        const asked = request({ port, host: "127.0.0.1", method, path });
        asked.end(method === "POST" ? "x" : undefined);
        const [response] = await once(asked, "response");
        response.resume();
        assert.equal(response.statusCode, status);
        if (status === 426) assert.equal(response.headers.upgrade, "websocket");
        await once(response, "end");
      }
      await until("ends", () => listener.active === 0);
      assert.equal(sessions.length, 0);
    });

    it("answers upgrades that cannot be", async (context) => {
      const { raw, listener, sessions } = await start(context);
      for (const [bytes, status] of [
        [upgradeRequest("", "/"), 404],
        [upgradeRequest().replace("websocket", "h2c"), 426],
        [upgradeRequest().replace("Version: 13", "Version: 7"), 400],
        [upgradeRequest().replace(/Key: .*\r/, "Key: short\r"), 400],
        [upgradeRequest().replace("GET", "POST"), 400],
        ["\x10\x0c\0\x04MQTT\x04\x02\0\x3c\0\0", 400],
        [upgradeRequest("", `/mqtt?${"x".repeat(8_000)}`), 414],
        [upgradeRequest(`Cookie: ${"x".repeat(4_097)}\r\n`), 431],
        [upgradeRequest(`X: ${"x".repeat(4_000)}\r\n`.repeat(20)), 431],
      ] as const) {
        const { socket, answer } = await raw();
        socket.write(bytes);
        await closed(socket);
        assert.match(answer(), new RegExp(`^HTTP/1.1 ${status} `), bytes.slice(0, 300));
      }
      await until("ends", () => listener.active === 0);
      assert.equal(sessions.length, 0);
    });

    it("takes limits of its listener", async (context) => {
      const { raw } = await start(context, [
        "listener.ws.x.max_request_line_length = 200",
        "listener.ws.x.max_header_value_length = 300",
      ]);
      for (const [bytes, status] of [
        [upgradeRequest("", `/mqtt?${"x".repeat(182)}`), 414],
        [upgradeRequest("", `/mqtt?${"x".repeat(181)}`), 101],
        [upgradeRequest(`Cookie: ${"x".repeat(301)}\r\n`), 431],
        [upgradeRequest(`Cookie: ${"x".repeat(300)}\r\n`), 101],
      ] as const) {
        const { socket, answer } = await raw();
        socket.write(bytes);
        await until("answer", () => answer().includes("\r\n\r\n"));
        assert.match(answer(), new RegExp(`^HTTP/1.1 ${status} `));
        socket.destroy();
      }
    });

    it("has to be complete in time", async (context) => {
      const { raw, listener, clock, wheel, sessions } = await start(context);
      const { socket } = await raw();
      socket.write("GET /mqtt HTTP/1.1\r\nHost: x\r\nX-Slow: ");
      await until("arrival", () => listener.pending === 1);
      for (let i = 0; i < 9; i++) {
        clock.advance(1_000);
        wheel.turn();
        socket.write("x");
      }
      assert.equal(listener.pending, 1);
      clock.advance(1_200);
      wheel.turn();
      await closed(socket);
      assert.equal(listener.active, 0);
      assert.equal(sessions.length, 0);
    });

    it("follows a PROXY header in one piece with everything else", async (context) => {
      const [listener] = resolveListeners(load(context, "listener.ws.x = 127.0.0.1:0"));
      if (listener === undefined) throw new Error("no listener");
      const stages = [new ProxyStage(true), new WebSocketStage(listener, { webSocketMessage: 1_000 })];
      const started = await startListener(context, { direct, plain: false, kind: "ws", stages });
      const socket = connect(started.listener.port, "127.0.0.1");
      context.after(() => socket.destroy());
      const header = Buffer.from("PROXY TCP4 192.0.2.7 127.0.0.1 4711 80\r\n");
      socket.write(Buffer.concat([header, Buffer.from(upgradeRequest()), frame(0x82, PING)]));
      await until("packet", () => started.sessions[0]?.packets.length === 1);
      assert.equal(started.sessions[0]?.connection.peer.address, "192.0.2.7");
    });

    it("takes the client's address and name from the headers of a trusted proxy", async (context) => {
      const { client, raw, listener } = await start(context, [
        "listener.ws.x.proxy_xff_support = on",
        "listener.ws.x.proxy_xff_trusted_intermediate = 10.0.0.1;127.0.0.0/8",
        "listener.ws.x.proxy_xff_use_cn_as_username = on",
      ]);
      const { session } = await client({ "X-Forwarded-For": "192.0.2.7", "X-SSL-Client-CN": "device-7" });
      assert.equal(session.connection.peer.address, "192.0.2.7");
      assert.equal(session.connection.peer.identity, "device-7");
      session.connection.destroy();
      await until("end", () => listener.active === 0);
      const { socket, answer } = await raw();
      socket.write(upgradeRequest());
      await closed(socket);
      assert.match(answer(), /^HTTP\/1.1 403 /);
      await until("end", () => listener.active === 0);
    });

    it("does not open a listener with a list of proxies that is none", async (context) => {
      const lines = [
        "listener.ws.x.proxy_xff_support = on",
        "listener.ws.x.proxy_xff_trusted_intermediate = nowhere",
      ];
      await assert.rejects(start(context, lines), /nowhere/);
    });
  });

  describe(`messages, ${how}`, () => {
    it("carry packets whole, several in one, or split, however they are fragmented", async (context) => {
      const { client } = await start(context);
      const { webSocket, session } = await client();
      const packets = Array.from({ length: 40 }, (_, i) => publish("t", "x".repeat(i * 17)));
      const bytes = Buffer.concat(packets);
      const cuts = fc.array(fc.tuple(fc.nat({ max: bytes.length }), fc.boolean()), { maxLength: 30 });
      await fc.assert(
        fc.asyncProperty(cuts, async (list) => {
          const before = session.packets.length;
          let at = 0;
          for (const [to, fin] of list.sort(([a], [b]) => a - b)) {
            webSocket.send(bytes.subarray(at, to), { binary: true, fin });
            at = to;
          }
          webSocket.send(bytes.subarray(at), { binary: true, fin: true });
          await until("packets", () => session.packets.length === before + packets.length);
        }),
        { numRuns: 50 },
      );
      assert.deepEqual(session.faults, []);
    });

    it("go out as one binary message a turn, and come back whole", async (context) => {
      const { client } = await start(context);
      const { webSocket, session } = await client();
      const messages: { data: Buffer; isBinary: boolean }[] = [];
      webSocket.on("message", (data: Buffer, isBinary) => messages.push({ data, isBinary }));
      session.write(Buffer.from("one"));
      session.write(Buffer.from("two"));
      await until("message", () => messages.length > 0);
      assert.deepEqual(messages, [{ data: Buffer.from("onetwo"), isBinary: true }]);
      const large = randomBytes(3_000_000);
      session.write(large);
      await until("message", () => messages.length > 1);
      assert.ok(messages[1]?.data.equals(large));
    });

    it("are not delivered while the session does not read, and none is lost", async (context) => {
      const { upgraded, sessions, listener } = await start(context);
      const { socket } = await upgraded();
      const [session] = sessions;
      if (session === undefined) throw new Error("no session");
      session.act = (count) => {
        if (count !== 2) return true;
        session.connection.pause();
        return false;
      };
      const message = frame(0x82, publish("t", "x"));
      // Three messages and the end of the connection in one piece.
      socket.write(Buffer.concat([message, message, message, message, frame(0x88, Buffer.from([3, 232]))]));
      await until("packets", () => session.packets.length === 2);
      await new Promise((resolve) => setTimeout(resolve, 50));
      assert.equal(session.packets.length, 2);
      assert.deepEqual(session.closes, []);
      session.connection.resume();
      assert.equal(session.packets.length, 4);
      await until("end", () => session.closes.length === 1);
      assert.equal(listener.active, 0);
      assert.deepEqual(session.closes, [null]);
    });

    it("wait in the process up to the limit for a reader that does not read", async (context) => {
      const { upgraded, sessions } = await start(context);
      const { socket } = await upgraded();
      const [session] = sessions;
      if (session === undefined) throw new Error("no session");
      socket.pause();
      let sent = 0;
      while (session.connection.writable) {
        session.write(Buffer.alloc(16_000));
        sent += 16_000;
        await new Promise((resolve) => setImmediate(resolve));
        assert.ok(sent < 100_000_000);
      }
      assert.equal(session.drains, 0);
      socket.resume();
      await until("drain", () => session.drains === 1);
      assert.ok(session.connection.writable);
    });

    it("of text are refused", async (context) => {
      const { client, listener } = await start(context);
      const { webSocket, session } = await client();
      webSocket.send("text");
      const [code] = await once(webSocket, "close");
      assert.equal(code, 1003);
      await until("end", () => session.closes.length === 1);
      assert.equal(listener.active, 0);
      assert.match(session.closes[0] ?? "", /binary/);
      assert.equal(session.packets.length, 0);
    });

    it("that are larger than allowed are refused by their length", async (context) => {
      const { client, listener } = await start(context, [], 10_000);
      const { webSocket, session } = await client();
      webSocket.send(publish("t", "x".repeat(9_000)));
      await until("packet", () => session.packets.length === 1);
      webSocket.send(Buffer.alloc(10_001));
      const [code] = await once(webSocket, "close");
      assert.equal(code, 1009);
      await until("end", () => session.closes.length === 1);
      assert.equal(listener.active, 0);
      assert.ok(session.closes[0] !== null);
    });

    it("before any answer have room for a CONNECT and not more", async (context) => {
      const { upgraded, listener, sessions } = await start(context, [], 100_000_000);
      const { socket, answer } = await upgraded();
      const head = Buffer.from([0x82, 0xff, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0]);
      socket.write(head);
      // A PUBLISH of 64 MiB.
      socket.write(Buffer.from([0x30, 0x80, 0x80, 0x80, 0x20]));
      for (let i = 0; i < 20 && !socket.destroyed; i++) {
        socket.write(Buffer.alloc(100_000));
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      await until("close frame", () => answer().includes("\x88"));
      await until("end", () => sessions[0]?.closes.length === 1);
      assert.equal(listener.active, 0);
      assert.match(sessions[0]?.closes[0] ?? "", /before CONNACK/);
    });

    it("after an answer may be as large as allowed", async (context) => {
      const { client } = await start(context, [], 100_000_000);
      const { webSocket, session } = await client();
      session.write(Buffer.from("CONNACK"));
      await once(webSocket, "message");
      webSocket.send(publish("t", "x".repeat(2_000_000)));
      await until("packet", () => session.packets.length === 1);
    });
  });

  describe(`frames, ${how}`, () => {
    it("of any kind, cut anywhere, harm nobody, whatever the session does meanwhile", async (context) => {
      const { upgraded, client, listener, sessions } = await start(context, [], 5_000);
      const good = await client();
      const first = fc.oneof(
        { weight: 8, arbitrary: fc.constantFrom(0x82, 0x02, 0x00, 0x80, 0x89, 0x8a) },
        { weight: 1, arbitrary: fc.nat({ max: 255 }) },
      );
      const payload = fc.oneof(
        fc.constantFrom(PING, publish("t", "x"), publish("t", "x".repeat(300)), Buffer.alloc(0)),
        fc.uint8Array({ maxLength: 150 }),
      );
      const frames = fc.array(fc.tuple(first, payload), { minLength: 1, maxLength: 20 });
      const cuts = fc.array(fc.nat({ max: 3_000 }), { maxLength: 4 });
      await fc.assert(
        fc.asyncProperty(frames, cuts, fc.nat({ max: 3 }), async (list, places, every) => {
          const before = sessions.length;
          const { socket } = await upgraded();
          const session = sessions[before];
          assert.ok(session !== undefined);
          session.act = (count) => {
            if (every === 0 || count % every !== 0) return true;
            session.connection.pause();
            setImmediate(() => session.connection.resume());
            return false;
          };
          const bytes = Buffer.concat(list.map(([kind, body]) => frame(kind, body)));
          let at = 0;
          for (const place of [...places.sort((a, b) => a - b), bytes.length]) {
            if (!socket.destroyed) socket.write(bytes.subarray(at, Math.max(at, place)));
            at = Math.max(at, place);
            await new Promise((resolve) => setImmediate(resolve));
          }
          socket.end();
          await until("end", () => session.closes.length === 1);
        }),
        { numRuns: 300 },
      );
      assert.equal(listener.active, 1);
      good.webSocket.send(PING);
      await until("packet", () => good.session.packets.length === 1);
    });

    for (const [what, bytes] of [
      ["without a mask", Buffer.concat([Buffer.from([0x82, 2]), PING])],
      ["with a reserved bit", frame(0xc2, PING)],
      ["of a reserved kind", frame(0x83, PING)],
      ["that continue nothing", frame(0x80, PING)],
      ["of control in fragments", frame(0x09, Buffer.alloc(0))],
      ["of control that are too long", frame(0x89, Buffer.alloc(126))],
      ["that begin within a message", Buffer.concat([frame(0x02, PING), frame(0x02, PING)])],
    ] as const) {
      it(`${what} end the connection and no other`, async (context) => {
        const { upgraded, client, listener } = await start(context);
        const good = await client();
        const { socket, answer } = await upgraded();
        socket.write(bytes);
        await until("close frame", () => answer().slice(-64).includes("\x03\xea"));
        socket.end();
        await until("end", () => listener.active === 1);
        good.webSocket.send(PING);
        await until("packet", () => good.session.packets.length === 1);
      });
    }

    it("of one byte, thousands of them in pieces of one message, are one packet", async (context) => {
      const { upgraded, sessions } = await start(context);
      const { socket } = await upgraded();
      const bytes = publish("t", "x".repeat(5_000));
      const frames = [...bytes].map((byte, i) =>
        frame(i === 0 ? 0x02 : i === bytes.length - 1 ? 0x80 : 0x00, Buffer.from([byte])),
      );
      socket.write(Buffer.concat(frames));
      await until("packet", () => sessions[0]?.packets.length === 1);
    });

    it("in too many fragments end the connection", async (context) => {
      const { upgraded, listener } = await start(context);
      const { socket, answer } = await upgraded();
      const fragment = frame(0x00, Buffer.from([0]));
      socket.write(frame(0x02, Buffer.from([0x30])));
      for (let i = 0; i < 20; i++) socket.write(Buffer.concat(Array.from({ length: 1_000 }, () => fragment)));
      await until("close frame", () => answer().includes("\x88"));
      socket.destroy();
      await until("end", () => listener.active === 0);
    });

    it("of ping are answered, and a flood of them without reading ends the connection", async (context) => {
      const { upgraded, listener } = await start(context);
      const { socket, answer } = await upgraded();
      socket.write(frame(0x89, Buffer.from("hi")));
      await until("pong", () => answer().endsWith("\x8a\x02hi"));
      socket.pause();
      const flood = Buffer.concat(Array.from({ length: 1_000 }, () => frame(0x89, Buffer.alloc(125))));
      const end = performance.now() + 10_000;
      while (listener.active > 0 && performance.now() < end) {
        socket.write(flood);
        await new Promise((resolve) => setImmediate(resolve));
      }
      assert.equal(listener.active, 0);
    });

    it("of close are answered, by both sides", async (context) => {
      const { client, listener } = await start(context);
      const first = await client();
      first.webSocket.close(1000);
      const [code] = await once(first.webSocket, "close");
      assert.equal(code, 1000);
      assert.deepEqual(first.session.closes, [null]);
      const second = await client();
      second.session.write(Buffer.from("DISCONNECT"));
      second.session.connection.end();
      const [[data], [end]] = await Promise.all([
        once(second.webSocket, "message"),
        once(second.webSocket, "close"),
      ]);
      assert.equal(data.toString(), "DISCONNECT");
      assert.equal(end, 1000);
      await until("end", () => listener.active === 0);
    });
  });
}
