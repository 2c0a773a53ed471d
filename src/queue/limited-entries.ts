import { Metric } from "../metrics/metric.ts";
import type { Message } from "../mqtt/message.ts";
import type { Publication } from "../mqtt/publication.ts";
import { DONE, QOS_MASK, RETAIN } from "./entry-ring.ts";
import type { DropReason } from "./queue-context.ts";
import { StoredEntries } from "./stored-entries.ts";

/**
 * Which entries are kept, and in which order they are delivered: max_online_messages, max_offline_messages and
 * queue_type = lifo. The middle layer of a `SubscriberQueue`.
 */
export abstract class LimitedEntries extends StoredEntries {
  /** Counts and tells a message that is lost. */
  protected dropped(message: Message, reason: DropReason): void {
    this.context.counters.increment(
      reason === "expired" ? Metric.queue_message_expired : Metric.queue_message_drop,
    );
    this.context.events.messageDropped?.(this, message, reason);
    if (reason !== "queue_full") return;
    const { maxOnlineMessages, maxOfflineMessages } = this.limits;
    const online = this.receiver !== null;
    this.context.fullQueues.dropped(this, online ? maxOnlineMessages : maxOfflineMessages, online);
  }

  /** A full queue: fifo refuses the new message, an offline lifo gives up its oldest. */
  protected makeRoom(publication: Publication, limit: number): boolean {
    const { state } = this;
    if (this.receiver === null && this.limits.lifo && limit > 0) {
      if (!state.hasGap) {
        if (this.#dropOldest()) return true;
      } else if (state.fresh === null || state.fresh.length < limit) {
        // After a restart the oldest are on disk: they are dropped when they have been read.
        state.gathering = true;
        this.load();
        return true;
      }
    }
    this.dropped(publication.message(this.context.clock), "queue_full");
    return false;
  }

  /** A connection has taken the queue over: the order and number of what waits, when all that matters is in memory. */
  protected arrange(): void {
    const { state } = this;
    state.gathering = this.limits.lifo && state.hasGap;
    if (state.gathering) return;
    if (this.limits.lifo) this.#reverseWaiting();
    this.#enforceOnlineLimit();
  }

  /** The connection has gone: nothing is left to be arranged for it. */
  protected disarrange(): void {
    const { state } = this;
    state.waiting += state.condemned;
    state.condemned = 0;
    state.admitBelow = 0;
    state.gathering = false;
  }

  protected override admitLoaded(first: number): void {
    const { state } = this;
    const end = Math.min(state.admitBelow, state.loadedEnd);
    for (let sequence = Math.max(first, state.doneBelow); sequence < end; sequence++) this.#admit(sequence);
  }

  protected override loaded(): void {
    if (this.over) return;
    if (this.state.gathering) this.#gather();
    else this.pump();
  }

  /** lifo: goes on reading until all is in memory, then does what waited for that. */
  #gather(): void {
    const { state } = this;
    if (state.hasGap) {
      this.load();
      return;
    }
    state.gathering = false;
    if (this.receiver !== null) {
      this.arrange();
      this.pump();
      return;
    }
    const { maxOfflineMessages } = this.limits;
    while (maxOfflineMessages >= 0 && state.waiting > maxOfflineMessages && this.#dropOldest());
  }

  /** lifo, offline: drops the oldest message that was never sent. False when there is none. */
  #dropOldest(): boolean {
    const { state } = this;
    const { ring } = state;
    let sequence = Math.max(state.cursor, state.sentBelow, state.doneBelow);
    for (; sequence < state.loadedEnd; sequence++) {
      const slot = state.slotOf(sequence);
      if (((ring.states[slot] ?? 0) & DONE) !== 0) continue;
      const oldest = ring.messages[slot] ?? null;
      if (oldest !== null) this.dropped(oldest, "queue_full");
      state.waiting--;
      state.cursor = sequence + 1;
      this.finish(state.slotOf(sequence));
      return true;
    }
    return false;
  }

  /**
   * lifo: what was stored while offline is delivered newest first, and before what an earlier connection had not got;
   * new numbers, since the order on disk is by number.
   */
  #reverseWaiting(): void {
    const { state } = this;
    const from = Math.max(state.sentBelow, state.doneBelow);
    const newest = Math.max(from, state.reversedEnd);
    const end = state.tail;
    if (end === newest || end - from < 2) return;
    for (let sequence = end - 1; sequence >= newest; sequence--) this.#appendAgain(sequence);
    for (let sequence = from; sequence < newest; sequence++) this.#appendAgain(sequence);
    state.reversedEnd = state.tail;
    for (let sequence = from; sequence < end; sequence++) {
      const slot = state.slotOf(sequence);
      if (((state.ring.states[slot] ?? 0) & DONE) !== 0) continue;
      state.waiting--;
      this.markDone(slot);
    }
    state.advance();
  }

  #appendAgain(sequence: number): void {
    const { ring } = this.state;
    const slot = this.state.slotOf(sequence);
    const message = ring.messages[slot] ?? null;
    const state = ring.states[slot] ?? 0;
    if (message === null || (state & DONE) !== 0) return;
    this.append(message, state & (QOS_MASK | RETAIN), ring.extra(slot));
    if (this.id !== 0) this.touch();
  }

  /**
   * What is over max_online_messages at a reconnect is dropped, newest first, unless that is overridden. What is on
   * disk only is dropped when it has been read; it does not count as waiting any more.
   */
  #enforceOnlineLimit(): void {
    const { maxOnlineMessages, overrideMaxOnlineMessages } = this.limits;
    if (maxOnlineMessages < 0 || overrideMaxOnlineMessages) return;
    const { state } = this;
    state.admitBelow = state.tail;
    state.admitLeft = maxOnlineMessages;
    this.admitLoaded(state.sentBelow);
    if (state.hasGap) {
      const sent = Math.max(0, state.sentBelow - state.doneBelow);
      state.condemned = Math.max(0, state.waiting - sent - maxOnlineMessages);
      state.waiting -= state.condemned;
    } else state.admitBelow = 0;
    state.advance();
  }

  /** Keeps an unsent entry in memory, or drops it when enough have been kept. Does not move the front. */
  #admit(sequence: number): void {
    const { state } = this;
    if (sequence < state.sentBelow || sequence >= state.admitBelow) return;
    const slot = state.slotOf(sequence);
    const message = state.ring.messages[slot] ?? null;
    if (message === null || ((state.ring.states[slot] ?? 0) & DONE) !== 0) return;
    if (state.admitLeft > 0) {
      state.admitLeft--;
      return;
    }
    this.dropped(message, "queue_full");
    if (state.condemned > 0) state.condemned--;
    else state.waiting--;
    this.markDone(state.slotOf(sequence));
  }
}
