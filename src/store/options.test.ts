import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { DEFAULT_STORE_OPTIONS, storeOptionsFromSettings } from "./options.ts";

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;

describe("leveldb settings", () => {
  it("give the defaults when nothing is set", () => {
    assert.deepEqual(storeOptionsFromSettings({}, 8 * GIB), {
      ...DEFAULT_STORE_OPTIONS,
      cacheBytes: 256 * MIB,
    });
  });

  it("never take more than the memory allowed, above a small floor", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 4 * GIB }),
        fc.integer({ min: 1, max: 100 }),
        fc.option(fc.integer({ min: 0, max: GIB }), { nil: undefined }),
        fc.option(fc.integer({ min: 0, max: GIB }), { nil: undefined }),
        (total, maximumMemoryPercent, writeBufferMin, writeBufferMax) => {
          const options = storeOptionsFromSettings(
            { maximumMemoryPercent, writeBufferMin, writeBufferMax },
            total,
          );
          const used = 2 * options.writeBufferBytes + options.cacheBytes + options.segmentCacheBytes;
          const allowed = (total * maximumMemoryPercent) / 100;
          assert.ok(used <= Math.max(4 * MIB, allowed) + MIB, `${used} of ${allowed}`);
          for (const bytes of [options.writeBufferBytes, options.cacheBytes, options.segmentCacheBytes]) {
            assert.ok(Number.isInteger(bytes) && bytes >= MIB);
          }
        },
      ),
    );
  });

  it("prefer the absolute limit to the percentage", () => {
    const { writeBufferBytes } = storeOptionsFromSettings(
      { maximumMemory: 16 * MIB, maximumMemoryPercent: 70 },
      8 * GIB,
    );
    assert.equal(writeBufferBytes, 2 * MIB);
  });

  it("honour compression, fsync, block size, restart interval and the developer's limit", () => {
    const options = storeOptionsFromSettings(
      {
        compression: false,
        syncOnWrite: true,
        blockSize: 16_384,
        blockRestartInterval: 8,
        limitedDeveloperMemory: true,
      },
      64 * GIB,
    );
    assert.deepEqual(
      [options.compression, options.sync, options.blockBytes, options.blockRestartInterval],
      [false, true, 16_384, 8],
    );
    assert.equal(options.writeBufferBytes, 8 * MIB);
  });
});
