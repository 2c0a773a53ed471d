import { totalmem } from "node:os";
import type { Configuration } from "../config/configuration.ts";
import { type StoreOptions, storeOptionsFromSettings } from "../store/options.ts";

/** Bytes of memory that this process may use: the machine's, or less if the container has a limit. */
function usableMemory(): number {
  const constrained = process.constrainedMemory();
  return constrained > 0 ? Math.min(constrained, totalmem()) : totalmem();
}

/** The options of the message store, from `leveldb.*`, `store.sync` and `message_store.max_uncommitted`. */
export function storeOptions(configuration: Configuration, totalMemory = usableMemory()): StoreOptions {
  const options = storeOptionsFromSettings(
    {
      maximumMemory: configuration.get("leveldb.maximum_memory"),
      maximumMemoryPercent: configuration.get("leveldb.maximum_memory.percent"),
      compression: configuration.get("leveldb.compression"),
      syncOnWrite: configuration.get("store.sync") || configuration.get("leveldb.sync_on_write"),
      writeBufferMin: configuration.get("leveldb.write_buffer_size_min"),
      writeBufferMax: configuration.get("leveldb.write_buffer_size_max"),
      blockSize: configuration.get("leveldb.block.size"),
      blockRestartInterval: configuration.get("leveldb.block.restart_interval"),
    },
    totalMemory,
  );
  return { ...options, uncommittedLimitBytes: configuration.get("message_store.max_uncommitted") };
}
