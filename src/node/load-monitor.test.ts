import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ManualClock } from "../clock/clock.ts";
import { TimerWheel } from "../clock/timer-wheel.ts";
import { silentLogger } from "../log/logger.ts";
import { collectGarbage } from "./collect-garbage.ts";
import { Health } from "./health.ts";
import { LoadMonitor } from "./load-monitor.ts";
import { memoryUse, youngReserve } from "./memory-use.ts";

function setUp(limits: { readonly lagMilliseconds: number; readonly memory: number }) {
  const clock = new ManualClock();
  const wheel = new TimerWheel(clock, 100, (error) => {
    throw error;
  });
  const health = new Health();
  const state = { memory: 10, garbage: 0, collections: 0 };
  const load = new LoadMonitor(limits, {
    clock,
    wheel,
    health,
    log: silentLogger,
    memory: () => state.memory + state.garbage,
    collectGarbage: () => {
      state.garbage = 0;
      state.collections++;
    },
  });
  load.start();
  /** Time passes in steps of that length. */
  const pass = (milliseconds: number, step = 100): void => {
    for (let passed = 0; passed < milliseconds; passed += step) {
      clock.advance(step);
      wheel.turn();
    }
  };
  return { load, health, state, pass };
}

/** What a client is told, afresh each time it is asked. */
function codeOf({ refusal }: LoadMonitor): number | undefined {
  return refusal?.reasonCode;
}

describe("LoadMonitor", () => {
  it("refuses new clients while the event loop stays behind, and until it has caught up", () => {
    const { load, health, pass } = setUp({ lagMilliseconds: 1_000, memory: 90 });
    pass(60_000);
    assert.deepEqual([codeOf(load), health.problems], [undefined, []]);
    pass(2_000, 2_000);
    assert.equal(codeOf(load), undefined, "one stall is not an overload");
    assert.equal(load.lag, 1_500);
    pass(60_000);
    pass(4_000, 2_000);
    assert.equal(codeOf(load), 0x89);
    assert.deepEqual(health.problems, ["load: the event loop is 1500 ms behind"]);
    pass(1_500);
    assert.equal(codeOf(load), 0x89, "not yet");
    pass(1_500);
    assert.deepEqual([codeOf(load), health.healthy], [undefined, true]);
  });

  it("takes other limits at any time", () => {
    const { load, health, state, pass } = setUp({ lagMilliseconds: 1_000, memory: 90 });
    state.memory = 60;
    pass(2_000);
    load.limit({ lagMilliseconds: 1_000, memory: 50 });
    assert.equal(codeOf(load), undefined, "it is looked at first");
    pass(1_200);
    assert.equal(codeOf(load), 0x97);
    load.limit({ lagMilliseconds: 1_000, memory: 90 });
    pass(3_000);
    assert.deepEqual([codeOf(load), health.healthy], [undefined, true]);
    load.limit({ lagMilliseconds: 1_000, memory: 50 });
    pass(1_200);
    load.limit({ lagMilliseconds: 0, memory: 0 });
    assert.deepEqual([codeOf(load), health.healthy], [undefined, true], "off is off at once");
  });

  it("refuses new clients while memory runs short", () => {
    const { load, health, state, pass } = setUp({ lagMilliseconds: 1_000, memory: 90 });
    state.memory = 91;
    pass(1_200);
    assert.equal(codeOf(load), 0x97);
    assert.deepEqual(health.problems, ["memory: 91 percent of the memory are used"]);
    state.memory = 88;
    pass(60_000);
    assert.equal(codeOf(load), 0x97, "not low enough");
    state.memory = 80;
    pass(3_000);
    assert.deepEqual([codeOf(load), health.healthy], [undefined, true]);
  });

  it("does not count garbage, which nobody collects while there is nothing to do", () => {
    const { load, state, pass } = setUp({ lagMilliseconds: 1_000, memory: 90 });
    state.memory = 50;
    state.garbage = 45;
    pass(2_000);
    assert.deepEqual([codeOf(load), state.collections], [undefined, 1]);
    state.memory = 95;
    pass(15_000);
    assert.deepEqual([codeOf(load), state.collections], [0x97, 2]);
    state.memory = 50;
    state.garbage = 45;
    pass(13_000);
    assert.deepEqual([codeOf(load), state.collections], [undefined, 3]);
  });

  it("collects ever more seldom while that does not help", () => {
    const { state, pass } = setUp({ lagMilliseconds: 1_000, memory: 90 });
    state.memory = 95;
    pass(3_600_000);
    assert.ok(state.collections > 10 && state.collections < 20, `${state.collections}`);
  });

  it("can be off", () => {
    const { load, state, pass } = setUp({ lagMilliseconds: 0, memory: 0 });
    state.memory = 100;
    pass(20_000, 5_000);
    assert.equal(codeOf(load), undefined);
  });

  it("knows which part of the heap is for young objects only", () => {
    const mib = 1024 * 1024;
    assert.equal(
      youngReserve(["--max-semi-space-size=1", "--max_semi_space_size=16"], 1_000 * mib),
      48 * mib,
    );
    assert.equal(youngReserve(["-e", "--max-old-space-size=64"], 1_000 * mib), 192 * mib);
    assert.equal(youngReserve(["--max-semi-space-size=128"], 100 * mib), 75 * mib);
  });

  it("can have garbage collected", () => {
    const before = process.memoryUsage().heapUsed;
    let garbage: unknown = Array.from({ length: 300_000 }, (_, i) => ({ i }));
    assert.ok(Array.isArray(garbage) && process.memoryUsage().heapUsed > before);
    garbage = undefined;
    const full = process.memoryUsage().heapUsed;
    collectGarbage();
    assert.ok(process.memoryUsage().heapUsed < full - 5_000_000);
  });

  it("finds this process small", () => {
    const used = memoryUse();
    assert.ok(used > 0 && used < 90, `${used}`);
  });
});
