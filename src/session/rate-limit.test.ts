import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { RateLimit } from "./rate-limit.ts";

describe("RateLimit", () => {
  it("lets one second's worth through at once", () => {
    const limit = new RateLimit(3, 0);
    assert.deepEqual([limit.take(0), limit.take(0), limit.take(0)], [0, 0, 0]);
    assert.equal(limit.take(0), 334);
    assert.equal(limit.take(0), 667);
  });

  it("saves no more than one second's worth in a long silence", () => {
    const limit = new RateLimit(2, 0);
    assert.deepEqual([limit.take(1e9), limit.take(1e9)], [0, 0]);
    assert.equal(limit.take(1e9), 500);
  });

  it("who waits as long as told never sends more than the rate and one burst", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1_000 }),
        fc.array(fc.integer({ min: 0, max: 3_000 }), { minLength: 1, maxLength: 200 }),
        (perSecond, silences) => {
          const limit = new RateLimit(perSecond, 0);
          let now = 0;
          silences.forEach((silence, index) => {
            now += silence;
            const messages = index + 1;
            assert.ok(messages <= perSecond + 1 + (now * perSecond) / 1_000, `${messages} by ${now}`);
            now += limit.take(now);
          });
        },
      ),
    );
  });
});
