import type { Timed, TimerWheel } from "../clock/timer-wheel.ts";
import type { RetainedStores } from "./retained-stores.ts";

/** Messages looked at in one go, per mountpoint: a few milliseconds. */
const STEPS = 10_000;
/** Between two goes of one round. */
const PAUSE_MILLISECONDS = 100;

/** Deletes expired retained messages every now and then: `expire_retain_cache`. */
export class RetainedSweeper implements Timed {
  dueTick = -1;
  previousTimed: Timed | null = null;
  nextTimed: Timed | null = null;
  private readonly stores: RetainedStores;
  private readonly wheel: TimerWheel;
  private readonly periodMilliseconds: number;

  /** `periodSeconds` 0: never. */
  constructor(stores: RetainedStores, wheel: TimerWheel, periodSeconds: number) {
    this.stores = stores;
    this.wheel = wheel;
    this.periodMilliseconds = periodSeconds * 1000;
  }

  start(): void {
    if (this.periodMilliseconds > 0) this.wheel.schedule(this, this.periodMilliseconds);
  }

  stop(): void {
    this.wheel.cancel(this);
  }

  /** See `Timed`. */
  due(): void {
    let more = false;
    for (const retained of this.stores.all()) if (retained.sweepExpired(STEPS)) more = true;
    this.wheel.schedule(this, more ? PAUSE_MILLISECONDS : this.periodMilliseconds);
  }
}
