import assert from "node:assert/strict";
import { cp, rm, stat, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
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
import { durable, message, TestQueue } from "./store-test-support.ts";

const freshDirectory = directories();

describe("damaged tables", () => {
  for (const after of ["an orderly end", "a crash"] as const) {
    for (const compression of [true, false]) {
      const how = `after ${after}, ${compression ? "with" : "without"} compression`;
      it(`flipped bytes anywhere in a table, ${how}: it starts, mends it and serves what it can`, async () => {
        const directory = freshDirectory();
        const queues = await fill(directory, 400);
        let lost = 0;
        for (let round = 0; round < 12; round++) {
          const damaged = freshDirectory();
          await cp(directory, damaged, { recursive: true, preserveTimestamps: true });
          if (after === "a crash") {
            await rm(join(damaged, "closed.json"));
            await writeFile(join(damaged, "owner.pid"), "999999999\n1\n");
          }
          const tables = await files(damaged, /\.ldb$/);
          const path = join(damaged, tables[round % tables.length] ?? "");
          const { size } = await stat(path);
          for (let i = 0; i <= round % 4; i++)
            await flip(path, Math.floor(size * ((round / 12 + i * 0.37) % 1)));
          const lines = new Lines();
          const store = await open(damaged, lines, { ...SMALL, compression });
          assert.ok(lines.has(/\.ldb failed the checksum/), lines.text.join("\n"));
          assert.ok(lines.has(/\.ldb of the message store is (?:mended: .*(?:lost|damaged)|damaged, all)/));
          for (const { id } of queues) lost += 400 - (await countRestored(store, id));
          const queue = new TestQueue(store);
          queue.append(message("0:".padEnd(200, "x")));
          await durable(store);
          assert.equal(await countRestored(store, queue.id), 1);
          await store.close();
          const again = new Lines();
          await (await open(damaged, again, { ...SMALL, compression })).close();
          assert.equal(again.has(/checksum|repaired|mended/), false);
          await rm(join(damaged, ".."), { recursive: true });
        }
        assert.ok(lost > 0 && lost < 12 * 600, String(lost));
      });
    }
  }

  it("tables are held against their checksums after a crash, of a large store after the second one", async () => {
    const directory = freshDirectory();
    await fill(directory, 400);
    const tables = await files(directory, /\.ldb$/);
    const path = join(directory, tables[0] ?? "");
    /** The same damage, in a store that looks larger than it is. */
    const opened = async (openings: number, large: boolean, pid = 999_999_999): Promise<Lines> => {
      const damaged = freshDirectory();
      await cp(directory, damaged, { recursive: true });
      await rm(join(damaged, "closed.json"));
      await writeFile(join(damaged, "owner.pid"), `${pid}\n${openings}\n`);
      const victim = join(damaged, tables[0] ?? "");
      // In the filter: harmless when nobody looks.
      await flip(victim, (await stat(victim)).size - 120);
      if (large) {
        await writeFile(join(damaged, "999999.ldb"), "");
        await truncate(join(damaged, "999999.ldb"), 300 * 1024 * 1024);
      }
      const lines = new Lines();
      await (await open(damaged, lines)).close();
      return lines;
    };
    assert.ok((await stat(path)).size > 1000);
    assert.ok((await opened(1, false)).has(/failed the checksum/));
    // An id that has been given to somebody else since says nothing.
    assert.ok((await opened(1, false, process.ppid)).has(/failed the checksum/));
    assert.equal((await opened(1, true)).has(/failed the checksum/), false);
    assert.ok((await opened(2, true)).has(/failed the checksum/));
  });
});
