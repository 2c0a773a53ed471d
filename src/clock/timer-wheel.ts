import type { Clock } from "./clock.ts";

const SLOTS = 512;

/**
 * Something that can be due on a wheel. It may stand on one wheel at one place at a time; the links are the wheel's.
 * Objects implement this themselves so that a timer costs no allocation.
 */
export interface Timed {
  /** The tick at which it is due, or -1 when it is on no wheel. Managed by the wheel. */
  dueTick: number;
  previousTimed: Timed | null;
  nextTimed: Timed | null;
  /** Called once when due; may schedule itself again. */
  due(): void;
}

class Slot implements Timed {
  dueTick = -1;
  previousTimed: Timed = this;
  nextTimed: Timed = this;
  due(): void {}
}

/**
 * A coarse timer wheel: one interval for any number of timers, each set and cleared in constant time without
 * allocation. Never early, late by up to one tick. Timers farther away than one turn stay in their slot and are
 * looked at once per turn.
 */
export class TimerWheel {
  /** Milliseconds since the wheel was made, as of the last tick: the time for hot paths, which costs no call. */
  time = 0;
  readonly #clock: Clock;
  readonly #tickMilliseconds: number;
  readonly #slots: Slot[] = [];
  readonly #start: number;
  #tick = 0;
  #interval: NodeJS.Timeout | null = null;
  #failed: (error: unknown) => void;

  /** `failed` hears of an exception thrown by a due timer; the others go on. */
  constructor(clock: Clock, tickMilliseconds: number, failed: (error: unknown) => void) {
    this.#clock = clock;
    this.#tickMilliseconds = tickMilliseconds;
    this.#start = clock.monotonic();
    this.#failed = failed;
    for (let i = 0; i < SLOTS; i++) this.#slots.push(new Slot());
  }

  /** Drives the wheel by a timer of the runtime. */
  start(): void {
    this.#interval ??= setInterval(() => this.turn(), this.#tickMilliseconds);
  }

  stop(): void {
    if (this.#interval !== null) clearInterval(this.#interval);
    this.#interval = null;
  }

  /** Has `timed.due()` called in `milliseconds` or up to a tick later. Replaces an earlier time. */
  schedule(timed: Timed, milliseconds: number): void {
    if (timed.dueTick >= 0) this.#unlink(timed);
    const elapsed = this.#clock.monotonic() - this.#start + Math.max(0, milliseconds);
    const tick = Math.max(this.#tick + 1, Math.ceil(elapsed / this.#tickMilliseconds));
    timed.dueTick = tick;
    this.#link(timed);
  }

  /** Takes it off the wheel; harmless when it is on none. */
  cancel(timed: Timed): void {
    if (timed.dueTick < 0) return;
    this.#unlink(timed);
    timed.dueTick = -1;
  }

  /** Whether its time has come, to a tick, although the wheel may not have turned since. Also of one that is on no wheel. */
  isDue(timed: Timed): boolean {
    return (timed.dueTick - 1) * this.#tickMilliseconds <= this.#clock.monotonic() - this.#start;
  }

  /** Calls everything that is due now. Called by the runtime's timer, or by a test that moved the clock. */
  turn(): void {
    this.time = this.#clock.monotonic() - this.#start;
    const target = Math.floor(this.time / this.#tickMilliseconds);
    while (this.#tick < target) {
      // After a long pause one pass over all slots is enough.
      if (target - this.#tick > SLOTS) this.#tick = target - SLOTS;
      this.#tick++;
      this.#runSlot(this.#tick);
    }
  }

  #runSlot(tick: number): void {
    const slot = this.#slots[tick % SLOTS];
    if (slot === undefined) return;
    let timed: Timed = slot.nextTimed;
    // The chain is cut off first so that a timer that schedules itself again into this slot is not run twice.
    const last = slot.previousTimed;
    while (timed !== slot) {
      const next: Timed = timed.nextTimed ?? slot;
      const wasLast = timed === last;
      if (timed.dueTick <= tick) {
        this.#unlink(timed);
        timed.dueTick = -1;
        try {
          timed.due();
        } catch (error) {
          this.#failed(error);
        }
        // What came next may have been cancelled by the call; start over from the front in that case.
        if (!wasLast && next !== slot && next.dueTick < 0) {
          timed = slot.nextTimed;
          continue;
        }
      }
      if (wasLast) break;
      timed = next;
    }
  }

  #link(timed: Timed): void {
    const slot = this.#slots[timed.dueTick % SLOTS];
    if (slot === undefined) return;
    const last = slot.previousTimed;
    timed.previousTimed = last;
    timed.nextTimed = slot;
    last.nextTimed = timed;
    slot.previousTimed = timed;
  }

  #unlink(timed: Timed): void {
    const { previousTimed, nextTimed } = timed;
    if (previousTimed !== null) previousTimed.nextTimed = nextTimed;
    if (nextTimed !== null) nextTimed.previousTimed = previousTimed;
    timed.previousTimed = null;
    timed.nextTimed = null;
  }
}
