import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { describe, it, type TestContext } from "node:test";
import { constants, deflateRawSync } from "node:zlib";
import { WebSocket } from "ws";
import { resolveListeners } from "../../config/listeners.ts";
import { load } from "../../config/load-test-support.ts";
import { startListener, until } from "../listener-test-support.ts";
import { WebSocketStage } from "./websocket-stage.ts";
import { PING, publish, upgradeRequest } from "./websocket-test-support.ts";

/** A listener that compresses. */
async function start(context: TestContext, option = "on", largest = 10_000_000) {
  const lines = `listener.ws.x = 127.0.0.1:0\nlistener.ws.permessage_deflate = ${option}`;
  const [listener] = resolveListeners(load(context, lines));
  if (listener === undefined) throw new Error("no listener");
  const stages = [new WebSocketStage(listener, { webSocketMessage: largest })];
  const started = await startListener(context, { direct: true, plain: false, kind: "ws", stages });
  const { port } = started.listener;

  async function client(perMessageDeflate = true) {
    const before = started.sessions.length;
    const webSocket = new WebSocket(`ws://127.0.0.1:${port}/mqtt`, ["foo", "mqtt"], { perMessageDeflate });
    context.after(() => webSocket.terminate());
    webSocket.on("error", () => {});
    await once(webSocket, "open");
    await until("session", () => started.sessions.length > before);
    const session = started.sessions[before];
    if (session === undefined) throw new Error("no session");
    return { webSocket, session };
  }

  /** A TCP connection after the upgrade: what was answered, and what has come since. */
  async function raw() {
    const socket = connect({ port, host: "127.0.0.1" });
    context.after(() => socket.destroy());
    let all = Buffer.alloc(0);
    socket.on("data", (chunk: Buffer) => {
      all = Buffer.concat([all, chunk]);
    });
    socket.write(upgradeRequest("Sec-WebSocket-Extensions: permessage-deflate\r\n"));
    await until("upgrade", () => all.includes("\r\n\r\n") && started.sessions.length === 1);
    const head = all.indexOf("\r\n\r\n") + 4;
    return { socket, answer: all.toString("latin1", 0, head), came: () => all.subarray(head) };
  }

  return { ...started, client, raw };
}

/** Has the broker send bytes. */
function send(
  { connection }: { connection: { reserve(size: number): number; block: Buffer; flush(): void } },
  bytes: Buffer,
) {
  const at = connection.reserve(bytes.length);
  bytes.copy(connection.block, at);
}

describe("compression of WebSocket", () => {
  it("is agreed with who offers it, and only where the option is on", async (context) => {
    const on = await start(context);
    const agreed = await on.client();
    assert.match(agreed.webSocket.extensions, /permessage-deflate/);
    assert.equal(agreed.webSocket.protocol, "mqtt");
    assert.equal((await on.client(false)).webSocket.extensions, "");
    assert.equal((await (await start(context, "off")).client()).webSocket.extensions, "");
  });

  it("carries packets both ways, small and large", async (context) => {
    const { client } = await start(context);
    const { webSocket, session } = await client();
    const payload = "abc".repeat(30_000);
    webSocket.send(publish("a/b", payload), { compress: true });
    webSocket.send(PING);
    await until("packets", () => session.packets.length === 2);

    const answers: Buffer[] = [];
    webSocket.on("message", (data) => void (Buffer.isBuffer(data) && answers.push(data)));
    const packet = publish("c", "x".repeat(10_000));
    send(session, packet);
    await until("the answer", () => Buffer.concat(answers).length === packet.length);
    send(session, PING);
    await until("the next one", () => answers.length === 2);
    assert.deepEqual(Buffer.concat(answers), Buffer.concat([packet, PING]));
  });

  it("sends fewer bytes than it is given, and tells when they have gone", async (context) => {
    const { sessions, raw } = await start(context);
    const { answer, came } = await raw();
    assert.match(answer, /server_no_context_takeover; client_no_context_takeover/);
    const [session] = sessions;
    if (session === undefined) throw new Error("no session");
    send(session, publish("c", "x".repeat(10_000)));
    await until("a frame", () => came().length > 2);
    assert.equal(came()[0], 0xc2, "the bit of compressed messages");
    assert.ok(came().length < 200, `${came().length}`);
  });

  it("closes on a message that becomes too large, before much of it is there", async (context) => {
    const { listener, raw } = await start(context);
    const { socket, came } = await raw();
    const packed = deflateRawSync(Buffer.alloc(50_000_000), { finishFlush: constants.Z_SYNC_FLUSH });
    const header = Buffer.alloc(14);
    header[0] = 0xc2;
    header[1] = 0xff;
    header.writeBigUInt64BE(BigInt(packed.length), 2);
    socket.write(Buffer.concat([header, packed]));
    await until("the close frame", () => came().length >= 4);
    assert.deepEqual([came()[0], came().readUInt16BE(2)], [0x88, 1009]);
    socket.end();
    await until("its end", () => listener.active === 0);
  });

  it("closes on text, tells why, and ends in order", async (context) => {
    const { client, sessions } = await start(context);
    const { webSocket, session } = await client();
    webSocket.send("text");
    assert.equal((await once(webSocket, "close"))[0], 1003);
    await until("its end", () => session.closes.length === 1);
    assert.match(session.closes[0] ?? "", /binary frames/);

    const other = await client();
    other.session.connection.end();
    assert.equal((await once(other.webSocket, "close"))[0], 1000);
    await until("the other's end", () => sessions[1]?.closes.length === 1);
  });

  it("holds back what comes while the session does not read, and its end", async (context) => {
    const { client } = await start(context);
    const { webSocket, session } = await client();
    session.act = (count) => {
      if (count === 1) session.connection.pause();
      return count !== 1;
    };
    const one = publish("a", "x".repeat(1_000));
    webSocket.send(Buffer.concat([one, one]));
    webSocket.send(one);
    webSocket.close();
    await until("the first", () => session.packets.length === 1);
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.deepEqual([session.packets.length, session.closes.length], [1, 0]);
    session.connection.resume();
    await until("its end", () => session.closes.length === 1);
    assert.equal(session.packets.length, 3);
  });
});
