import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { BUSY_BYTES, COMMITS_WITHOUT, CommitPace, PAUSE_MILLISECONDS } from "./commit-pace.ts";
import { openMemoryStore } from "./memory-store-test-support.ts";
import { durable, eventually, message, payloads, quickTimers, TestQueue } from "./store-test-support.ts";
import type { StoreTimers } from "./timers.ts";

/** Timers whose pauses end when `over` is called. */
function heldTimers(): { timers: StoreTimers; over: () => Promise<void>; pauses: () => number } {
  const waiting: (() => void)[] = [];
  let pauses = 0;
  const quick = quickTimers();
  const timers: StoreTimers = {
    ...quick,
    delay: (milliseconds, background) => {
      if (milliseconds !== PAUSE_MILLISECONDS) return quick.delay(milliseconds, background);
      pauses++;
      return new Promise((resolve) => waiting.push(resolve));
    },
  };
  const over = async (): Promise<void> => {
    for (const end of waiting.splice(0)) end();
    await turn();
  };
  return { timers, over, pauses: () => pauses };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await turn();
}

describe("the pace of commits", () => {
  it("pauses after a commit under load, and not after a small one", async () => {
    const { timers, over, pauses } = heldTimers();
    let ends = 0;
    const pace = new CommitPace(timers, () => ends++);
    pace.begun(BUSY_BYTES - 1, 0);
    pace.ended(BUSY_BYTES - 1);
    assert.equal(pace.pausing, false);
    pace.begun(BUSY_BYTES, BUSY_BYTES);
    pace.ended(BUSY_BYTES);
    assert.equal(pace.pausing, true);
    pace.ended(BUSY_BYTES);
    assert.deepEqual([pauses(), ends], [1, 0]);
    await over();
    assert.deepEqual([pace.pausing, ends], [false, 1]);
  });

  it("gives pauses up for a while when most had to be written all the same", async () => {
    const { timers, over, pauses } = heldTimers();
    const pace = new CommitPace(timers, () => undefined);
    const commit = (gathered: number, needed: number): void => {
      pace.begun(gathered, needed);
      pace.ended(gathered);
    };
    commit(BUSY_BYTES, BUSY_BYTES);
    await over();
    commit(BUSY_BYTES, BUSY_BYTES / 2);
    assert.equal(pauses(), 2);
    await over();
    commit(BUSY_BYTES, BUSY_BYTES / 2 + 1);
    for (let i = 1; i < COMMITS_WITHOUT; i++) commit(BUSY_BYTES, BUSY_BYTES);
    assert.equal(pauses(), 2);
    commit(BUSY_BYTES, BUSY_BYTES);
    assert.equal(pauses(), 3);
  });
});

describe("a store under load", () => {
  async function loaded() {
    const held = heldTimers();
    const { store, database } = await openMemoryStore({ timers: held.timers });
    const queue = new TestQueue(store);
    queue.append(message("first"));
    store.gatheredBytes += BUSY_BYTES;
    await durable(store);
    await turns(5);
    assert.equal(held.pauses(), 1);
    return { ...held, store, database, queue, writes: database.writes };
  }

  it("lets a commit wait that nobody waits for, and starts it when the pause is over", async () => {
    const { store, database, queue, writes, over } = await loaded();
    store.touchLater(queue);
    await turns(20);
    assert.equal(database.writes, writes);
    await over();
    await eventually("the commit", () => database.writes === writes + 1);
    // Without load it starts at the end of the turn.
    store.touchLater(queue);
    await eventually("another", () => database.writes === writes + 2);
    await store.close();
  });

  it("does not let anybody wait", async () => {
    const { store, database, queue, writes, over } = await loaded();
    store.touchLater(queue);
    store.touch(queue);
    await eventually("the commit", () => database.writes === writes + 1);
    queue.append(message("second"));
    await durable(store);
    assert.equal(database.writes, writes + 2);
    store.touchLater(queue);
    await durable(store);
    assert.equal(database.writes, writes + 3);
    store.touchLater(queue);
    let relieved = false;
    store.whenRelieved(() => {
      relieved = true;
    });
    await eventually("relief", () => relieved);
    await over();
    assert.deepEqual(await payloads(store, queue.id), ["first", "second"]);
    await store.close();
  });

  it("takes along when it is closed what waits", async () => {
    const { store, database, queue, writes } = await loaded();
    store.touchLater(queue);
    await store.close();
    assert.equal(database.writes, writes + 1);
    assert.equal(queue.commits, 2);
  });
});
