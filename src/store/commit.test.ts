import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { openMemoryStore } from "./memory-store-test-support.ts";
import { durable, eventually, message, payloads, quickTimers, TestQueue } from "./store-test-support.ts";

describe("commits", () => {
  it("makes nothing durable until the same bytes are written, then goes on in order", async () => {
    const health: (string | null)[] = [];
    const timers = quickTimers();
    const { store, database } = await openMemoryStore({
      timers,
      onHealth: (problem) => health.push(problem),
    });
    const queue = new TestQueue(store);
    queue.append(message("before"));
    await durable(store);
    database.failure = new Error("no space left");
    queue.append(message("first"));
    let acknowledged = 0;
    store.whenDurable(() => acknowledged++);
    await eventually("the failure is noticed", () => store.overloaded);
    assert.equal(store.healthy, false);
    queue.append(message("second"));
    store.whenDurable(() => acknowledged++);
    await eventually("several attempts", () => store.statistics.failedWrites > 4);
    assert.equal(acknowledged, 0);
    assert.equal(queue.commits, 1);
    assert.equal(health[0], "no space left");
    assert.deepEqual(timers.delays.slice(0, 4), [100, 200, 400, 800]);
    let relieved = false;
    store.whenRelieved(() => {
      relieved = true;
    });
    database.failure = null;
    await durable(store);
    assert.equal(acknowledged, 2);
    await eventually("relief", () => relieved);
    assert.equal(store.healthy && !store.overloaded, true);
    assert.equal(health.at(-1), null);
    assert.deepEqual(await payloads(store, queue.id), ["before", "first", "second"]);
    await store.close();
  });

  it("lets readers wait while the database is opened again", async () => {
    const { store, database } = await openMemoryStore({ timers: quickTimers() });
    const queue = new TestQueue(store);
    queue.append(message("stored"));
    await durable(store);
    database.failure = new Error("broken");
    queue.append(message("waiting"));
    for (let i = 0; i < 20; i++) assert.deepEqual(await payloads(store, queue.id), ["stored"]);
    database.failure = null;
    await durable(store);
    assert.deepEqual(await payloads(store, queue.id), ["stored", "waiting"]);
    await store.close();
  });

  it("gives up after a while when it is closed, and says so", async () => {
    let timeUp: () => void = () => undefined;
    const timers = quickTimers();
    const delay = timers.delay.bind(timers);
    timers.delay = (milliseconds, background) =>
      milliseconds === 9999 ? new Promise((resolve) => (timeUp = resolve)) : delay(milliseconds, background);
    const { store, database } = await openMemoryStore({ timers, closeTimeout: 9999 });
    const queue = new TestQueue(store);
    database.failure = new Error("no space left");
    queue.append(message("lost, never acknowledged"));
    await eventually("it fails", () => !store.healthy);
    const closed = assert.rejects(store.close(), /could not write for 9999 ms/);
    timeUp();
    await closed;
    assert.equal(queue.commits, 0);
    assert.equal(database.settled, 0);
  });

  it("leaves little to the next opening when it is closed, if the disk takes that", async () => {
    const { store, database } = await openMemoryStore();
    const queue = new TestQueue(store);
    queue.append(message("kept"));
    await store.close();
    assert.equal(queue.commits, 1);
    assert.equal(database.settled, 1);
    const full = await openMemoryStore();
    full.database.failure = new Error("no space left");
    await full.store.close();
    assert.equal(full.database.settled, 0);
  });

  it("is overloaded above the limit until half of it is left", async () => {
    const { store } = await openMemoryStore({ uncommittedLimitBytes: 1000 });
    assert.equal(store.overloaded, false);
    store.uncommittedBytes = 1001;
    assert.equal(store.overloaded, true);
    let relieved = 0;
    store.whenRelieved(() => relieved++);
    store.uncommittedBytes = 500;
    await durable(store);
    assert.equal(store.overloaded, true);
    assert.equal(relieved, 0);
    store.uncommittedBytes = 499;
    await durable(store);
    assert.equal(relieved, 1);
    assert.equal(store.overloaded, false);
    await store.close();
  });

  it("gathers while a commit is held: one write for all that came meanwhile", async () => {
    const { store, database } = await openMemoryStore();
    let open: () => void = () => undefined;
    database.gate = new Promise((resolve) => {
      open = resolve;
    });
    const queue = new TestQueue(store);
    queue.append(message("0"));
    await eventually("the commit runs", () => queue.collections === 1);
    for (let i = 1; i < 50; i++) {
      queue.append(message(String(i)));
      await new Promise((resolve) => setImmediate(resolve));
    }
    const before = database.writes;
    open();
    await durable(store);
    assert.equal(database.writes - before, 2);
    assert.equal((await payloads(store, queue.id)).length, 50);
    await store.close();
  });

  for (const sync of [true, false]) {
    it(`${sync ? "flushes every commit" : "flushes no commit"} to the disk with sync ${sync}`, async () => {
      const { store, database } = await openMemoryStore({ sync });
      const before = { writes: database.writes, flushes: database.flushes };
      const queue = new TestQueue(store);
      for (let i = 0; i < 3; i++) {
        queue.append(message("x"));
        await durable(store);
      }
      assert.equal(database.writes - before.writes, 3);
      assert.equal(database.flushes - before.flushes, sync ? 3 : 0);
      await store.close();
    });
  }

  it("calls the others when a callback throws", async (t) => {
    const { store } = await openMemoryStore();
    const thrown = new Promise<unknown>((resolve) => {
      const listeners = process.listeners("uncaughtException");
      process.removeAllListeners("uncaughtException");
      process.once("uncaughtException", resolve);
      t.after(() => {
        for (const listener of listeners) process.on("uncaughtException", listener);
      });
    });
    store.whenDurable(() => {
      throw new Error("a bug");
    });
    await durable(store);
    assert.match(String(await thrown), /a bug/);
    await store.close();
  });
});
