import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { lastRotation, type RotationTime } from "./rotation-time.ts";

const at = (text: string): number => new Date(text).getTime();

test("the last moment at which a rotation was due", () => {
  const now = at("2026-11-23T04:30:00"); // a Monday
  const cases: readonly [RotationTime, string][] = [
    [{ every: "day", hour: 0 }, "2026-11-23T00:00:00"],
    [{ every: "day", hour: 4 }, "2026-11-23T04:00:00"],
    [{ every: "day", hour: 23 }, "2026-11-22T23:00:00"],
    [{ every: "week", day: 0, hour: 23 }, "2026-11-22T23:00:00"],
    [{ every: "week", day: 1, hour: 5 }, "2026-11-16T05:00:00"],
    [{ every: "month", day: 1, hour: 0 }, "2026-11-01T00:00:00"],
    [{ every: "month", day: 31, hour: 12 }, "2026-10-31T12:00:00"],
  ];
  for (const [time, expected] of cases) assert.equal(lastRotation(time, now), at(expected), expected);
});

test("it is never in the future, and the same until the next one", () => {
  const time: fc.Arbitrary<RotationTime> = fc.oneof(
    fc.record({ every: fc.constant("day"), hour: fc.integer({ min: 0, max: 23 }) }),
    fc.record({
      every: fc.constant("week"),
      day: fc.integer({ min: 0, max: 6 }),
      hour: fc.integer({ min: 0, max: 23 }),
    }),
    fc.record({
      every: fc.constant("month"),
      day: fc.integer({ min: 1, max: 31 }),
      hour: fc.integer({ min: 0, max: 23 }),
    }),
  );
  fc.assert(
    fc.property(time, fc.integer({ min: 0, max: 4e12 }), (rotation, now) => {
      const last = lastRotation(rotation, now);
      assert.ok(last <= now);
      assert.ok(now - last <= 32 * 86_400_000);
      assert.equal(lastRotation(rotation, last), last);
    }),
  );
});
