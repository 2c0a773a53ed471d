import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cp, readdir, rm, stat, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { silentLogger } from "../log/logger.ts";
import { WriteSet } from "./database.ts";
import { FormatError } from "./format.ts";
import { headKey, recordKey, referencesKey, segmentKey } from "./keys.ts";
import { LevelDatabase } from "./level-database.ts";
import { openMemoryStore } from "./memory-store-test-support.ts";
import { StoreOpenError } from "./open-level.ts";
import { openStore } from "./open-store.ts";
import { DEFAULT_STORE_OPTIONS } from "./options.ts";
import {
  countRestored,
  directories,
  files,
  fill,
  flip,
  Lines,
  open,
  SMALL,
} from "./store-damage-test-support.ts";
import { durable, eventually, message, payloads, quickTimers, TestQueue } from "./store-test-support.ts";

const freshDirectory = directories();

describe("damaged values", () => {
  it("are put aside, counted, logged once; the rest is served", async () => {
    const lines = new Lines();
    const { store, database } = await openMemoryStore({ log: lines.log });
    const queue = new TestQueue(store);
    const other = new TestQueue(store);
    const broken = message("broken");
    queue.append(broken);
    await durable(store);
    queue.append(message("good"));
    await durable(store);
    other.append(message("references lost"));
    await durable(store);
    database.poke(segmentKey(broken.segment), Buffer.from("not a segment at all"));
    database.poke(referencesKey(other.id, 0), Buffer.from("??"));
    database.poke(recordKey("will", "x"), Buffer.from("??"));
    for (let i = 0; i < 2; i++) {
      assert.deepEqual(await payloads(store, queue.id), ["good"]);
      assert.deepEqual(await payloads(store, other.id), []);
      assert.equal(await store.readRecord("will", "x"), null);
    }
    await durable(store);
    assert.equal(store.statistics.damagedValues, 3);
    assert.ok(store.statistics.lostReferences >= 1);
    assert.equal(lines.text.filter((line) => /put aside/.test(line)).length, 3);
    assert.ok(lines.has(/message bodies \(segment \d+\)/) && lines.has(/will record "x"/));
    const kept = [...database.data]
      .filter(([key]) => key.startsWith("q"))
      .map(([, value]) => value.toString());
    assert.deepEqual(kept.sort(), ["??", "??", "not a segment at all"]);
    assert.equal(database.data.has(segmentKey(broken.segment).toString("latin1")), false);
    await store.close();
  });

  it("a damaged head is made anew from the references", async () => {
    const first = await openMemoryStore();
    const queue = new TestQueue(first.store);
    for (let i = 0; i < 4; i++) queue.append(message(String(i)));
    await durable(first.store);
    queue.done(0);
    await durable(first.store);
    const database = first.database.copy();
    database.poke(headKey(queue.id), Buffer.from("damage"));
    const { store } = await openMemoryStore({ database, timers: quickTimers() });
    const head = await store.readHead(queue.id);
    assert.deepEqual([head?.doneBelow, head?.next, head?.stored], [0, 4, 4]);
    assert.deepEqual(await payloads(store, queue.id), ["0", "1", "2", "3"]);
    const again = new TestQueue(store, queue.id, head);
    again.append(message("4"));
    await durable(store);
    assert.deepEqual(await payloads(store, queue.id), ["0", "1", "2", "3", "4"]);
    await store.close();
  });

  it("a lost record of numbers never leads to a number given twice", async () => {
    const first = await openMemoryStore();
    const queue = new TestQueue(first.store);
    const stored = message("x");
    queue.append(stored);
    await durable(first.store);
    for (const damage of [Buffer.from("??"), null]) {
      const database = first.database.copy();
      database.poke(Buffer.from("mcounters"), damage);
      const { store } = await openMemoryStore({ database });
      const later = message("y");
      const next = new TestQueue(store);
      assert.ok(next.id > queue.id + 1000);
      next.append(later);
      await durable(store);
      assert.ok(later.segment > stored.segment + 1000);
      await store.close();
    }
  });
});

