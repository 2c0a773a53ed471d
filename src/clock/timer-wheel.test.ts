import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ManualClock } from "./clock.ts";
import { type Timed, TimerWheel } from "./timer-wheel.ts";

class Probe implements Timed {
  dueTick = -1;
  previousTimed: Timed | null = null;
  nextTimed: Timed | null = null;
  calls: number[] = [];
  readonly clock: ManualClock;
  action: (() => void) | null = null;
  constructor(clock: ManualClock) {
    this.clock = clock;
  }
  due(): void {
    this.calls.push(this.clock.monotonic());
    this.action?.();
  }
}

const fail = (error: unknown) => {
  throw error;
};

test("a timer is called once, never early and at most a tick late", () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 200_000 }), { maxLength: 40 }),
      fc.array(fc.integer({ min: 1, max: 5_000 }), { minLength: 1, maxLength: 100 }),
      (delays, steps) => {
        const clock = new ManualClock();
        const wheel = new TimerWheel(clock, 100, fail);
        const probes = delays.map((delay) => {
          const probe = new Probe(clock);
          wheel.schedule(probe, delay);
          return { probe, delay };
        });
        let before = 0;
        for (const step of steps) {
          clock.advance(step);
          wheel.turn();
          const now = clock.monotonic();
          for (const { probe, delay } of probes) {
            if (delay + 100 <= now) assert.equal(probe.calls.length, 1, `due ${delay} at ${now}`);
            if (delay > now) assert.equal(probe.calls.length, 0);
          }
          before = now;
        }
        assert.ok(before > 0);
      },
    ),
  );
});

test("a due timer may cancel, re-schedule and schedule others in the same slot", () => {
  const clock = new ManualClock();
  const wheel = new TimerWheel(clock, 100, fail);
  const [a, b, c] = [new Probe(clock), new Probe(clock), new Probe(clock)];
  wheel.schedule(a, 1000);
  wheel.schedule(b, 1000);
  wheel.schedule(c, 1000);
  a.action = () => {
    wheel.cancel(b);
    wheel.schedule(a, 51_200);
  };
  clock.advance(1100);
  wheel.turn();
  assert.deepEqual([a.calls.length, b.calls.length, c.calls.length], [1, 0, 1]);
  clock.advance(50_000);
  wheel.turn();
  assert.equal(a.calls.length, 1);
  clock.advance(1_400);
  wheel.turn();
  assert.equal(a.calls.length, 2);
});

test("one that throws does not stop the others", () => {
  const clock = new ManualClock();
  const errors: unknown[] = [];
  const wheel = new TimerWheel(clock, 100, (error) => errors.push(error));
  const [a, b] = [new Probe(clock), new Probe(clock)];
  a.action = () => {
    throw new Error("broken");
  };
  wheel.schedule(a, 10);
  wheel.schedule(b, 10);
  clock.advance(200);
  wheel.turn();
  assert.equal(errors.length, 1);
  assert.equal(b.calls.length, 1);
});
