import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
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

  it("gives none twice when more is done while the disk is read", () => {
    const known = records();
    known.doneBelow(7, 3);
    known.take(10);
    assert.deepEqual(known.takeWanted(10), [{ queue: 7, from: 0 }]);
    // A commit is built while the disk is read, which ends before the commit does.
    known.added(7, 5, [2]);
    known.doneBelow(7, 4);
    known.take(10);
    known.loaded(7, [{ last: 2, segments: [1] }], true);
    assert.deepEqual(known.takeWanted(10), [], "all of it is known");
    known.doneBelow(7, 6);
    assert.deepEqual(
      known.take(10).map((record) => record.last),
      [2, 5],
    );
  });

  it("gives each value once when it is done, and all of them, whatever comes in between", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(1, 5, 15, 1000),
        fc.array(operation, { maxLength: 120, size: "max" }),
        runModel,
      ),
      { numRuns: 2000, seed: Number(process.env.SEED ?? 42) },
    );
  });
});

type Operation =
  | { kind: "add" | "done" | "remove"; queue: number; by: number }
  | { kind: "commit" | "idle" | "load" | "failed"; by: number };

const operation: fc.Arbitrary<Operation> = fc.oneof(
  fc.record({
    kind: fc.constantFrom("add", "add", "add", "done", "done", "done", "done", "remove"),
    queue: fc.integer({ min: 99, max: 100 }),
    by: fc.nat({ max: 5 }),
  }),
  fc.record({
    kind: fc.constantFrom("commit", "commit", "idle", "load", "load", "failed"),
    by: fc.integer({ min: 1, max: 5 }),
  }),
);

/** Queue 99 is of an earlier run, with ten values, queue 100 of this one. */
function runModel(budget: number, operations: readonly Operation[]): void {
  const known = records(budget);
  const old = Array.from({ length: 10 }, (_, last) => last);
  /** Values per queue, ascending: those decided on, and those on disk, where a commit brings them. */
  const decided = new Map([99, 100].map((queue) => [queue, queue < 100 ? [...old] : []]));
  let disk = new Map([...decided].map(([queue, lasts]) => [queue, [...lasts]]));
  const next = new Map([99, 100].map((queue) => [queue, queue < 100 ? 10 : 0]));
  const doneBelow = new Map<number, number>();
  let writing = false;
  const loads: { queue: number; lasts: number[] }[] = [];

  const take = (limit: number): void => {
    for (const { queue, last, segments } of known.take(limit)) {
      const lasts = decided.get(queue) ?? [];
      assert.ok(last < (doneBelow.get(queue) ?? 0), `${queue}:${last} is not done`);
      assert.deepEqual(segments, [last], "its segments");
      const index = lasts.indexOf(last);
      assert.ok(index >= 0, `${queue}:${last} was given before`);
      lasts.splice(index, 1);
    }
  };
  const commit = (limit: number): void => {
    take(limit);
    writing = true;
  };
  const idle = (limit: number): void => {
    disk = new Map([...decided].map(([queue, lasts]) => [queue, [...lasts]]));
    writing = false;
    for (const { queue, from } of known.takeWanted(limit)) {
      loads.push({ queue, lasts: (disk.get(queue) ?? []).filter((last) => last >= from) });
    }
  };
  const load = (limit: number): void => {
    const first = loads.shift();
    if (first === undefined) return;
    const page = first.lasts.slice(0, limit);
    known.loaded(
      first.queue,
      page.map((last) => ({ last, segments: [last] })),
      page.length === first.lasts.length,
    );
  };

  for (const each of operations) {
    if (each.kind === "add" || each.kind === "done" || each.kind === "remove") {
      const { queue } = each;
      const end = next.get(queue) ?? 0;
      const done = doneBelow.get(queue) ?? 0;
      // Changes are told while a commit is built.
      if (writing || done === Number.POSITIVE_INFINITY) continue;
      if (each.kind === "add") {
        const last = end + each.by;
        next.set(queue, last + 1);
        decided.get(queue)?.push(last);
        known.added(queue, last, [last]);
      } else if (each.kind === "done") {
        const below = Math.min(end, done + each.by);
        doneBelow.set(queue, below);
        known.doneBelow(queue, below);
      } else if (each.by === 0) {
        doneBelow.set(queue, Number.POSITIVE_INFINITY);
        known.remove(queue);
      }
    } else if (each.kind === "load") load(each.by * 4);
    else if (each.kind === "idle") {
      if (writing) idle(each.by);
    } else if (each.kind === "commit") {
      if (writing) idle(each.by);
      else commit(each.by);
    } else {
      const failed = loads.shift();
      if (failed !== undefined) known.loaded(failed.queue, null, false);
    }
  }
  const settle = (): void => {
    for (let i = 0; i < 100; i++) {
      while (loads.length > 0) load(3);
      commit(5);
      idle(5);
    }
  };
  settle();
  for (const [queue, lasts] of decided) {
    const below = doneBelow.get(queue) ?? 0;
    assert.ok((lasts[0] ?? below) >= below, `queue ${queue} keeps what is done`);
    const end = next.get(queue) ?? 0;
    if (below < end) known.doneBelow(queue, end);
    doneBelow.set(queue, Math.max(below, end));
  }
  settle();
  for (const [queue, lasts] of decided) assert.deepEqual(lasts, [], `queue ${queue} has nothing left`);
}
