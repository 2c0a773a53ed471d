import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { describe, it, type TestContext } from "node:test";
import { ManualClock } from "../clock/clock.ts";
import { Metric } from "../metrics/metric.ts";
import { Metrics } from "../metrics/metrics.ts";
import { networkOf } from "./address-limits.ts";
import { ConnectionGuard, type GuardLimits, NO_LIMITS } from "./connection-guard.ts";
import type { IntakeStage } from "./intake-stage.ts";
import { startListener, until } from "./listener-test-support.ts";

function guardWith(limits: Partial<GuardLimits>) {
  const clock = new ManualClock();
  const { counters } = new Metrics();
  const guard = new ConnectionGuard({ ...NO_LIMITS, ...limits }, counters, () => clock.monotonic());
  return { guard, clock, counters };
}

describe("ConnectionGuard", () => {
  it("lets everybody in without limits, and does not ask for addresses", () => {
    const { guard } = guardWith({});
    for (let i = 0; i < 1_000; i++) assert.equal(guard.enter(), null);
    assert.equal(guard.byAddress, false);
    assert.equal(guard.connections, 1_000);
  });

  it("limits the connections of all listeners together", () => {
    const { guard, counters } = guardWith({ connections: 2 });
    assert.deepEqual([guard.enter(), guard.enter()], [null, null]);
    assert.match(guard.enter() ?? "", /protection\.max_connections/);
    assert.equal(counters.value(Metric.socket_refused_limit), 1);
    guard.leave();
    assert.equal(guard.enter(), null);
  });

  it("limits the rate, with a burst of one second", () => {
    const { guard, clock, counters } = guardWith({ perSecond: 10 });
    const entered = (tries: number): number => {
      let count = 0;
      for (let i = 0; i < tries; i++) if (guard.enter() === null) count++;
      return count;
    };
    assert.equal(entered(20), 10);
    clock.advance(300);
    assert.equal(entered(20), 3);
    clock.advance(60_000);
    assert.equal(entered(20), 10);
    assert.equal(counters.value(Metric.socket_refused_rate), 10 + 17 + 10);
  });

  it("takes other limits at any time, and counts who is there already", () => {
    const { guard, clock } = guardWith({});
    assert.deepEqual([guard.enter(), guard.enter()], [null, null]);
    guard.limit({ ...NO_LIMITS, connections: 2, connectionsPerAddress: 2 });
    assert.match(guard.enter() ?? "", /there are 2 connections/);
    guard.adopt("a");
    guard.adopt("b");
    assert.deepEqual([guard.enterFrom("a"), guard.enterFrom("b")], [null, null]);
    assert.match(guard.enterFrom("a") ?? "", /protection\.max_connections_per_address/);
    guard.leaveFrom("a");
    assert.equal(guard.enterFrom("a"), null);
    guard.limit({ ...NO_LIMITS, perSecondAndAddress: 1 });
    clock.advance(1_000);
    assert.equal(guard.enterFrom("a"), null);
    assert.match(guard.enterFrom("a") ?? "", /protection\.connection_rate_per_address/);
    guard.limit(NO_LIMITS);
    assert.deepEqual([guard.enter(), guard.byAddress], [null, false]);
    guard.leaveFrom("a");
    guard.limit({ ...NO_LIMITS, connectionsPerAddress: 1 });
    assert.equal(guard.enterFrom("a"), null, "what was counted before is forgotten");
  });

  it("limits those whose CONNECT has not been accepted", () => {
    const { guard, counters } = guardWith({ unauthenticated: 1 });
    assert.equal(guard.enter(), null);
    guard.came();
    assert.match(guard.enter() ?? "", /protection\.max_unauthenticated/);
    assert.equal(counters.value(Metric.socket_refused_unauthenticated), 1);
    guard.went();
    assert.equal(guard.enter(), null);
  });

  it("limits connections and rate of one address, and of one IPv6 network", () => {
    const { guard, clock, counters } = guardWith({ connectionsPerAddress: 2, perSecondAndAddress: 3 });
    assert.deepEqual([guard.enterFrom("10.0.0.1"), guard.enterFrom("10.0.0.1")], [null, null]);
    assert.match(guard.enterFrom("10.0.0.1") ?? "", /10\.0\.0\.1 has 2 connections already/);
    assert.equal(guard.enterFrom("10.0.0.2"), null);
    guard.leaveFrom("10.0.0.1");
    assert.equal(guard.enterFrom("10.0.0.1"), null);
    guard.leaveFrom("10.0.0.1");
    assert.match(guard.enterFrom("10.0.0.1") ?? "", /more than 3 connections per second/);
    clock.advance(400);
    assert.equal(guard.enterFrom("10.0.0.1"), null);
    assert.equal(counters.value(Metric.socket_refused_address), 2);
    assert.equal(guard.enterFrom("2001:db8::1"), null);
    assert.equal(guard.enterFrom("2001:db8:0:0:ffff::1"), null);
    assert.notEqual(guard.enterFrom("2001:0db8:0:0::7"), null);
    assert.equal(guard.enterFrom("2001:db8:0:1::1"), null);
  });

  it("forgets addresses that have gone", () => {
    const { guard, clock } = guardWith({ perSecondAndAddress: 1 });
    for (let i = 0; i < 120_000; i++) {
      const address = `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`;
      assert.equal(guard.enterFrom(address), null);
      guard.leaveFrom(address);
      if (i % 10_000 === 0) clock.advance(2_000);
    }
  });

  it("knows the networks of IPv6", () => {
    assert.equal(networkOf("192.0.2.1"), "192.0.2.1");
    assert.equal(networkOf("::1"), "0:0:0:0");
    assert.equal(networkOf("fe80::1:2:3:4"), "fe80:0:0:0");
    assert.equal(networkOf("1:2:3:4:5:6:7:8"), "1:2:3:4");
  });
});

