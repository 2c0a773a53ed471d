import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { systemClock } from "../clock/clock.ts";
import { Publication } from "../mqtt/publication.ts";
import { TopicTable } from "../routing/topic-table.ts";
import { MemoryDatabase } from "../store/memory-database-test-support.ts";
import { openMemoryStore } from "../store/memory-store-test-support.ts";
import { durable } from "../store/store-test-support.ts";
import { RetainedStores } from "./retained-stores.ts";

/** Retained messages on a real store over a database in memory. */
async function open(database = new MemoryDatabase()) {
  const { store } = await openMemoryStore({ database });
  const table = new TopicTable();
  const stores = new RetainedStores(store, () => table, systemClock);
  const { loaded, damaged } = await stores.load();
  assert.deepEqual(damaged, []);
  const retained = stores.of("");
  const set = (topic: string, payload: string | Buffer) => {
    const publication = new Publication();
    publication.topic = table.internText(topic);
    publication.retain = true;
    publication.buffer = Buffer.from(payload);
    publication.payloadEnd = publication.buffer.length;
    retained.set(publication);
  };
  const content = () =>
    new Map([...retained.entries()].map((entry) => [entry.topic, entry.payload.toString("latin1")]));
  return { database, store, stores, retained, loaded, set, content, commit: () => durable(store) };
}

/** The stored values of retained messages: how many, and their bytes. */
function stored(database: MemoryDatabase): { values: number; bytes: number } {
  let values = 0;
  let bytes = 0;
  for (const [key, value] of database.data) {
    if (!key.startsWith("tp")) continue;
    values++;
    bytes += value.length;
  }
  return { values, bytes };
}

describe("pages of retained messages", () => {
  it("hold all that a commit writes in few values", async () => {
    const bench = await open();
    for (let i = 0; i < 10_000; i++) bench.set(`a/${i}`, `value ${i} of some length`);
    await bench.commit();
    const { values, bytes } = stored(bench.database);
    assert.ok(values <= 10_000 / 1000 + 1, `${values} values`);
    assert.ok(bytes < 10_000 * 70);
    const again = await open(bench.database.copy());
    assert.equal(again.loaded, 10_000);
    assert.deepEqual(again.content(), bench.content());
  });

  it("are gone when nothing of them is valid any more", async () => {
    const bench = await open();
    for (let round = 0; round < 1_000; round++) {
      bench.set("a", `${round}`);
      await bench.commit();
      assert.equal(stored(bench.database).values, 1);
    }
    for (let i = 0; i < 100; i++) bench.set(`b/${i}`, "x");
    await bench.commit();
    for (let i = 0; i < 100; i++) {
      bench.set(`b/${i}`, "");
      await bench.commit();
    }
    bench.set("a", "");
    await bench.commit();
    assert.deepEqual(stored(bench.database), { values: 0, bytes: 0 });
  });

  it("are put together when there are many with little in them", async () => {
    const bench = await open();
    for (let i = 0; i < 3_000; i++) {
      bench.set(`a/${i}`, `value ${i}`);
      await bench.commit();
    }
    const { values } = stored(bench.database);
    assert.ok(values < 300, `${values} values`);
    // Nearly everything in full pages dies.
    for (let i = 0; i < 300_000; i++) bench.set(`b/${i}`, "x".repeat(50));
    await bench.commit();
    for (let i = 0; i < 300_000; i++) if (i % 100 !== 0) bench.set(`b/${i}`, "");
    await bench.commit();
    for (let i = 0; i < 50; i++) {
      bench.set("c", `${i}`);
      await bench.commit();
    }
    const { bytes } = stored(bench.database);
    assert.ok(bytes < 256 * 64 * 1024, `${bytes} bytes for 6,001 messages`);
    const again = await open(bench.database.copy());
    assert.equal(again.loaded, 6_001);
    assert.deepEqual(again.content(), bench.content());
  });

  it("say after each commit what was valid in it, over restarts too", async () => {
    const topic = fc.nat(30).map((number) => `t/${number}`);
    const payload = fc.oneof(
      { weight: 8, arbitrary: fc.nat(9).map((digit) => `${digit}`.repeat(1 + 9 * digit)) },
      { weight: 1, arbitrary: fc.constant("x".repeat(70_000)) },
      { weight: 6, arbitrary: fc.constant("") },
    );
    const step = fc.oneof(
      { weight: 8, arbitrary: fc.record({ what: fc.constant("set"), topic, payload }) },
      { weight: 3, arbitrary: fc.record({ what: fc.constant("commit") }) },
      { weight: 1, arbitrary: fc.record({ what: fc.constant("restart") }) },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 80 }), async (steps) => {
        let bench = await open();
        const model = new Map<string, string>();
        for (const each of steps) {
          if ("topic" in each) {
            bench.set(each.topic, each.payload);
            if (each.payload === "") model.delete(each.topic);
            else model.set(each.topic, each.payload);
            continue;
          }
          await bench.commit();
          const again = await open(bench.database.copy());
          assert.deepEqual(again.content(), bench.content());
          assert.deepEqual(new Map([...bench.content()].sort()), new Map([...model].sort()));
          if (each.what === "restart") bench = again;
        }
        for (const name of model.keys()) bench.set(name, "");
        await bench.commit();
        assert.deepEqual(stored(bench.database), { values: 0, bytes: 0 });
      }),
      { numRuns: 100 },
    );
  });

  it("do not bring back older values when what says which are dead is lost", async () => {
    const bench = await open();
    for (const payload of ["old", "newer", "newest"]) {
      bench.set("a", payload);
      bench.set(`kept/${payload}`, payload);
      await bench.commit();
    }
    bench.set("kept/newest", "");
    await bench.commit();
    for (const key of bench.database.data.keys()) {
      if (key.startsWith("tp") && key.endsWith("d")) bench.database.poke(Buffer.from(key, "latin1"), null);
    }
    const again = await open(bench.database.copy());
    assert.equal(again.content().get("a"), "newest");
    // Only a deletion is forgotten.
    assert.deepEqual([...again.content().keys()].sort(), ["a", "kept/newer", "kept/newest", "kept/old"]);
    again.set("a", "");
    await again.commit();
    assert.equal((await open(again.database.copy())).content().has("a"), false);
  });

  it("never take the number of one that is damaged, nor of one of which only the deaths are left", async () => {
    const bench = await open();
    for (const topic of ["a", "b", "c"]) bench.set(topic, "1");
    await bench.commit();
    bench.set("a", "2");
    await bench.commit();
    const [page] = [...bench.database.data.keys()].filter(
      (key) => key.startsWith("tp") && key.endsWith("0p"),
    );
    assert.ok(page);
    bench.database.poke(Buffer.from(page, "latin1"), null);
    const again = await open(bench.database.copy());
    assert.deepEqual(again.content(), new Map([["a", "2"]]));
    for (const topic of ["d", "e", "f"]) again.set(topic, "3");
    await again.commit();
    assert.deepEqual((await open(again.database.copy())).content(), again.content());
  });
});
