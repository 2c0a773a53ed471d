import type { Clock } from "../clock/clock.ts";
import type { Timed, TimerWheel } from "../clock/timer-wheel.ts";
import type { Logger } from "../log/logger.ts";
import { ReasonCode } from "../mqtt/reason-code.ts";
import type { ConnectRefusal } from "../session/connect-gate.ts";
import type { Health } from "./health.ts";

/** How often it looks, milliseconds. */
const INTERVAL = 500;
/** Looks in a row that have to find too much until it counts. */
const LOOKS_UNTIL_OVERLOADED = 2;
/** Looks in a row that have to find little enough until it is over. */
const LOOKS_UNTIL_OVER = 4;
/** What is little enough, as a share of the limit. */
const RELIEF = 0.9;
/** How long it waits before it has garbage collected again, milliseconds; twice as long each time that did not help. */
const COLLECT_INTERVAL = 10_000;
const LONGEST_COLLECT_INTERVAL = 300_000;

/** When the node is overloaded; 0 is off. */
export interface LoadLimits {
  readonly lagMilliseconds: number;
  /** Percent. */
  readonly memory: number;
}

/** One value that is looked at. It is too high when it was so several times, and all right again likewise. */
class Gauge {
  #limit: number;
  #looks = 0;
  #high = false;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get high(): boolean {
    return this.#high;
  }

  /** Whether that is more than allowed, or more than what ends it. */
  over(value: number): boolean {
    return this.#limit > 0 && value > (this.#high ? this.#limit * RELIEF : this.#limit);
  }

  /** Another limit counts from now on. Returns whether it is not too high any more because nobody looks. */
  limit(limit: number): boolean {
    this.#limit = limit;
    this.#looks = 0;
    const over = limit === 0 && this.#high;
    if (over) this.#high = false;
    return over;
  }

  /** Returns whether that changes something. */
  look(value: number): boolean {
    if (this.#limit === 0) return false;
    this.#looks = this.over(value) === this.#high ? 0 : this.#looks + 1;
    if (this.#looks < (this.#high ? LOOKS_UNTIL_OVER : LOOKS_UNTIL_OVERLOADED)) return false;
    this.#looks = 0;
    this.#high = !this.#high;
    return true;
  }
}

/** What it works with. */
export interface LoadMonitorParts {
  readonly clock: Clock;
  readonly wheel: TimerWheel;
  readonly health: Health;
  readonly log: Logger;
  /** The share of the memory that is used, in percent. */
  readonly memory: () => number;
  /** Frees what nobody holds any more. */
  readonly collectGarbage: () => void;
}

/**
 * Finds out whether the node has more to do than it can: its event loop is behind, or memory runs short. New clients
 * are refused then, so that those who are connected keep being served, and the node is not healthy.
 */
export class LoadMonitor implements Timed {
  dueTick = -1;
  previousTimed: Timed | null = null;
  nextTimed: Timed | null = null;
  readonly #parts: LoadMonitorParts;
  readonly #lag: Gauge;
  readonly #memory: Gauge;
  #expected = 0;
  #lagMilliseconds = 0;
  #collectInterval = COLLECT_INTERVAL;
  #collectAfter = 0;

  constructor(limits: LoadLimits, parts: LoadMonitorParts) {
    this.#parts = parts;
    this.#lag = new Gauge(limits.lagMilliseconds);
    this.#memory = new Gauge(limits.memory);
  }

  /** By how many milliseconds the event loop was late at the last look. */
  get lag(): number {
    return this.#lagMilliseconds;
  }

  /** What a new client is told, or null. */
  get refusal(): ConnectRefusal | null {
    if (this.#memory.high)
      return {
        reasonCode: ReasonCode.QuotaExceeded,
        overload: true,
        text: "memory runs short (protection.max_memory)",
      };
    if (this.#lag.high)
      return {
        reasonCode: ReasonCode.ServerBusy,
        overload: true,
        text: "the broker is behind with its work (protection.max_event_loop_lag)",
      };
    return null;
  }

  /** Other limits count from now on. */
  limit({ lagMilliseconds, memory }: LoadLimits): void {
    if (this.#lag.limit(lagMilliseconds)) this.#parts.health.report("load", null);
    if (this.#memory.limit(memory)) this.#parts.health.report("memory", null);
  }

  start(): void {
    this.#schedule();
  }

  stop(): void {
    this.#parts.wheel.cancel(this);
  }

  /** See `Timed`. */
  due(): void {
    const { clock, health, log } = this.#parts;
    this.#lagMilliseconds = Math.max(0, Math.round(clock.monotonic() - this.#expected));
    const lagChanged = this.#lag.look(this.#lagMilliseconds);
    const used = this.#memoryInUse();
    const memoryChanged = this.#memory.look(used);
    if (lagChanged) {
      const problem = this.#lag.high ? `the event loop is ${this.#lagMilliseconds} ms behind` : null;
      health.report("load", problem);
      if (problem === null)
        log.info("overload", "the event loop has caught up; new clients are accepted again");
      else log.error("overload", `${problem}; new clients are refused`);
    }
    if (memoryChanged) {
      const problem = this.#memory.high ? `${Math.round(used)} percent of the memory are used` : null;
      health.report("memory", problem);
      if (problem === null) log.info("overload", "there is memory again; new clients are accepted again");
      else log.error("overload", `${problem}; new clients are refused`);
    }
    this.#schedule();
  }

  /** Percent. Before it is found to be too much, and while it is, garbage is collected, now and then. */
  #memoryInUse(): number {
    const { clock, memory, collectGarbage } = this.#parts;
    const used = memory();
    const now = clock.monotonic();
    if (!this.#memory.over(used)) {
      this.#collectInterval = COLLECT_INTERVAL;
      return used;
    }
    if (now < this.#collectAfter) return used;
    this.#collectAfter = now + this.#collectInterval;
    this.#collectInterval = Math.min(2 * this.#collectInterval, LONGEST_COLLECT_INTERVAL);
    collectGarbage();
    return memory();
  }

  #schedule(): void {
    this.#expected = this.#parts.clock.monotonic() + INTERVAL;
    this.#parts.wheel.schedule(this, INTERVAL);
  }
}
