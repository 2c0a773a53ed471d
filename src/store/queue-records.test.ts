import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { QueueRecords } from "./queue-records.ts";

/** Queues from 100 on are of this run. */
function records(budget?: number): QueueRecords {
  return new QueueRecords(100, budget);
}

describe("reference values of queues", () => {
  it("gives what is wholly done, once", () => {
    const known = records();
    known.added(100, 4, [1]);
    known.added(100, 9, [1, 2]);
    known.doneBelow(100, 4);
    assert.deepEqual(known.take(10), []);
    known.doneBelow(100, 5);
    assert.deepEqual(known.take(10), [{ queue: 100, last: 4, segments: [1] }]);
    known.doneBelow(100, 20);
    assert.deepEqual(known.take(10), [{ queue: 100, last: 9, segments: [1, 2] }]);
    assert.equal(known.hasDead || known.hasWanted, false);
  });

  it("gives no more than asked for and the rest later", () => {
    const known = records();
    for (let i = 0; i < 5; i++) known.added(100, i, [i + 1]);
    known.remove(100);
    assert.deepEqual(
      known.take(3).map((record) => record.last),
      [0, 1, 2],
    );
    assert.equal(known.hasDead, true);
    assert.deepEqual(
      known.take(3).map((record) => record.last),
      [3, 4],
    );
    assert.equal(known.hasDead, false);
  });

  it("asks for the values of an old queue when some may go, and no sooner", () => {
    const known = records();
    known.added(7, 50, [9]);
    assert.equal(known.hasWanted, false);
    known.doneBelow(7, 3);
    assert.deepEqual(known.take(10), []);
    assert.deepEqual(known.takeWanted(10), [{ queue: 7, from: 0 }]);
    known.loaded(
      7,
      [
        { last: 2, segments: [1] },
        { last: 50, segments: [9] },
      ],
      true,
    );
    assert.deepEqual(known.take(10), [{ queue: 7, last: 2, segments: [1] }]);
    known.doneBelow(7, 51);
    assert.deepEqual(known.take(10), [{ queue: 7, last: 50, segments: [9] }]);
    assert.equal(known.hasWanted, false);
  });

  it("does not lose what is added while the disk is read", () => {
    const known = records();
    known.remove(7);
    known.take(10);
    assert.deepEqual(known.takeWanted(10), [{ queue: 7, from: 0 }]);
    known.added(7, 60, [5]);
    known.loaded(7, [{ last: 2, segments: [1] }], true);
    assert.deepEqual(
      known.take(10).map((record) => record.last),
      [2, 60],
    );
  });

  it("reads on when there is more on disk, and again when reading failed", () => {
    const known = records();
    known.doneBelow(7, 1000);
    known.take(10);
    known.takeWanted(10);
    known.loaded(7, null, false);
    assert.deepEqual(known.takeWanted(10), [{ queue: 7, from: 0 }]);
    known.added(7, 999, [5]);
    known.loaded(7, [{ last: 2, segments: [1] }], false);
    assert.deepEqual(
      known.take(10).map((record) => record.last),
      [2],
    );
    assert.deepEqual(known.takeWanted(10), [{ queue: 7, from: 3 }]);
    known.loaded(7, [{ last: 999, segments: [5] }], true);
    assert.deepEqual(
      known.take(10).map((record) => record.last),
      [999],
    );
  });

  it("looks up on disk what is beyond the budget", () => {
    const known = records(2);
    for (let i = 0; i < 4; i++) known.added(100, i, [1]);
    known.doneBelow(100, 4);
    assert.equal(known.take(10).length, 2);
    assert.deepEqual(known.takeWanted(10), [{ queue: 100, from: 2 }]);
    known.loaded(
      100,
      [2, 3].map((last) => ({ last, segments: [1] })),
      true,
    );
    assert.equal(known.take(10).length, 2);
    assert.equal(known.hasWanted, false);
  });
});
