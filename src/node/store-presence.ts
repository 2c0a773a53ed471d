import { stat } from "node:fs/promises";
import { join } from "node:path";
import type { Timed, TimerWheel } from "../clock/timer-wheel.ts";
import type { Logger } from "../log/logger.ts";
import type { Health } from "./health.ts";

/** Milliseconds between two looks. */
const INTERVAL = 5_000;
/** LevelDB has this file open from first to last. */
const HELD_FILE = "LOCK";

/**
 * Looks now and then whether the files of the message store are still those that were opened. Who removes or replaces
 * them while the broker runs makes no write fail: the files go on without names, until the process ends.
 */
export class StorePresence implements Timed {
  dueTick = -1;
  previousTimed: Timed | null = null;
  nextTimed: Timed | null = null;
  readonly #directory: string;
  readonly #wheel: TimerWheel;
  readonly #health: Health;
  readonly #log: Logger;
  #opened: string | null = null;
  #missing = false;
  #stopped = false;

  constructor(directory: string, wheel: TimerWheel, health: Health, log: Logger) {
    this.#directory = directory;
    this.#wheel = wheel;
    this.#health = health;
    this.#log = log;
  }

  /** To be called when the store has been opened. */
  async start(): Promise<void> {
    this.#opened = await this.#identity();
    if (this.#opened !== null) this.#wheel.schedule(this, INTERVAL);
  }

  stop(): void {
    this.#stopped = true;
    this.#wheel.cancel(this);
  }

  /** See `Timed`. */
  due(): void {
    void this.#look();
  }

  async #look(): Promise<void> {
    const found = await this.#identity();
    if (this.#stopped) return;
    const missing = found !== this.#opened;
    if (missing !== this.#missing)
      this.#report(missing, found === null ? "has been removed" : "has been replaced");
    this.#missing = missing;
    this.#wheel.schedule(this, INTERVAL);
  }

  #report(missing: boolean, what: string): void {
    const problem = `the message store in ${this.#directory} ${what} while the broker is running`;
    this.#health.report("store files", missing ? problem : null);
    if (missing)
      this.#log.critical(
        "store",
        `${problem}: what it stores is lost when the broker ends; let the clients take what waits for them, then restart it`,
      );
    else this.#log.warning("store", `the message store is in ${this.#directory} again`);
  }

  /** Which file has that name; null: none. */
  async #identity(): Promise<string | null> {
    try {
      const { dev, ino } = await stat(join(this.#directory, HELD_FILE), { bigint: true });
      return `${dev}:${ino}`;
    } catch (error) {
      // Whatever else goes wrong says nothing about the file.
      const code = error instanceof Error && "code" in error ? error.code : undefined;
      return code === "ENOENT" || code === "ENOTDIR" ? null : this.#opened;
    }
  }
}
