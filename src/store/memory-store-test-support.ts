import type { Logger } from "../log/logger.ts";
import { silentLogger } from "../log/logger.ts";
import { ensureFormat } from "./format.ts";
import { MemoryDatabase } from "./memory-database-test-support.ts";
import { DEFAULT_STORE_OPTIONS } from "./options.ts";
import { readStart } from "./start.ts";
import { DurableStore, type StoreBehaviour } from "./store.ts";
import { type StoreTimers, systemTimers } from "./timers.ts";

/** What a test may want to set. */
export interface MemoryStoreOptions extends Partial<StoreBehaviour> {
  /** What is on "disk": give the copy of another one to start on what a crash would leave. */
  readonly database?: MemoryDatabase;
  readonly log?: Logger;
  readonly timers?: StoreTimers;
  readonly onHealth?: (problem: string | null) => void;
}

/**
 * For tests: the real store over a database in memory. `database.copy()` is what a crash at this moment would leave,
 * `database.failure` makes writes fail, `database.gate` holds them.
 */
export async function openMemoryStore(
  options: MemoryStoreOptions = {},
): Promise<{ readonly store: DurableStore; readonly database: MemoryDatabase }> {
  const { database = new MemoryDatabase(), log = silentLogger, timers = systemTimers } = options;
  await ensureFormat(database, "memory", false);
  const store = new DurableStore(
    database,
    await readStart(database),
    { ...DEFAULT_STORE_OPTIONS, ...options },
    {
      log,
      timers,
      onHealth: options.onHealth ?? (() => undefined),
      reopen: () => Promise.resolve(database.reopen()),
      onClosed: () => Promise.resolve(),
    },
  );
  return { store, database };
}
