import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { WriteSet } from "./database.ts";
import { LevelDatabase, type LevelOptions } from "./level-database.ts";
import { DEFAULT_STORE_OPTIONS } from "./options.ts";

/** The sizes of the tables on disk after so many entries were written, and written out by opening anew if `reopened`. */
async function tables(
  context: TestContext,
  changes: Partial<LevelOptions>,
  entries: number,
  reopened: boolean,
): Promise<readonly number[]> {
  const directory = mkdtempSync(join(tmpdir(), "vernemq-level-"));
  context.after(() => rmSync(directory, { recursive: true }));
  const options = { ...DEFAULT_STORE_OPTIONS, compression: false, ...changes };
  const database = await LevelDatabase.open(directory, options);
  for (let start = 0; start < entries; start += 1000) {
    const set = new WriteSet();
    for (let number = start; number < Math.min(entries, start + 1000); number++)
      set.put(
        Buffer.from(`a/long/prefix/of/all/keys/${String(number).padStart(8, "0")}`),
        Buffer.alloc(40, 120),
      );
    await database.write(set, false);
  }
  await database.close();
  if (reopened) await (await LevelDatabase.open(directory, options)).close();
  return readdirSync(directory)
    .filter((name) => name.endsWith(".ldb"))
    .map((name) => statSync(join(directory, name)).size);
}

const sum = (sizes: readonly number[]): number => sizes.reduce((total, size) => total + size, 0);

test("the write buffer: a table is written whenever it is full", async (context) => {
  const MIB = 1024 * 1024;
  assert.deepEqual(await tables(context, { writeBufferBytes: 16 * MIB }, 40_000, false), []);
  assert.notDeepEqual(await tables(context, { writeBufferBytes: MIB }, 40_000, false), []);
});

test("the size of blocks: small ones need a larger index", async (context) => {
  const small = sum(await tables(context, { blockBytes: 512 }, 10_000, true));
  const large = sum(await tables(context, { blockBytes: 64 * 1024 }, 10_000, true));
  assert.ok(small > large * 1.05, `${small} and ${large} bytes`);
});

test("the restart interval: a longer one shortens more keys", async (context) => {
  const often = sum(await tables(context, { blockRestartInterval: 1 }, 10_000, true));
  const seldom = sum(await tables(context, { blockRestartInterval: 64 }, 10_000, true));
  assert.ok(often > seldom * 1.2, `${often} and ${seldom} bytes`);
});

test("compression", async (context) => {
  const plain = sum(await tables(context, {}, 10_000, true));
  const compressed = sum(await tables(context, { compression: true }, 10_000, true));
  assert.ok(plain > compressed * 1.5, `${plain} and ${compressed} bytes`);
});
