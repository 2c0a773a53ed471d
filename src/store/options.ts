import type { LevelOptions } from "./level-database.ts";
import type { StoreBehaviour } from "./store.ts";

/** Everything that can be set about the store. */
export interface StoreOptions extends LevelOptions, StoreBehaviour {}

const KIB = 1024;
const MIB = 1024 * KIB;

/** What holds when nothing is configured. */
export const DEFAULT_STORE_OPTIONS: StoreOptions = {
  sync: false,
  cacheBytes: 32 * MIB,
  writeBufferBytes: 32 * MIB,
  blockBytes: 4 * KIB,
  blockRestartInterval: 16,
  maxOpenFiles: 1000,
  compression: true,
  segmentCacheBytes: 64 * MIB,
  uncommittedLimitBytes: 64 * MIB,
  thinningBytes: 16 * MIB,
  closeTimeout: 10_000,
};

/** The `leveldb.*` settings that have a meaning here, as configured; undefined where not set. */
export interface LevelSettings {
  /** `leveldb.maximum_memory`, bytes. */
  readonly maximumMemory?: number | undefined;
  /** `leveldb.maximum_memory.percent`, of the machine's memory. */
  readonly maximumMemoryPercent?: number | undefined;
  /** `leveldb.compression`. */
  readonly compression?: boolean | undefined;
  /** `leveldb.sync_on_write`. */
  readonly syncOnWrite?: boolean | undefined;
  /** `leveldb.limited_developer_mem`. */
  readonly limitedDeveloperMemory?: boolean | undefined;
  /** `leveldb.write_buffer_size_min` and `_max`, bytes. */
  readonly writeBufferMin?: number | undefined;
  readonly writeBufferMax?: number | undefined;
  /** `leveldb.block.size`, bytes. */
  readonly blockSize?: number | undefined;
  /** `leveldb.block.restart_interval`. */
  readonly blockRestartInterval?: number | undefined;
}

function within(value: number, low: number, high: number): number {
  return Math.floor(Math.min(high, Math.max(low, value)));
}

/**
 * Store options from the `leveldb.*` settings. The memory allowed (`maximum_memory`, else the percentage of
 * `totalMemory`) is an upper bound, shared out like this: up to a quarter to the two write buffers, the rest half and
 * half to LevelDB's block cache and to the cache of message bodies. No share grows beyond what helps, however much is
 * allowed (VerneMQ's default is 70 percent), and none shrinks below what LevelDB needs to work.
 *
 * @param totalMemory bytes of memory this machine (or container) may use
 */
export function storeOptionsFromSettings(settings: LevelSettings, totalMemory: number): StoreOptions {
  const defaults = DEFAULT_STORE_OPTIONS;
  const { maximumMemory, maximumMemoryPercent } = settings;
  let allowed = Number.POSITIVE_INFINITY;
  if (maximumMemory !== undefined) allowed = maximumMemory;
  else if (maximumMemoryPercent !== undefined) allowed = (totalMemory * maximumMemoryPercent) / 100;
  if (settings.limitedDeveloperMemory === true) allowed = Math.min(allowed, 64 * MIB);

  // Two write buffers can be in memory at the same time.
  let writeBufferBytes = within(allowed / 8, MIB, defaults.writeBufferBytes);
  if (settings.writeBufferMax !== undefined)
    writeBufferBytes = Math.min(writeBufferBytes, settings.writeBufferMax);
  if (settings.writeBufferMin !== undefined && settings.writeBufferMin <= allowed / 4) {
    writeBufferBytes = Math.max(writeBufferBytes, settings.writeBufferMin);
  }
  writeBufferBytes = within(writeBufferBytes, MIB, 256 * MIB);
  const caches = Math.max(0, allowed - 2 * writeBufferBytes);
  return {
    ...defaults,
    sync: settings.syncOnWrite ?? defaults.sync,
    compression: settings.compression ?? defaults.compression,
    writeBufferBytes,
    cacheBytes: within(caches / 2, MIB, 256 * MIB),
    segmentCacheBytes: within(caches / 2, MIB, defaults.segmentCacheBytes),
    blockBytes: within(settings.blockSize ?? defaults.blockBytes, KIB, 4 * MIB),
    blockRestartInterval: within(settings.blockRestartInterval ?? defaults.blockRestartInterval, 1, 1024),
  };
}
