import type { Logger } from "../log/logger.ts";
import type { DatabaseAccess } from "./access.ts";
import type { Database, WriteSet } from "./database.ts";
import type { StoreTimers } from "./timers.ts";

const FIRST_DELAY = 100;
const LONGEST_DELAY = 5000;

/** Told when the store cannot write, with the reason, and when it can again (null). */
export type HealthListener = (problem: string | null) => void;

/**
 * Writes that do not give up. After any error the database is closed and opened again before the same bytes are
 * written once more: a log whose append has failed may hide what is appended later.
 */
export class PersistentWriter {
  readonly #access: DatabaseAccess;
  readonly #open: (cause: unknown) => Promise<Database>;
  readonly #sync: boolean;
  readonly #timers: StoreTimers;
  readonly #log: Logger;
  readonly #health: HealthListener;
  #abandoned: Error | null = null;
  /** True from a failed write until it has succeeded. */
  failing = false;
  /** Failed attempts since the start. */
  failures = 0;

  constructor(
    access: DatabaseAccess,
    open: (cause: unknown) => Promise<Database>,
    sync: boolean,
    timers: StoreTimers,
    log: Logger,
    health: HealthListener,
  ) {
    this.#access = access;
    this.#open = open;
    this.#sync = sync;
    this.#timers = timers;
    this.#log = log;
    this.#health = health;
  }

  /** Resolves when it is written, however long that takes; rejects only after `abandon`. */
  async write(set: WriteSet): Promise<void> {
    let cause: unknown;
    try {
      await this.#attempt(set);
      return;
    } catch (error) {
      this.#failed(error);
      cause = error;
    }
    let delay = FIRST_DELAY;
    for (;;) {
      await this.#timers.delay(delay, false);
      if (this.#abandoned !== null) throw this.#abandoned;
      delay = Math.min(delay * 2, LONGEST_DELAY);
      try {
        await this.#reopen(cause);
        await this.#attempt(set);
        break;
      } catch (error) {
        this.#failed(error);
        cause = error;
      }
    }
    this.failing = false;
    this.#log.warning(
      "store_recovered",
      "the message store can write again; everything that waited is stored",
    );
    this.#health(null);
  }

  /** Ends the attempts: the process is to stop. */
  abandon(reason: Error): void {
    this.#abandoned = reason;
  }

  #attempt(set: WriteSet): Promise<void> {
    const database = this.#access.current;
    if (database === null) return Promise.reject(new Error("the message store is not open"));
    return database.write(set, this.#sync);
  }

  async #reopen(cause: unknown): Promise<void> {
    const database = this.#access.take();
    if (database !== null) await database.close().catch(() => undefined);
    this.#access.replace(await this.#open(cause));
  }

  #failed(error: unknown): void {
    this.failures++;
    const reason = error instanceof Error ? error.message : String(error);
    this.#log
      .limited("store_write", 1)
      .error(
        "store_write_failed",
        `the message store cannot write, nothing is acknowledged until it can: ${reason}`,
      );
    this.failing = true;
    this.#health(reason);
  }
}
