import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { LongWorks, STEPS_PER_TURN } from "./long-works.ts";

const fail = (error: unknown) => {
  throw error;
};

function* counting(steps: number, count: () => void): Generator<void> {
  for (let step = 0; step < steps; step++) {
    count();
    yield;
  }
}

test("a work is done a bounded number of steps a turn, short ones at once", async () => {
  const works = new LongWorks(fail);
  let short = 0;
  works.start(counting(10, () => short++));
  assert.equal(short, 10);
  assert.equal(works.idle, true);
  let done = 0;
  works.start(counting(3 * STEPS_PER_TURN, () => done++));
  assert.ok(done < STEPS_PER_TURN, "what the short one took is taken from this turn");
  for (let turns = 0; !works.idle; turns++) {
    assert.ok(turns < 5);
    const before = done;
    await nextTurn();
    assert.ok(done - before <= STEPS_PER_TURN);
  }
  assert.equal(done, 3 * STEPS_PER_TURN);
});

test("works share the steps of a turn; a short one does not wait for the end of a long one", async () => {
  const works = new LongWorks(fail);
  const done = [0, 0];
  works.start(counting(10 * STEPS_PER_TURN, () => (done[0] = (done[0] ?? 0) + 1)));
  works.start(counting(100, () => (done[1] = (done[1] ?? 0) + 1)));
  await nextTurn();
  assert.equal(done[1], 100);
  assert.ok((done[0] ?? 0) <= 2 * STEPS_PER_TURN);
});

test("a step that throws ends its work, which is told, and no other", async () => {
  const failures: unknown[] = [];
  const works = new LongWorks((error) => failures.push(error));
  let done = 0;
  works.start(
    counting(STEPS_PER_TURN * 2, () => {
      if (done === 700) throw new Error("broken");
      done++;
    }),
  );
  let other = 0;
  works.start(counting(10, () => other++));
  for (let turns = 0; turns < 4; turns++) await nextTurn();
  assert.deepEqual([done, other, failures.length, works.idle], [700, 10, 1, true]);
});

test("everything waits until it may go on", async () => {
  let open = false;
  const works = new LongWorks(fail, () => open);
  let done = 0;
  works.start(counting(3, () => done++));
  await nextTurn();
  assert.equal(done, 0);
  open = true;
  works.resume();
  await nextTurn();
  assert.equal(done, 3);
});
