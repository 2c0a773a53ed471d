import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ManualClock } from "../clock/clock.ts";
import { FlappingDetector } from "./flapping.ts";

function detector(banMilliseconds = 300_000) {
  const clock = new ManualClock();
  const rules = { connects: 3, windowMilliseconds: 60_000, banMilliseconds };
  return { clock, flapping: new FlappingDetector(rules, () => clock.monotonic()) };
}

const times = (count: number, act: () => boolean): boolean[] => Array.from({ length: count }, act);

describe("FlappingDetector", () => {
  it("bans a client id that connects too often, for a while, and no other", () => {
    const { clock, flapping } = detector();
    assert.deepEqual(
      times(4, () => flapping.connected("", "a")),
      [false, false, false, true],
    );
    assert.equal(flapping.banned("", "a"), 300_000);
    assert.equal(flapping.banned("", "b"), 0);
    assert.equal(flapping.banned("m", "a"), 0);
    clock.advance(299_000);
    assert.equal(flapping.banned("", "a"), 1_000);
    clock.advance(1_000);
    assert.equal(flapping.banned("", "a"), 0);
    assert.equal(flapping.connected("", "a"), false);
  });

  it("counts within a window", () => {
    const { clock, flapping } = detector();
    for (let i = 0; i < 20; i++) {
      assert.equal(flapping.connected("", "a"), false);
      clock.advance(21_000);
    }
  });

  it("begins anew after a ban that is shorter than the window", () => {
    const { clock, flapping } = detector(5_000);
    times(4, () => flapping.connected("", "a"));
    clock.advance(5_000);
    assert.deepEqual(
      times(4, () => flapping.connected("", "a")),
      [false, false, false, true],
    );
  });

  it("remembers a bounded number of client ids, the newest", () => {
    const { flapping } = detector();
    times(4, () => flapping.connected("", "old"));
    for (let i = 0; i < 100_000; i++) flapping.connected("", `c${i}`);
    assert.equal(flapping.banned("", "old"), 0);
    assert.deepEqual(
      times(3, () => flapping.connected("", "c99999")),
      [false, false, true],
    );
  });

  it("takes other rules at any time", () => {
    const { flapping } = detector();
    times(4, () => flapping.connected("", "a"));
    const rules = { connects: 1, windowMilliseconds: 1_000, banMilliseconds: 5_000 };
    flapping.change(rules);
    assert.equal(flapping.banned("", "a"), 300_000, "who is refused stays so");
    assert.deepEqual(
      times(2, () => flapping.connected("", "b")),
      [false, true],
    );
    flapping.change(null);
    assert.deepEqual([flapping.banned("", "a"), flapping.connected("", "c")], [0, false]);
    flapping.change(rules);
    assert.equal(flapping.banned("", "a"), 0);
  });
});
