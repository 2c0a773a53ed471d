import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { openMemoryStore } from "./memory-store-test-support.ts";
import {
  durable,
  eventually,
  message,
  payloads,
  quickTimers,
  readAll,
  TestQueue,
} from "./store-test-support.ts";

describe("thinning of mostly dead segments", () => {
  it("gives back what a slow queue among many keeps, and changes nothing for it", async () => {
    const { store, database } = await openMemoryStore({ timers: quickTimers(), thinningBytes: 100_000 });
    const queues = Array.from({ length: 20 }, () => new TestQueue(store));
    const slow = queues[3];
    assert.ok(slow !== undefined);
    const moved = message("moved".padEnd(500, "."));
    queues[0]?.append(moved);
    for (let i = 0; i < 50; i++) {
      for (const queue of queues) queue.append(message(`${i}`.padEnd(1000, "x")));
      if (i % 10 === 9) await durable(store);
    }
    const before = await payloads(store, slow.id);
    const old = await readAll(store, slow.id);
    const size = (): number =>
      [...database.data]
        .filter(([key]) => key.startsWith("s"))
        .reduce((sum, [, value]) => sum + value.length, 0);
    const full = size();
    for (const queue of queues) if (queue !== slow) queue.doneUpTo(queue.next - 1);
    await durable(store);
    await eventually("the segments are thinned", async () => {
      store.touch(slow);
      await durable(store);
      return store.statistics.thinnedBytes > 0 && store.settled;
    });
    assert.ok(size() < full / 10, `${size()} of ${full}`);
    assert.deepEqual(await payloads(store, slow.id), before);
    // A message of which the segment holds no body any more is stored again when it is needed again.
    const later = new TestQueue(store);
    later.append(moved);
    for (const { message: kept } of old.slice(0, 2)) later.append(kept);
    await durable(store);

    const restarted = await openMemoryStore({ database: database.copy(), timers: quickTimers() });
    assert.deepEqual(await payloads(restarted.store, slow.id), before);
    assert.deepEqual(
      (await payloads(restarted.store, later.id)).map((payload) => payload.replace(/[.x]+$/, "")),
      ["moved", "0", "1"],
    );
    // Thinned again after the restart, then gone with the queue.
    const again = new TestQueue(restarted.store, slow.id, await restarted.store.readHead(slow.id));
    again.remove();
    await durable(restarted.store);
    await eventually("all is tidied up", () => restarted.store.settled);
    assert.deepEqual(await payloads(restarted.store, later.id), await payloads(store, later.id));
    assert.equal([...restarted.database.data.keys()].filter((key) => key.startsWith("s")).length, 1);
    await store.close();
    await restarted.store.close();
  });
});