describe("damaged files", () => {
  it("a torn log loses its end only", async () => {
    const directory = freshDirectory();
    const queues = await fill(directory, 15);
    const [log] = await files(directory, /^\d+\.log$/);
    assert.ok(log !== undefined);
    const store = await open(directory);
    const queue = new TestQueue(store, queues[0]?.id, await store.readHead(queues[0]?.id ?? 0));
    queue.append(message("15:".padEnd(200, "x")));
    await durable(store);
    // The process dies here: the files are copied as they are.
    const torn = freshDirectory();
    await cp(directory, torn, { recursive: true });
    await store.close();
    const [tail] = (await files(torn, /^\d+\.log$/)).slice(-1);
    const path = join(torn, tail ?? "");
    const { size } = await stat(path);
    assert.ok(size > 200);
    await truncate(path, size - 10);
    const reopened = await open(torn);
    assert.equal(await countRestored(reopened, queue.id), 15);
    await reopened.close();
  });

  it("a flipped byte in a log loses that commit, and LevelDB's silence is broken", async () => {
    const directory = freshDirectory();
    const store = await open(directory, new Lines(), DEFAULT_STORE_OPTIONS);
    const queue = new TestQueue(store);
    for (let i = 0; i < 300; i++) {
      queue.append(message(`${i}:`.padEnd(200, "x")));
      await durable(store);
    }
    const damaged = freshDirectory();
    await cp(directory, damaged, { recursive: true });
    await store.close();
    const [log] = await files(damaged, /^\d+\.log$/);
    await flip(join(damaged, log ?? ""), 40_000);
    const lines = new Lines();
    const reopened = await open(damaged, lines, DEFAULT_STORE_OPTIONS);
    assert.ok(lines.has(/lost data: LevelDB says: .*dropping \d+ bytes/), lines.text.join("\n"));
    const restored = await countRestored(reopened, queue.id);
    assert.ok(restored > 100 && restored < 300, String(restored));
    const head = await reopened.readHead(queue.id);
    assert.equal(head?.next, 300);
    await reopened.close();
  });

  for (const after of ["an orderly end", "a crash"] as const) {
    it(`a table cut short, after ${after}: it starts and serves what it can`, async () => {
      const directory = freshDirectory();
      const queues = await fill(directory, 400);
      if (after === "a crash") await rm(join(directory, "closed.json"));
      const tables = await files(directory, /\.ldb$/);
      await truncate(join(directory, tables[tables.length >> 1] ?? ""), 5_000);
      const lines = new Lines();
      const store = await open(directory, lines);
      let restored = 0;
      for (const { id } of queues) restored += await countRestored(store, id);
      assert.ok(restored > 300 && restored < 1200, String(restored));
      assert.ok(lines.has(/damaged|cannot be read|are lost/), lines.text.join("\n"));
      const queue = new TestQueue(store);
      queue.append(message("0:".padEnd(200, "x")));
      await durable(store);
      assert.equal(await countRestored(store, queue.id), 1);
      await store.close();
    });
  }

  for (const [what, pattern] of [
    ["a table", /\.ldb$/],
    ["the manifest", /^MANIFEST/],
    ["CURRENT", /^CURRENT$/],
  ] as const) {
    it(`${what} missing: repaired, the original kept, the loss said`, async () => {
      const directory = freshDirectory();
      const queues = await fill(directory, 400);
      const [victim] = await files(directory, pattern);
      await rm(join(directory, victim ?? ""));
      const before = await readdir(directory);
      const lines = new Lines();
      const store = await open(directory, lines);
      assert.ok(lines.has(/does not open and is repaired/) && lines.has(/was repaired/));
      let restored = 0;
      for (const { id } of queues) restored += await countRestored(store, id);
      assert.ok(what === "a table" ? restored > 300 && restored < 1200 : restored === 1200, String(restored));
      const [aside] = await files(join(directory, ".."), /^msgstore\.damaged-/);
      const kept = await readdir(join(directory, "..", aside ?? ""));
      assert.deepEqual(
        before.filter((name) => /\.ldb$|\.log$/.test(name)),
        kept.filter((name) => /\.ldb$|\.log$/.test(name)),
      );
      const queue = new TestQueue(store);
      queue.append(message("0:".padEnd(200, "x")));
      await durable(store);
      await store.close();
    });
  }

  it("an unreadable table that compaction meets is repaired while running", async () => {
    const directory = freshDirectory();
    const [queue] = await fill(directory, 400);
    // No tables at all any more, but of the right name and size.
    for (const name of await files(directory, /\.ldb$/)) {
      const path = join(directory, name);
      await writeFile(path, Buffer.alloc((await stat(path)).size, 0x41));
    }
    // So large a store is not looked at after its first crash.
    await writeFile(join(directory, "999999.ldb"), "");
    await truncate(join(directory, "999999.ldb"), 300 * 1024 * 1024);
    await rm(join(directory, "closed.json"));
    const lines = new Lines();
    const store = await open(directory, lines);
    const fresh = new TestQueue(store);
    for (let i = 0; i < 400; i++) {
      fresh.append(message(`${i}:`.padEnd(3000, "x")));
      await durable(store);
    }
    assert.equal((await payloads(store, fresh.id)).length, 400);
    assert.ok(lines.has(/has unreadable files and is repaired/) && lines.has(/can write again/));
    assert.equal(store.healthy, true);
    await countRestored(store, queue?.id ?? 0);
    await store.close();
  });
});

