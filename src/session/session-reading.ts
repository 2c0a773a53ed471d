import { SessionDelivery } from "./session-delivery.ts";
import { Phase } from "./session-output.ts";
import { FILTER_RECEIVERS, type Held, MOST_FILTERS, SUBSCRIBE_RECEIVERS } from "./turn-budget.ts";

/** Why reading pauses; several may hold at once. */
export const Pause = {
  /** A hook has not answered yet. */
  Hook: 1,
  /** The client publishes faster than `max_message_rate`, or a hook throttles it. */
  Rate: 2,
  /** The store cannot take more. */
  Store: 4,
  /** Enough for this turn of the event loop: others are to be served. */
  Turn: 8,
  /** The filters of a long SUBSCRIBE or UNSUBSCRIBE are dealt with, a few in each turn. */
  Filters: 16,
  /** It has subscribed to more than one commit of the store is to take. */
  Records: 32,
} as const;

/** When a session is read: not while one of several things makes it wait. */
export abstract class SessionReading extends SessionDelivery implements Held {
  /** Bits of `Pause`; 0 while it is read. */
  protected pauses = 0;

  /** The connection is not being read. */
  get paused(): boolean {
    return this.pauses !== 0;
  }

  /** Stops reading until `unpause` with the same reason. */
  pause(reason: number): void {
    if (this.pauses === 0) this.transport.pause();
    this.pauses |= reason;
  }

  unpause(reason: number): void {
    if ((this.pauses & reason) === 0) return;
    this.pauses &= ~reason;
    if (this.pauses === 0 && this.phase !== Phase.Closed) this.transport.resume();
  }

  pauseOver(): void {
    this.unpause(Pause.Rate);
  }

  /** See `Held`. */
  goOn(): void {
    this.unpause(Pause.Turn);
  }

  /** Others are to be served before it is read again. */
  protected waitForTurn(): void {
    if ((this.pauses & Pause.Turn) !== 0) return;
    this.pause(Pause.Turn);
    this.services.turn.hold(this);
  }

  /**
   * SUBSCRIBE or UNSUBSCRIBE came with so many filters: waits if the next commit has enough to write. Gives what they
   * count in the budget of the turn.
   */
  protected subscribed(filters: number): number {
    const { services, subscriber } = this;
    if (subscriber !== null && services.registry.isEnough(subscriber)) {
      this.pause(Pause.Records);
      services.registry.whenRelieved(() => this.unpause(Pause.Records));
    }
    return SUBSCRIBE_RECEIVERS + Math.min(filters, MOST_FILTERS) * FILTER_RECEIVERS;
  }

  protected waitForStore(): void {
    this.pause(Pause.Store);
    this.services.store.whenRelieved(() => this.unpause(Pause.Store));
  }

  /** Does not read for `milliseconds`. */
  throttle(milliseconds: number): void {
    if (milliseconds <= 0) return;
    this.pause(Pause.Rate);
    this.timers.resumeIn(milliseconds);
  }
}
