import { randomFill } from "node:crypto";
import type { ServiceManager } from "./service-manager.ts";

/**
 * How long the threads of the runtime's pool may leave a small job undone, milliseconds. They write to the store and to
 * the logs, so a disk that stands still for a while is no reason for a restart; nothing at all for this long is.
 */
const POOL_LIMIT = 120_000;

/** How often the status line is brought up to date when nobody watches, milliseconds. */
const STATUS_INTERVAL = 10_000;

export interface HealthWatchOptions {
  readonly manager: ServiceManager;
  /** What the node does at present, one line. */
  readonly describe: () => string;
  /** Gives the pool a job and calls back when it is done. */
  readonly askPool?: (done: () => void) => void;
  readonly now?: () => number;
}

/**
 * Tells the service manager that the broker is well. That the event loop turns is shown by this being called at all;
 * the threads of the pool are asked each time.
 */
export class HealthWatch {
  readonly #options: Required<HealthWatchOptions>;
  readonly #timer: NodeJS.Timeout;
  /** When the pool got the job that it has not done yet. */
  #asked: number | undefined;

  constructor(options: HealthWatchOptions) {
    this.#options = { askPool: smallJob, now: () => performance.now(), ...options };
    const { watchdogMs } = options.manager;
    // Three times within the time that systemd allows: one late turn of the event loop is forgiven.
    this.#timer = setInterval(
      () => this.check(),
      watchdogMs === undefined ? STATUS_INTERVAL : watchdogMs / 3,
    );
    this.#timer.unref();
    this.check();
  }

  /** Looks at the threads and reports. */
  check(): void {
    const { manager, describe, askPool, now } = this.#options;
    const silent = this.#asked === undefined ? 0 : now() - this.#asked;
    if (this.#asked === undefined) {
      this.#asked = now();
      askPool(() => {
        this.#asked = undefined;
      });
    }
    if (silent >= POOL_LIMIT) {
      manager.status(
        `not well: the threads for the disk have not answered for ${Math.round(silent / 1000)} s`,
      );
      return;
    }
    if (manager.watchdogMs !== undefined) manager.alive();
    manager.status(describe());
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}

/** Needs a thread of the pool and no disk. */
function smallJob(done: () => void): void {
  randomFill(Buffer.alloc(8), done);
}
