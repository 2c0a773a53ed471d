import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { describe, it } from "node:test";
import { packet } from "../mqtt/frame-decoder-test-support.ts";
import type { MessageStream, StreamReceiver } from "./byte-stream.ts";
import type { Intake, IntakeStage } from "./intake-stage.ts";
import { startListener, until } from "./listener-test-support.ts";

const PING = packet(0xc0, "");

/** Takes a line and goes on; a line that begins with "no" is refused, "throw" throws. */
class LineStage implements IntakeStage {
  readonly missing = "no line";
  readonly deadline = 1_000;
  readonly lines: string[] = [];

  begin(arrival: Intake): void {
    let kept = Buffer.alloc(0);
    arrival.startReading((chunk, start, end) => {
      kept = Buffer.concat([kept, chunk.subarray(start, end)]);
      const newline = kept.indexOf(10);
      if (newline < 0) return;
      const line = kept.toString("latin1", 0, newline);
      this.lines.push(line);
      if (line === "throw") throw new Error("a fault");
      arrival.stopReading(kept.subarray(newline + 1));
      arrival.peer = { address: line, port: 7, identity: "name", certificate: null };
      if (line.startsWith("no")) arrival.refuse("bad line");
      else arrival.advance();
    });
  }
}

/** Puts a stream over the socket that inverts all bits. */
const inverting: IntakeStage = {
  missing: "nothing",
  deadline: Number.POSITIVE_INFINITY,
  begin(arrival) {
    const { socket } = arrival;
    let receiver: StreamReceiver | null = null;
    const stream: MessageStream = {
      headroom: 3,
      writableLength: 0,
      send(block, start, end) {
        block.set([1, 2, 3], start - 3);
        socket.write(block.subarray(start - 3, end).map((byte) => ~byte));
      },
      pause: () => void socket.pause(),
      resume: () => void socket.resume(),
      end: () => void socket.end(),
      destroy: () => void socket.destroy(),
      deliverTo: (to) => {
        receiver = to;
      },
    };
    socket.on("data", (chunk: Buffer) => {
      const bytes = Buffer.from(chunk.map((byte) => ~byte));
      receiver?.received(bytes, 0, bytes.length);
    });
    socket.on("close", () => receiver?.closed());
    arrival.stream = stream;
    arrival.advance();
  },
};

describe("Arrival", () => {
  for (const staticRead of [true, false]) {
    it(`leads a connection through its stages, with what was read too far (static reads: ${staticRead})`, async (context) => {
      const stages = [new LineStage(), new LineStage()];
      const { listener, sessions } = await startListener(context, {
        direct: staticRead,
        stages: stages.slice(0, 1),
      });
      const socket = connect(listener.port, "127.0.0.1");
      context.after(() => socket.destroy());
      socket.write("10.0.0.1");
      await until("arrival", () => listener.pending === 1);
      assert.deepEqual([listener.active, sessions.length], [1, 0]);
      socket.write(Buffer.concat([Buffer.from("\n"), PING, PING.subarray(0, 1)]));
      await until("first packet", () => sessions[0]?.packets.length === 1);
      socket.write(PING.subarray(1));
      await until("second packet", () => sessions[0]?.packets.length === 2);
      assert.deepEqual([listener.active, listener.pending], [1, 0]);
      const { peer } = sessions[0]?.connection ?? {};
      assert.deepEqual(peer, { address: "10.0.0.1", port: 7, identity: "name", certificate: null });
      socket.end();
      await until("close", () => sessions[0]?.closes.length === 1);
      assert.equal(listener.active, 0);
      assert.deepEqual(sessions[0]?.closes, [null]);
    });

    it(`ends one that does not come on in time, is refused, faulty or gone (static reads: ${staticRead})`, async (context) => {
      const stages = [new LineStage()];
      const { listener, sessions, clock, wheel } = await startListener(context, {
        direct: staticRead,
        stages,
      });
      const open = () => {
        const socket = connect(listener.port, "127.0.0.1");
        context.after(() => socket.destroy());
        socket.on("error", () => {});
        socket.resume();
        return socket;
      };
      const late = open();
      await until("arrival", () => listener.pending === 1);
      clock.advance(900);
      wheel.turn();
      assert.equal(listener.pending, 1);
      clock.advance(300);
      wheel.turn();
      assert.equal(listener.pending, 0);
      await once(late, "close");
      for (const line of ["no\n", "throw\n"]) {
        const socket = open();
        socket.write(line);
        await once(socket, "close");
        assert.equal(listener.pending, 0);
      }
      const gone = open();
      await until("arrival", () => listener.pending === 1);
      gone.destroy();
      await until("end", () => listener.pending === 0);
      assert.equal(sessions.length, 0);
    });
  }

  it("goes through several stages, and over a stream that is no socket", async (context) => {
    const { listener, sessions } = await startListener(context, {
      plain: false,
      stages: [new LineStage(), new LineStage(), inverting],
    });
    const socket = connect(listener.port, "127.0.0.1");
    context.after(() => socket.destroy());
    socket.write(Buffer.concat([Buffer.from("10.0.0.1\n10.0.0.2\n"), PING.map((byte) => ~byte)]));
    await until("packet", () => sessions[0]?.packets.length === 1);
    assert.equal(sessions[0]?.connection.peer.address, "10.0.0.2");
    sessions[0]?.write(Buffer.from("hello"));
    const [reply] = await once(socket, "data");
    assert.equal(Buffer.from(reply.map((byte: number) => ~byte)).toString(), "\x01\x02\x03hello");
    sessions[0]?.connection.end();
    await until("close", () => sessions[0]?.closes.length === 1);
    assert.equal(listener.active, 0);
    assert.deepEqual(sessions[0]?.closes, [null]);
  });

  it("does not open a listener whose stage cannot work", async (context) => {
    const stage: IntakeStage = {
      missing: "nothing",
      deadline: 1_000,
      open: () => Promise.reject(new Error("no certificate")),
      begin: (arrival) => arrival.advance(),
    };
    await assert.rejects(startListener(context, { stages: [stage] }), /no certificate/);
  });
});