/** Opens a connection and says whether it is still open when the next one is. */
async function open(context: TestContext, port: number): Promise<Socket> {
  const socket = connect(port, "127.0.0.1");
  context.after(() => socket.destroy());
  socket.on("error", () => {});
  socket.resume();
  await once(socket, "connect");
  return socket;
}

const proxy: IntakeStage = {
  missing: "nothing",
  deadline: 1_000,
  findsPeer: true,
  begin(intake) {
    intake.startReading((chunk, start, end) => {
      const address = chunk.toString("latin1", start, end);
      intake.stopReading(Buffer.alloc(0));
      intake.peer = { address, port: 1, identity: null, certificate: null };
      if (address === "bad") intake.refuse("bad");
      else intake.advance();
    });
  },
};

describe("limits of listeners", () => {
  it("count what comes and goes, by the address of the socket", async (context) => {
    const { listener, guard, sessions, counters } = await startListener(
      context,
      {},
      { connectionsPerAddress: 1, connections: 5 },
    );
    const first = await open(context, listener.port);
    await until("session", () => sessions.length === 1);
    const second = await open(context, listener.port);
    await once(second, "close");
    assert.equal(counters.value(Metric.socket_refused_address), 1);
    assert.deepEqual([guard.connections, sessions.length], [1, 1]);
    first.destroy();
    await until("end", () => guard.connections === 0);
    await open(context, listener.port);
    await until("session", () => sessions.length === 2);
  });

  it("count by the address that a proxy tells, and what ends on its way", async (context) => {
    const { listener, guard, sessions } = await startListener(
      context,
      { stages: [proxy] },
      { connectionsPerAddress: 1 },
    );
    const one = await open(context, listener.port);
    one.write("10.0.0.1");
    const two = await open(context, listener.port);
    await until("both", () => guard.connections === 2);
    await until("first", () => sessions.length === 1);
    assert.equal(guard.unauthenticated, 1);
    two.write("10.0.0.2");
    await until("second", () => sessions.length === 2);
    const three = await open(context, listener.port);
    three.write("10.0.0.1");
    await once(three, "close");
    const four = await open(context, listener.port);
    four.write("bad");
    await once(four, "close");
    const five = await open(context, listener.port);
    await until("fifth", () => guard.connections === 3);
    five.destroy();
    one.destroy();
    await until("ends", () => guard.connections === 1);
    assert.equal(guard.unauthenticated, 0);
    const again = await open(context, listener.port);
    again.write("10.0.0.1");
    await until("again", () => sessions.length === 3);
  });
});
