import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { inTurns } from "./in-turns.ts";
import { STEPS_PER_TURN } from "./long-works.ts";

test("a work is done so many steps in each turn, and gives its result", async () => {
  let steps = 0;
  function* work(): Generator<void, string> {
    for (; steps < 3 * STEPS_PER_TURN; steps++) yield;
    return "result";
  }
  let most = 0;
  let result: string | null = null;
  const done = inTurns(work()).then((value) => {
    result = value;
  });
  for (let before = 0; result === null; before = steps) {
    most = Math.max(most, steps - before);
    await nextTurn();
  }
  await done;
  assert.deepEqual([steps, result], [3 * STEPS_PER_TURN, "result"]);
  assert.ok(most <= STEPS_PER_TURN);
});
