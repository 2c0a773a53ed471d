import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { DatabaseAccess } from "./access.ts";
import type { Snapshot } from "./database.ts";
import { MemoryDatabase } from "./memory-database-test-support.ts";

const RANGE = { gte: Buffer.from("a"), lt: Buffer.from("z") };

function filled(count: number): MemoryDatabase {
  const database = new MemoryDatabase();
  for (let i = 0; i < count; i++) database.poke(Buffer.from(`k${1000 + i}`), Buffer.from([1]));
  database.pageEntries = 3;
  return database;
}

/** Pages of keys; begins anew after the last key that it gave. */
function keysOf(access: DatabaseAccess): AsyncGenerator<string[]> {
  let { gte }: { gte: Buffer } = RANGE;
  return access.scan(async function* (snapshot: Snapshot) {
    for await (const page of snapshot.scanTexts({ gte, lt: RANGE.lt })) {
      gte = Buffer.from(`${page.at(-1)?.[0] ?? ""}\0`);
      yield page.map(([key]) => key);
    }
  });
}

describe("access to a database that may go away", () => {
  it("gives every page once, though the database is closed and replaced under the reader", async () => {
    const first = filled(20);
    const access = new DatabaseAccess(first);
    const found: string[] = [];
    let pages = 0;
    for await (const page of keysOf(access)) {
      found.push(...page);
      if (++pages !== 3) continue;
      const copy = first.copy();
      await access.take()?.close();
      setImmediate(() => access.replace(copy));
    }
    assert.deepEqual(
      found,
      Array.from({ length: 20 }, (_, i) => `k${1000 + i}`),
    );
  });

  it("passes on what the reader cannot get over, and fails after the end", async () => {
    const access = new DatabaseAccess(filled(1));
    const broken = access.scan(async function* () {
      yield 1;
      await Promise.resolve();
      throw new Error("unreadable");
    });
    assert.equal((await broken.next()).value, 1);
    await assert.rejects(broken.next(), /unreadable/);
    access.close();
    await assert.rejects(keysOf(access).next(), /is closed/);
  });

  it("reads no further when nobody wants more", async () => {
    const access = new DatabaseAccess(filled(20));
    let read = 0;
    let ended = false;
    const pages = access.scan(async function* (snapshot) {
      try {
        for await (const page of snapshot.scan(RANGE)) {
          read++;
          yield page;
        }
      } finally {
        ended = true;
      }
    });
    for await (const page of pages) {
      assert.equal(page.length, 3);
      break;
    }
    // One page ahead, and no more.
    assert.equal(read, 2);
    assert.ok(ended);
  });
});
