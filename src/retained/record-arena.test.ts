import assert from "node:assert/strict";
import { it } from "node:test";
import fc from "fast-check";
import { RecordArena } from "./record-arena.ts";

const size = fc.oneof(
  fc.integer({ min: 1, max: 300 }),
  fc.integer({ min: 300, max: 9_000 }),
  fc.constant(100_000),
);
const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ allocate: size, free: fc.constant(-1) }) },
  { weight: 2, arbitrary: fc.record({ allocate: fc.constant(0), free: fc.nat() }) },
);

it("gives blocks that do not overlap, whatever is allocated and freed, and gives memory back", () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 100, maxLength: 400 }), (steps) => {
      const arena = new RecordArena();
      const live: { address: number; size: number; mark: number }[] = [];
      const check = ({ address, size: length, mark }: { address: number; size: number; mark: number }) => {
        const start = arena.offset(address);
        const bytes = arena.buffer(address).subarray(start, start + length);
        assert.equal(bytes.length, length);
        assert.ok(bytes.every((byte) => byte === mark));
      };
      for (const [i, { allocate, free }] of steps.entries()) {
        if (allocate > 0) {
          const address = arena.allocate(allocate);
          const mark = i % 251;
          const start = arena.offset(address);
          arena.buffer(address).fill(mark, start, start + allocate);
          live.push({ address, size: allocate, mark });
          assert.equal(arena.alone(address), allocate > 8192);
        } else if (live.length > 0) {
          const [block] = live.splice(free % live.length, 1);
          assert.ok(block);
          check(block);
          arena.free(block.address);
        }
      }
      for (const block of live) check(block);
      for (const block of live) arena.free(block.address);
      // One slab of 64 KiB stays for each of the block sizes that were used.
      assert.ok(arena.bytes <= 50 * 65_536, `${arena.bytes} bytes are kept`);
    }),
    { numRuns: 50 },
  );
});

it("fills freed blocks of a size before it takes more memory", () => {
  const arena = new RecordArena();
  const addresses = Array.from({ length: 10_000 }, () => arena.allocate(100));
  const { bytes } = arena;
  assert.ok(bytes < 10_000 * 120, `${bytes} bytes for 10,000 records of 100`);
  for (let round = 0; round < 5; round++) {
    for (let i = round; i < addresses.length; i += 2) arena.free(addresses[i] ?? -1);
    for (let i = round; i < addresses.length; i += 2) addresses[i] = arena.allocate(105);
    assert.equal(arena.bytes, bytes);
  }
  for (const address of addresses) arena.free(address);
  assert.equal(arena.bytes, 65_536);
});
