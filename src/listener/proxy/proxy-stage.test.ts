import assert from "node:assert/strict";
import { connect } from "node:net";
import { describe, it } from "node:test";
import { packet } from "../../mqtt/frame-decoder-test-support.ts";
import { closed, startListener, until } from "../listener-test-support.ts";
import { binaryHeader, ipv4Addresses, localHeader, textHeader, tlsField } from "./header-test-support.ts";
import { ProxyStage } from "./proxy-stage.ts";
import { LONGEST_HEADER } from "./read-header.ts";

const PING = packet(0xc0, "");
const withName = binaryHeader(0x11, ipv4Addresses("192.0.2.7", 4_711), [tlsField("device-7")]);

for (const staticRead of [true, false]) {
  describe(`The PROXY header (static reads: ${staticRead})`, () => {
    it("gives the peer, in any pieces, and what follows it is not lost", async (context) => {
      const { listener, sessions } = await startListener(context, {
        direct: staticRead,
        stages: [new ProxyStage(true)],
      });
      for (const header of [textHeader("192.0.2.7", 4_711), withName]) {
        for (const size of [1, 7, header.length, 4_096]) {
          const before = sessions.length;
          const socket = connect({ port: listener.port, host: "127.0.0.1", noDelay: true });
          const bytes = Buffer.concat([header, PING, PING]);
          for (let at = 0; at < bytes.length; at += size) {
            socket.write(bytes.subarray(at, at + size));
            await new Promise((resolve) => setImmediate(resolve));
          }
          await until("packets", () => sessions[before]?.packets.length === 2);
          const { peer } = sessions[before]?.connection ?? {};
          assert.equal(peer?.address, "192.0.2.7");
          assert.equal(peer.port, 4_711);
          assert.equal(peer.identity, header === withName ? "device-7" : null);
          assert.equal(peer.certificate?.commonName, header === withName ? "device-7" : undefined);
          socket.write(PING);
          await until("packet", () => sessions[before]?.packets.length === 3);
          socket.destroy();
          await until("end", () => listener.active === 0);
        }
      }
    });

    it("keeps the socket's own peer when the proxy speaks for itself", async (context) => {
      const { listener, sessions } = await startListener(context, {
        direct: staticRead,
        stages: [new ProxyStage(true)],
      });
      const socket = connect(listener.port, "127.0.0.1");
      socket.write(Buffer.concat([localHeader(), PING]));
      await until("packet", () => sessions[0]?.packets.length === 1);
      assert.equal(sessions[0]?.connection.peer.address, "127.0.0.1");
      assert.equal(sessions[0]?.connection.peer.port, socket.localPort);
      socket.destroy();
    });

    it("tells the common name without making it the user name, if so configured", async (context) => {
      const { listener, sessions } = await startListener(context, {
        direct: staticRead,
        stages: [new ProxyStage(false)],
      });
      const socket = connect(listener.port, "127.0.0.1");
      socket.write(Buffer.concat([withName, PING]));
      await until("packet", () => sessions[0]?.packets.length === 1);
      assert.equal(sessions[0]?.connection.peer.identity, null);
      assert.equal(sessions[0]?.connection.peer.certificate?.commonName, "device-7");
      socket.destroy();
    });

    it("ends a connection when it is malformed, absent, too long or late", async (context) => {
      const { listener, sessions, clock, wheel } = await startListener(context, {
        direct: staticRead,
        stages: [new ProxyStage(true)],
      });
      const tooLong = Buffer.alloc(LONGEST_HEADER + 16, "a");
      withName.copy(tooLong, 0, 0, 14);
      tooLong.writeUInt16BE(LONGEST_HEADER + 1, 14);
      for (const bytes of [packet(0x10, "00"), Buffer.from("PROXY TCP4 x\r\n"), tooLong]) {
        const socket = connect(listener.port, "127.0.0.1");
        socket.resume();
        socket.write(bytes);
        await closed(socket);
        await until("end", () => listener.active === 0);
      }
      const late = connect(listener.port, "127.0.0.1");
      const ended = closed(late);
      late.resume();
      late.write("PROXY TCP4");
      await until("arrival", () => listener.pending === 1);
      clock.advance(9_800);
      wheel.turn();
      assert.equal(listener.pending, 1);
      clock.advance(500);
      wheel.turn();
      assert.equal(listener.pending, 0);
      await ended;
      assert.equal(sessions.length, 0);
    });
  });
}