describe("the store's directory", () => {
  it("serves one process, and the message names it", async () => {
    const directory = freshDirectory();
    const store = await open(directory);
    await assert.rejects(open(directory), (error) => {
      assert.ok(error instanceof StoreOpenError);
      assert.match(error.message, /in use by another broker/);
      assert.ok(error.message.includes(directory) && error.message.includes(`process ${process.pid}`));
      return true;
    });
    assert.equal((await stat(directory)).mode & 0o777, 0o700);
    assert.equal((await stat(join(directory, "owner.pid"))).mode & 0o777, 0o600);
    await store.close();
    await (await open(directory)).close();
  });

  it("that cannot be one is refused with a reason", async () => {
    const directory = freshDirectory();
    await (await open(directory)).close();
    await assert.rejects(open(join(directory, "CURRENT")), /cannot be used: .*(EEXIST|ENOTDIR)/);
  });

  it("that holds another program's database is refused", async () => {
    const directory = freshDirectory();
    const database = await LevelDatabase.open(directory, SMALL);
    const set = new WriteSet();
    set.put(Buffer.from("some"), Buffer.from("thing"));
    await database.write(set, false);
    await database.close();
    await assert.rejects(open(directory), /not a message store of this broker/);
  });
});

describe("a full disk", () => {
  const root = process.getuid?.() === 0 && process.platform === "linux";
  it("acknowledges nothing that is not stored and recovers by itself", async (t) => {
    const mount = freshDirectory();
    const mounted =
      root &&
      spawnSync("sh", ["-c", `mkdir -p ${mount} && mount -t tmpfs -o size=24m tmpfs ${mount}`]).status === 0;
    if (!mounted) {
      t.skip("SKIPPED: needs root to mount a small tmpfs");
      return;
    }
    try {
      const directory = join(mount, "msgstore");
      let problem: string | null = null;
      let recoveries = 0;
      const store = await openStore(directory, SMALL, {
        log: silentLogger,
        onHealth: (reason) => {
          problem = reason;
          if (reason === null) recoveries++;
        },
      });
      const filler = join(mount, "filler");
      await writeFile(filler, Buffer.alloc(16 * 1024 * 1024));
      const queue = new TestQueue(store);
      let acknowledged = 0;
      let acknowledgedInNeed = false;
      let appended = 0;
      while (store.healthy) {
        queue.append(message(`${appended++}:`.padEnd(100_000, "x")));
        store.whenDurable(() => {
          acknowledged = appended;
          acknowledgedInNeed ||= !store.healthy;
        });
        await Promise.race([durable(store), new Promise((resolve) => setTimeout(resolve, 20))]);
      }
      assert.match(problem ?? "", /No space left/i);
      const before = { acknowledged, recoveries };
      queue.append(message("waits:".padEnd(100_000, "x")));
      assert.equal(store.overloaded, true);
      await new Promise((resolve) => setTimeout(resolve, 300));
      // Opening the database anew may have made room: then a write has succeeded, and not else.
      if (recoveries === before.recoveries) assert.equal(acknowledged, before.acknowledged);
      await rm(filler);
      await durable(store);
      assert.equal(acknowledgedInNeed, false);
      assert.equal(store.healthy, true);
      await store.close();
      const again = await openStore(directory, SMALL, { log: silentLogger });
      assert.equal((await payloads(again, queue.id)).length, appended + 1);
      await again.close();
    } finally {
      spawnSync("sh", ["-c", `umount -l ${mount}`]);
    }
  });
});

