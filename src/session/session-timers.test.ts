import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ManualClock } from "../clock/clock.ts";
import { TimerWheel } from "../clock/timer-wheel.ts";
import { type DueSession, SessionTimers } from "./session-timers.ts";

function bench() {
  const clock = new ManualClock();
  const wheel = new TimerWheel(clock, 100, (error) => {
    throw error;
  });
  const passed: string[] = [];
  const session: DueSession = {
    deadlinePassed: () => void passed.push("deadline"),
    keepAlivePassed: () => void passed.push("keep alive"),
    paused: false,
    retryDue: () => false,
    pauseOver: () => undefined,
  };
  const timers = new SessionTimers(wheel, session, 5_000);
  const turn = (milliseconds: number) => {
    clock.advance(milliseconds);
    wheel.turn();
  };
  return { timers, passed, turn };
}

describe("SessionTimers", () => {
  it("ends a connection that has sent no CONNECT in time", () => {
    const { passed, turn } = bench();
    for (let i = 0; i < 49; i++) turn(100);
    assert.deepEqual(passed, []);
    for (let i = 0; i < 3; i++) turn(100);
    assert.deepEqual(passed, ["deadline"]);
  });

  it("reads first what has come while the process stood still", () => {
    for (const connects of [true, false]) {
      const { timers, passed, turn } = bench();
      turn(20_000);
      turn(0);
      assert.deepEqual(passed, []);
      if (connects) timers.connected(60, 0);
      turn(100);
      turn(100);
      assert.deepEqual(passed, connects ? [] : ["deadline"]);
    }
  });

  it("does so each time that a deadline is set", () => {
    const { timers, passed, turn } = bench();
    turn(20_000);
    timers.deadlineIn(1_000);
    turn(20_000);
    assert.deepEqual(passed, []);
    turn(100);
    assert.deepEqual(passed, ["deadline"]);
  });

  it("ends a connection at the end of its longest lifetime, and a silent one", () => {
    const first = bench();
    first.timers.connected(60, 10);
    for (let i = 0; i < 101; i++) first.turn(100);
    assert.deepEqual(first.passed, ["deadline"]);
    const second = bench();
    second.timers.connected(10, 0);
    for (let i = 0; i < 153; i++) second.turn(100);
    assert.deepEqual(second.passed, ["keep alive"]);
  });
});
