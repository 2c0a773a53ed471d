import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { QueueHead } from "../store/participant.ts";
import { StoredHeads } from "./stored-heads.ts";

test("heads are given once, whatever they hold; the rest is known", () => {
  const list = fc.array(fc.nat(), { maxLength: 2 });
  const head = fc.record({
    doneBelow: fc.maxSafeNat(),
    done: list,
    released: list,
    incoming: list,
    next: fc.maxSafeNat(),
    sentBelow: fc.maxSafeNat(),
    stored: fc.nat(),
  });
  const entries = fc.uniqueArray(fc.tuple(fc.maxSafeNat(), head), { selector: ([queue]) => queue });
  fc.assert(
    fc.property(entries, fc.array(fc.nat()), (unsorted, wanted) => {
      const sorted = unsorted.map(([queue, each]) => [queue, { ...each }] as const).sort(([a], [b]) => a - b);
      const model = new Map<number, QueueHead>(sorted);
      const heads = new StoredHeads();
      for (const [queue, each] of sorted) heads.add(queue, each);
      for (const want of wanted) {
        const queue = sorted[want % (sorted.length + 1)]?.[0] ?? want;
        assert.deepEqual(heads.take(queue), model.get(queue));
        model.delete(queue);
        assert.equal(heads.size, model.size);
      }
      assert.deepEqual(new Map(heads.rest()), model);
    }),
  );
});

test("many heads", () => {
  const heads = new StoredHeads();
  const head = { done: [], released: [], incoming: [], sentBelow: 0, stored: 0 };
  for (let queue = 1; queue <= 10_000; queue++) heads.add(queue, { ...head, doneBelow: queue, next: queue });
  for (let queue = 10_000; queue > 1; queue--) assert.equal(heads.take(queue)?.next, queue);
  assert.deepEqual([...heads.rest()], [[1, { ...head, doneBelow: 1, next: 1 }]]);
});
