import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { packet } from "../mqtt/frame-decoder-test-support.ts";
import { startListener, until } from "./listener-test-support.ts";

const PING = packet(0xc0, "");

describe("MqttListener", () => {
  for (const staticRead of [true, false]) {
    it(`takes no more than max_connections, counts, and has room again (static reads: ${staticRead})`, async (context) => {
      const { listener, client, sessions } = await startListener(context, { staticRead, maxConnections: 2 });
      const first = await client();
      await client();
      const third = connect(listener.port, "127.0.0.1");
      third.on("error", () => {});
      third.resume();
      await once(third, "close");
      assert.deepEqual([listener.active, listener.accepted, sessions.length], [2, 2, 2]);
      first.socket.destroy();
      await until("room", () => listener.active === 1);
      const { socket, session } = await client();
      socket.write(PING);
      await until("packet", () => session.packets.length === 1);
      assert.deepEqual([listener.active, listener.accepted], [2, 3]);
    });

    it(`listens on a Unix socket (static reads: ${staticRead})`, async (context) => {
      const directory = mkdtempSync(join(tmpdir(), "listener-"));
      context.after(() => rmSync(directory, { recursive: true }));
      const address = { kind: "unix", path: join(directory, "s") } as const;
      const { client, listener } = await startListener(context, { staticRead, address });
      const { socket, session } = await client();
      socket.write(PING);
      await until("packet", () => session.packets.length === 1);
      assert.equal(listener.port, 0);
    });
  }

  it("says why it cannot listen", async (context) => {
    const { listener } = await startListener(context);
    const address = { kind: "ip", host: "127.0.0.1", family: 4, port: listener.port } as const;
    await assert.rejects(startListener(context, { address }), /EADDRINUSE/);
  });

  it("stops accepting without touching what is open, then cuts off all", async (context) => {
    const { listener, client } = await startListener(context);
    const { socket, session } = await client();
    const { port } = listener;
    listener.stopAccepting();
    assert.equal(listener.listening, false);
    const late = connect(port, "127.0.0.1");
    const [error] = await once(late, "error");
    assert.match(String(error), /ECONNREFUSED/);
    socket.write(PING);
    await until("packet", () => session.packets.length === 1);
    listener.destroyAll();
    await until("close", () => listener.active === 0);
    assert.deepEqual(session.closes, [null]);
  });
});
