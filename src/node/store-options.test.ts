import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { load } from "../config/load-test-support.ts";
import { storeOptions } from "./store-options.ts";

const MIB = 1024 * 1024;

describe("storeOptions", () => {
  for (const [text, sync] of [
    ["", false],
    ["store.sync = on", true],
    ["leveldb.sync_on_write = on", true],
    ["store.sync = off\nleveldb.sync_on_write = on", true],
  ] as const) {
    it(`sync is ${sync} with "${text.replaceAll("\n", "; ")}"`, (context) => {
      assert.equal(storeOptions(load(context, text)).sync, sync);
    });
  }

  it("shares out the percentage of the memory that there is", (context) => {
    const configuration = load(context, "leveldb.maximum_memory.percent = 10");
    const small = storeOptions(configuration, 320 * MIB);
    const large = storeOptions(configuration, 64 * 1024 * MIB);
    assert.ok(2 * small.writeBufferBytes + small.cacheBytes + small.segmentCacheBytes <= 32 * MIB);
    assert.ok(large.cacheBytes > small.cacheBytes);
  });

  it("lets an absolute limit go before the percentage", (context) => {
    const options = storeOptions(
      load(context, "leveldb.maximum_memory = 16MB\nleveldb.maximum_memory.percent = 100"),
      64 * 1024 * MIB,
    );
    assert.ok(2 * options.writeBufferBytes + options.cacheBytes + options.segmentCacheBytes <= 16 * MIB);
  });

  it("keeps the write buffer within its bounds", (context) => {
    const bytes = (text: string) => storeOptions(load(context, text), 640 * MIB).writeBufferBytes;
    const memory = "leveldb.maximum_memory = 64MB";
    assert.equal(bytes(memory), 8 * MIB);
    assert.equal(bytes(`${memory}\nleveldb.write_buffer_size_max = 2MB`), 2 * MIB);
    assert.equal(bytes(`${memory}\nleveldb.write_buffer_size_min = 12MB`), 12 * MIB);
  });

  it("takes the limit of what is uncommitted, compression and blocks", (context) => {
    const options = storeOptions(
      load(
        context,
        "message_store.max_uncommitted = 1MB\nleveldb.compression = off\nleveldb.block.size = 8KB\nleveldb.block.restart_interval = 4",
      ),
    );
    assert.equal(options.uncommittedLimitBytes, MIB);
    assert.equal(options.compression, false);
    assert.equal(options.blockBytes, 8 * 1024);
    assert.equal(options.blockRestartInterval, 4);
  });
});