describe("the format version", () => {
  it("newer is refused, older is migrated step by step", async () => {
    const directory = freshDirectory();
    const [queue] = await fill(directory, 3);
    const steps: number[] = [];
    const step = (from: number) => ({
      from,
      run: () => {
        steps.push(from);
        return Promise.resolve();
      },
    });
    const lines = new Lines();
    const format = { version: 5, migrations: [step(3), step(4)] };
    const migrated = await openStore(directory, SMALL, { log: lines.log, format });
    assert.deepEqual(steps, [3, 4]);
    assert.ok(lines.has(/from format 3 to format 5/));
    assert.equal(await countRestored(migrated, queue?.id ?? 0), 3);
    await migrated.close();
    await (await openStore(directory, SMALL, { log: lines.log, format })).close();
    assert.deepEqual(steps, [3, 4]);
    await assert.rejects(open(directory), (error) => {
      assert.ok(error instanceof FormatError);
      assert.match(error.message, /has format 5.*knows formats up to 3.*newer version/);
      return true;
    });
    await assert.rejects(
      openStore(directory, SMALL, { log: lines.log, format: { version: 6, migrations: [] } }),
      /cannot bring format 5 up to 6/,
    );
    // A refusal leaves the directory free.
    await (await openStore(directory, SMALL, { log: lines.log, format })).close();
  });
});

describe("looking through old data", () => {
  it("after a restart removes what a removed queue and done messages have left", async () => {
    const directory = freshDirectory();
    const [kept, removed, drained] = await fill(directory, 60);
    assert.ok(kept !== undefined && removed !== undefined && drained !== undefined);
    let store = await open(directory);
    const again = new TestQueue(store, removed.id, await store.readHead(removed.id));
    again.remove();
    const other = new TestQueue(store, drained.id, await store.readHead(drained.id));
    other.doneUpTo(59);
    await durable(store);
    await store.close();
    store = await open(directory);
    await eventually("the old data is looked through", () => store.settled);
    assert.equal(await countRestored(store, kept.id), 60);
    await store.close();
    const left = await numbersIn(directory, "r");
    assert.deepEqual(new Set(left), new Set([kept.id]));
    assert.equal((await numbersIn(directory, "h")).length, 2);
    assert.equal((await numbersIn(directory, "s")).length, 3);
    assert.equal((await numbersIn(directory, "d")).length, 3);
  });
});

/** The numbers in the keys with that prefix. */
async function numbersIn(directory: string, prefix: string): Promise<number[]> {
  const database = await LevelDatabase.open(directory, SMALL);
  const snapshot = database.snapshot();
  const found: number[] = [];
  const start = Buffer.from(prefix);
  const end = Buffer.from([(start[0] ?? 0) + 1]);
  for await (const page of snapshot.scan({ gte: start, lt: end })) {
    for (const [key] of page) found.push(key.readUIntBE(1, 6));
  }
  await snapshot.close();
  await database.close();
  return found;
}
