import assert from "node:assert/strict";
import { it } from "node:test";
import { systemClock } from "../clock/clock.ts";
import { TopicTable } from "../routing/topic-table.ts";
import { ByteWriter } from "../store/byte-writer.ts";
import { seal } from "../store/checksum.ts";
import { ensureFormat } from "../store/format.ts";
import { MemoryDatabase } from "../store/memory-database-test-support.ts";
import { openMemoryStore } from "../store/memory-store-test-support.ts";
import { RetainedStores } from "./retained-stores.ts";

function sealed(bytes: Buffer): Buffer {
  const writer = new ByteWriter();
  writer.reserve(bytes.length);
  writer.bytes(bytes, 0, bytes.length);
  return Buffer.from(seal(writer));
}

/** A retained message as format 2 has it. */
function put(
  database: MemoryDatabase,
  mountpoint: string,
  topic: string,
  payload: string,
  expiresAt = 0,
): void {
  const head = Buffer.alloc(12);
  head[0] = 1;
  head[1] = 1;
  head.writeUIntLE(expiresAt, 2, 6);
  head.writeUInt32LE(2, 8);
  const value = sealed(Buffer.concat([head, Buffer.from([1, 1]), Buffer.from(payload)]));
  database.poke(Buffer.from(`tr${mountpoint}\0${topic}`), value);
}

function old(): MemoryDatabase {
  const database = new MemoryDatabase();
  database.pageEntries = 7;
  database.poke(Buffer.from("mformat"), sealed(Buffer.from([0, 0, 0, 2])));
  for (let i = 0; i < 3_000; i++) put(database, "", `a/${i}`, `value ${i} `.repeat(100));
  for (let i = 0; i < 50; i++) put(database, "m", `a/${i}`, `of m ${i}`, i === 0 ? 4_000_000_000_000 : 0);
  put(database, "m", "large", "x".repeat(200_000));
  return database;
}

async function load(database: MemoryDatabase) {
  const { store } = await openMemoryStore({ database });
  const stores = new RetainedStores(store, () => new TopicTable(), systemClock);
  assert.deepEqual((await stores.load()).damaged, []);
  return stores;
}

function check(stores: RetainedStores): void {
  assert.equal(stores.of("").count, 3_000);
  for (const { topic, payload, qos, expiresAt } of stores.of("").entries()) {
    assert.equal(payload.toString(), `value ${topic.slice(2)} `.repeat(100));
    assert.equal(qos, 1);
    assert.equal(expiresAt, 0);
  }
  const other = new Map([...stores.of("m").entries()].map((entry) => [entry.topic, entry]));
  assert.equal(other.size, 51);
  assert.equal(other.get("a/49")?.payload.toString(), "of m 49");
  assert.equal(other.get("a/0")?.expiresAt, 4_000_000_000_000);
  assert.equal(other.get("large")?.payload.length, 200_000);
}

it("retained messages of format 2 are gathered in pages, also when that is cut short", async () => {
  const whole = old();
  check(await load(whole));
  const { writes } = whole;
  assert.ok(writes >= 3, `${writes} writes: too few to be cut`);
  assert.deepEqual(
    [...whole.data.keys()].filter((key) => key.startsWith("tr")),
    [],
  );
  for (let cut = 1; cut < writes; cut++) {
    const database = old();
    database.onApplied = () => {
      if (database.writes === cut) database.failure = new Error("the power is gone");
    };
    await assert.rejects(ensureFormat(database, "memory", false), /the power is gone/);
    check(await load(database.copy()));
  }
});

it("damaged retained messages of format 2 are put aside and reported, the others are gathered", async () => {
  const database = old();
  database.poke(Buffer.from("tr\0a/7"), Buffer.from("??"));
  const problems: string[] = [];
  await ensureFormat(database, "memory", false, undefined, undefined, (problem) => problems.push(problem));
  assert.deepEqual(problems, ["1 retained messages failed the checksum and were put aside; they are lost"]);
  assert.equal(database.data.get("qtr\0a/7")?.toString(), "??");
  assert.equal((await load(database)).of("").count, 2_999);
});

it("a lost version record does not lose retained messages of format 2", async () => {
  const database = old();
  database.poke(Buffer.from("mformat"), null);
  await ensureFormat(database, "memory", true);
  check(await load(database));
});
