import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { packet } from "../mqtt/frame-decoder-test-support.ts";
import { startListener, until } from "./listener-test-support.ts";

const noIpv6 = !Object.values(networkInterfaces()).some((each) =>
  each?.some(({ address }) => address === "::1"),
);

const PING = packet(0xc0, "");

describe("MqttListener", () => {
  for (const staticRead of [true, false]) {
    it(`takes no more than max_connections, counts, and has room again (static reads: ${staticRead})`, async (context) => {
      const { listener, client, sessions } = await startListener(context, {
        direct: staticRead,
        maxConnections: 2,
      });
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
      const { client, listener } = await startListener(context, { direct: staticRead, address });
      const { socket, session } = await client();
      socket.write(PING);
      await until("packet", () => session.packets.length === 1);
      assert.equal(listener.port, 0);
    });
  }

  it("takes the place of a dead Unix socket, but not of a live one or of a file; its own goes with it", async (context) => {
    const directory = mkdtempSync(join(tmpdir(), "listener-"));
    context.after(() => rmSync(directory, { recursive: true }));
    const path = join(directory, "s");
    const address = { kind: "unix", path } as const;
    writeFileSync(path, "");
    await assert.rejects(startListener(context, { address }), /exists and is not a socket/);
    rmSync(path);
    // A process that dies leaves its socket file.
    const script = `require("node:net").createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, "SIGKILL"))`;
    assert.equal(spawnSync(process.execPath, ["-e", script]).signal, "SIGKILL");
    assert.ok(existsSync(path));
    const { listener, client } = await startListener(context, { address, unixSocketMode: 0o620 });
    assert.equal(statSync(path).mode & 0o777, 0o620);
    const { session } = await client();
    assert.deepEqual([session.connection.peer.address, session.connection.peer.port], ["local", 0]);
    await assert.rejects(startListener(context, { address }), /another process listens/);
    listener.stopAccepting();
    await until("removal", () => !existsSync(path));
    await listener.listen();
    await client();
    assert.ok(existsSync(path));
  });

  it("has the same port again after it was stopped", async (context) => {
    const { listener, client } = await startListener(context);
    const { port } = listener;
    listener.stopAccepting();
    assert.deepEqual([listener.listening, listener.port], [false, port]);
    await listener.listen();
    assert.deepEqual([listener.listening, listener.port], [true, port]);
    await client();
  });

  it("shares a port of the IPv6 wildcard address with one of IPv4, if it is told to", {
    skip: noIpv6 && "no IPv6 here",
  }, async (context) => {
    const four = { kind: "ip", host: "0.0.0.0", family: 4, port: 0 } as const;
    const { listener } = await startListener(context, { address: four });
    const six = { kind: "ip", host: "::", family: 6, port: listener.port } as const;
    await assert.rejects(startListener(context, { address: six }), /EADDRINUSE/);
    const { sessions } = await startListener(context, { address: six, ipv6Only: true });
    const socket = connect(listener.port, "::1");
    context.after(() => socket.destroy());
    await until("session", () => sessions.length === 1);
    assert.equal(sessions[0]?.connection.peer.address, "::1");
  });

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
    await until("close", () => session.closes.length === 1);
    assert.equal(listener.active, 0);
    assert.deepEqual(session.closes, [null]);
  });
});
