import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { ClassicLevel } from "classic-level";
import fc from "fast-check";
import { crc32c } from "./crc32c.ts";
import { unsnap } from "./snappy.ts";
import { checkTable } from "./table-check.ts";

const RECORDS = 400;

function key(number: number): string {
  return `key ${String(number).padStart(5, "0")}`;
}

/** Half of it can be compressed; one value is larger than a block. */
function value(number: number): string {
  const size = number === 7 ? 20_000 : 100;
  const digits = Array.from({ length: size }, (_, i) => ((number * 7919 + i * i * 31) % 36).toString(36));
  return `${number}:${digits.join("")}${"x".repeat(size)}`;
}

async function open(directory: string, compression: boolean): Promise<ClassicLevel> {
  const level = new ClassicLevel(directory, { compression });
  await level.open();
  return level;
}

let base = "";
let count = 0;
before(async () => {
  base = await mkdtemp(join(tmpdir(), "table-check-"));
});
after(() => rm(base, { recursive: true, force: true }));

/** A closed database with everything in one table, and that table. */
async function tableOf(compression: boolean): Promise<{ directory: string; path: string; table: Buffer }> {
  const directory = join(base, String(count++));
  const level = await open(directory, compression);
  const batch = level.batch();
  for (let i = 0; i < RECORDS; i++) batch.put(key(i), value(i));
  await batch.write();
  await level.compactRange("a", "z");
  await level.close();
  const [name, ...more] = (await readdir(directory)).filter((each) => each.endsWith(".ldb"));
  assert.deepEqual(more, []);
  const path = join(directory, name ?? "");
  return { directory, path, table: await readFile(path) };
}

describe("crc32c", () => {
  it("gives the values of RFC 3720, B.4", () => {
    const ascending = Buffer.from(Array.from({ length: 32 }, (_, i) => i));
    assert.equal(crc32c(Buffer.alloc(32), 0, 32), 0x8a9136aa);
    assert.equal(crc32c(Buffer.alloc(32, 0xff), 0, 32), 0x62a8ab43);
    assert.equal(crc32c(ascending, 0, 32), 0x46dd794e);
    assert.equal(crc32c(Buffer.from("..123456789.."), 2, 11), 0xe3069283);
  });
});

describe("unsnap", () => {
  it("reads literals and copies of all kinds, overlapping ones too", () => {
    assert.equal(unsnap(Buffer.from([5, 4 << 2, ...Buffer.from("hello")]))?.toString(), "hello");
    // "ab", then eight bytes from two back; the same by a copy with two bytes of distance, and with four.
    for (const copy of [
      [((8 - 4) << 2) | 1, 2],
      [((8 - 1) << 2) | 2, 2, 0],
      [((8 - 1) << 2) | 3, 2, 0, 0, 0],
    ]) {
      assert.equal(unsnap(Buffer.from([10, 1 << 2, 0x61, 0x62, ...copy]))?.toString(), "ababababab");
    }
    const long = Buffer.alloc(300, 0x61);
    assert.deepEqual(unsnap(Buffer.concat([Buffer.from([0xac, 2, 61 << 2, 43, 1]), long])), long);
    assert.equal(unsnap(Buffer.from([0]))?.length, 0);
  });

  it("refuses what is damaged and never reads beyond", () => {
    for (const bytes of [
      [],
      [5, 4 << 2, 1],
      [5, 1, 1],
      [4, 1, 0],
      [9, 0, 1, 17, 5],
      [1, 1 << 2, 1, 2],
      [2, 0, 1],
    ])
      assert.equal(unsnap(Buffer.from(bytes)), null, bytes.join());
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        const size = bytes[0] ?? 0;
        const out = unsnap(Buffer.from(bytes));
        assert.ok(out === null || size >= 0x80 || out.length === size);
      }),
    );
  });
});

for (const compression of [true, false]) {
  describe(`checkTable, ${compression ? "with" : "without"} compression`, () => {
    it("finds nothing wrong with a table of LevelDB's", async () => {
      assert.deepEqual(checkTable((await tableOf(compression)).table), { kind: "whole" });
    });

    it("notices any changed byte that LevelDB would read", async () => {
      const { table } = await tableOf(compression);
      fc.assert(
        fc.property(fc.nat(table.length - 49), fc.integer({ min: 1, max: 255 }), (at, change) => {
          const damaged = Buffer.from(table);
          damaged[at] = (damaged[at] ?? 0) ^ change;
          assert.notEqual(checkTable(damaged).kind, "whole", `byte ${at}`);
        }),
        { numRuns: 300 },
      );
      for (const cut of [0, 1, 47, 48, 1000, table.length - 1])
        assert.equal(checkTable(table.subarray(0, cut)).kind, "lost");
    });

    it("mends a table so that LevelDB reads all that is whole in it", async () => {
      const { directory, path, table } = await tableOf(compression);
      let mended = 0;
      for (let round = 0; round < 12; round++) {
        const damaged = Buffer.from(table);
        for (let i = 0; i <= round % 3; i++) {
          const at = Math.floor(((round * 0.0833 + i * 0.31) % 1) * (table.length - 48));
          damaged[at] = (damaged[at] ?? 0) ^ 0x55;
        }
        const check = checkTable(damaged);
        if (check.kind !== "mended") continue;
        mended++;
        assert.equal(check.bytes.length, table.length);
        assert.deepEqual(checkTable(check.bytes), { kind: "whole" });
        await writeFile(path, check.bytes);
        const level = await open(directory, compression);
        const found = await level.iterator().all();
        for (const [name, text] of found) assert.equal(text, value(Number(name.slice(4))));
        assert.deepEqual(
          found.map(([name]) => name),
          found.map(([name]) => name).sort(),
        );
        if (check.lostBlocks === 0) assert.equal(found.length, RECORDS);
        else assert.ok(found.length < RECORDS && found.length > RECORDS / 2, String(found.length));
        const values = await level.getMany(found.map(([name]) => name));
        assert.deepEqual(
          values,
          found.map(([, text]) => text),
        );
        await level.close();
      }
      assert.ok(mended >= 9, String(mended));
    });
  });
}
