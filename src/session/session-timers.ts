import type { Timed, TimerWheel } from "../clock/timer-wheel.ts";

/** What is due in a session. */
export interface DueSession {
  /** The connect time-out or the longest lifetime of the connection has passed. */
  deadlinePassed(): void;
  /** Nothing has been heard for one and a half keep-alive times. */
  keepAlivePassed(): void;
  /** Its packets are left unread for now: silence is no sign that the client has gone. */
  readonly paused: boolean;
  /** Deliveries may have to be sent again; `now` in seconds of the wheel. Returns whether some are still in flight. */
  retryDue(now: number): boolean;
  /** The pause for a fast publisher is over. */
  pauseOver(): void;
}

/** No packet in one and a half keep-alive times ends the connection [MQTT-3.1.2-22]. */
const KEEP_ALIVE_FACTOR = 1_500;
/** How often deliveries in flight are looked at once one has waited for its retry interval. */
const RETRY_LOOK = 1_000;

/** The times of one session on one place of the wheel. All times are the wheel's, in milliseconds; 0 stands for none. */
export class SessionTimers implements Timed {
  dueTick = -1;
  previousTimed: Timed | null = null;
  nextTimed: Timed | null = null;
  /** When the last packet came. Written on the hot path. */
  heardAt: number;
  readonly #wheel: TimerWheel;
  readonly #session: DueSession;
  #deadline: number;
  #keepAlive = 0;
  /** When it was last found to have been silent for too long, or to be late with CONNECT. */
  #suspectedAt = -1;
  #retryAt = 0;
  #resumeAt = 0;

  /** Starts with the time by which CONNECT has to have come. */
  constructor(wheel: TimerWheel, session: DueSession, connectTimeout: number) {
    this.#wheel = wheel;
    this.#session = session;
    this.heardAt = wheel.time;
    this.#deadline = wheel.time + connectTimeout;
    wheel.schedule(this, connectTimeout);
  }

  /** CONNECT was accepted: `keepAliveSeconds` and `lifetimeSeconds` of the connection, 0 for none. */
  connected(keepAliveSeconds: number, lifetimeSeconds: number): void {
    this.heardAt = this.#wheel.time;
    this.#keepAlive = keepAliveSeconds * KEEP_ALIVE_FACTOR;
    this.#deadline = lifetimeSeconds === 0 ? 0 : this.#wheel.time + lifetimeSeconds * 1_000;
    this.#schedule();
  }

  /** The deadline is so many milliseconds from now. */
  deadlineIn(milliseconds: number): void {
    this.#deadline = this.#wheel.time + milliseconds;
    this.#schedule();
  }

  /** Something is in flight that has to be sent again after `seconds`. */
  retryIn(seconds: number): void {
    if (this.#retryAt !== 0) return;
    this.#retryAt = this.#wheel.time + seconds * 1_000;
    this.#schedule();
  }

  /** Reading goes on in so many milliseconds, or later if that was said before. */
  resumeIn(milliseconds: number): void {
    this.#resumeAt = Math.max(this.#resumeAt, this.#wheel.time + milliseconds);
    this.#schedule();
  }

  cancel(): void {
    this.#wheel.cancel(this);
  }

  due(): void {
    const now = this.#wheel.time;
    if (this.#resumeAt !== 0 && now >= this.#resumeAt) {
      this.#resumeAt = 0;
      this.#session.pauseOver();
    }
    if (this.#deadline !== 0 && now >= this.#deadline && this.#isTooLate()) {
      this.#session.deadlinePassed();
      return;
    }
    if (this.#keepAlive !== 0 && now - this.heardAt >= this.#keepAlive && this.#isSilent()) {
      this.#session.keepAlivePassed();
      return;
    }
    if (this.#retryAt !== 0 && now >= this.#retryAt) {
      this.#retryAt = this.#session.retryDue(Math.floor(now / 1_000)) ? now + RETRY_LOOK : 0;
    }
    this.#schedule();
  }

  /** Whether the deadline has certainly passed: what a client has sent in time may wait in the kernel, as below. */
  #isTooLate(): boolean {
    const now = this.#wheel.time;
    if (this.#keepAlive !== 0) return true;
    if (this.#suspectedAt >= this.#deadline) return now > this.#suspectedAt;
    this.#suspectedAt = now;
    return false;
  }

  /**
   * Whether the client has certainly been silent for too long. Times are those of ticks, and after a stall of the
   * process bytes may wait in the kernel: so it is asked twice, and what has come is read in between.
   */
  #isSilent(): boolean {
    const now = this.#wheel.time;
    if (this.#session.paused) this.heardAt = now;
    else if (this.heardAt < this.#suspectedAt) return now > this.#suspectedAt;
    else this.#suspectedAt = now;
    return false;
  }

  #schedule(): void {
    const now = this.#wheel.time;
    let next = Number.POSITIVE_INFINITY;
    if (this.#deadline !== 0) next = this.#deadline;
    if (this.#keepAlive !== 0) next = Math.min(next, this.heardAt + this.#keepAlive);
    if (this.#retryAt !== 0) next = Math.min(next, this.#retryAt);
    if (this.#resumeAt !== 0) next = Math.min(next, this.#resumeAt);
    if (next === Number.POSITIVE_INFINITY) this.#wheel.cancel(this);
    else this.#wheel.schedule(this, Math.max(0, next - now));
  }
}
