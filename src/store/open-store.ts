import type { Logger } from "../log/logger.ts";
import type { Counters } from "../metrics/counters.ts";
import type { Database } from "./database.ts";
import { ensureFormat, FORMAT_VERSION, MIGRATIONS, type Migration } from "./format.ts";
import { levelCode } from "./level-database.ts";
import { MeasuredDatabase } from "./measured-database.ts";
import { openLevel, releaseLevel, takeDirectory } from "./open-level.ts";
import type { StoreOptions } from "./options.ts";
import type { HealthListener } from "./recovery.ts";
import { restoreHeads } from "./restore-heads.ts";
import { readStart } from "./start.ts";
import { DurableStore } from "./store.ts";
import { type StoreTimers, systemTimers } from "./timers.ts";

export interface StoreDependencies {
  readonly log: Logger;
  /** Told when the disk refuses writes (the reason), and when that is over (null). */
  readonly onHealth?: HealthListener;
  readonly timers?: StoreTimers;
  /** Where the times of reads and writes are counted. */
  readonly counters?: Counters;
  /** Another format than this program's, for tests. */
  readonly format?: { readonly version: number; readonly migrations: readonly Migration[] };
}

/**
 * Opens the message store in a directory (made if there is none), which this process then owns until `close`.
 *
 * @throws StoreOpenError when another process has it or it cannot be opened nor repaired
 * @throws FormatError when a newer version of the broker has written it
 */
export async function openStore(
  directory: string,
  options: StoreOptions,
  dependencies: StoreDependencies,
): Promise<DurableStore> {
  const { log, timers = systemTimers, onHealth = () => undefined } = dependencies;
  const { version, migrations } = dependencies.format ?? { version: FORMAT_VERSION, migrations: MIGRATIONS };
  const open = (broken: boolean) => openLevel(directory, options, log, timers.now(), broken);
  const { counters } = dependencies;
  const measured = (plain: Database): Database =>
    counters === undefined ? plain : new MeasuredDatabase(plain, counters);
  const lock = await takeDirectory(directory);
  let database: Database | null = null;
  try {
    const opened = await open(false);
    const { damaged } = opened;
    database = opened.database;
    const report = (problem: string) =>
      log.error("store_damaged", `the message store is damaged: ${problem}`);
    const found = await ensureFormat(database, directory, damaged, version, migrations, report);
    if (found > 0 && found < version) {
      log.info("store_migrated", `the message store was brought from format ${found} to format ${version}`);
    }
    if (damaged) await restoreHeads(database, log);
    const start = await readStart(database);
    return new DurableStore(measured(database), start, options, {
      log,
      timers,
      onHealth,
      reopen: async (cause) => {
        const opened = await open(levelCode(cause) === "LEVEL_CORRUPTION");
        if (opened.damaged) {
          await ensureFormat(opened.database, directory, true, version, migrations);
          await restoreHeads(opened.database, log);
        }
        return measured(opened.database);
      },
      onClosed: async () => {
        await releaseLevel(directory);
        await lock.release();
      },
    });
  } catch (error) {
    if (database !== null) {
      await database.close();
      await releaseLevel(directory);
    }
    await lock.release();
    throw error;
  }
}
