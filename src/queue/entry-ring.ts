import type { Message } from "../mqtt/message.ts";
import type { SharedGroup } from "../routing/shared-group.ts";

/** Bits of an entry's state. The two lowest are the delivery QoS. */
export const QOS_MASK = 3;
/** Delivered with the retain flag set. */
export const RETAIN = 1 << 2;
/** Handed to the connection at least once. */
export const SENT = 1 << 3;
/** PUBREC has been seen: from now on only PUBREL is sent. */
export const RELEASED = 1 << 4;
/** Acknowledged or dropped. */
export const DONE = 1 << 5;
/** Its reference has been given to a commit. */
export const STORED = 1 << 6;
/** Its message still waits for this entry to be committed or acknowledged. */
export const UNSETTLED = 1 << 7;
/** PUBREL may be sent: that PUBREC was seen is durable. */
export const RELEASE_DURABLE = 1 << 8;

/** What only few entries have. */
export interface EntryExtra {
  readonly identifiers: readonly number[] | null;
  /** The shared group that it came through. */
  readonly group: SharedGroup | null;
}

/** Rings without entries share it: many queues are empty. */
const NOTHING = new Int32Array(0);
const SMALLEST = 8;
/** Above this an emptied ring gives its memory back. */
const KEPT_CAPACITY = 256;

/**
 * A ring of queue entries in parallel arrays: no object per entry. Positions are offsets from the first entry.
 * Used by the queue only, on the hot path: fields are plain and public.
 */
export class EntryRing {
  messages: (Message | null)[] = [];
  states: Int32Array = NOTHING;
  /** Seconds of the wheel's clock at which it was last sent. */
  sentAt: Int32Array = NOTHING;
  extras: (EntryExtra | null)[] | null = null;
  mask = -1;
  start = 0;
  length = 0;

  push(message: Message | null, state: number, extra: EntryExtra | null): void {
    if (this.length > this.mask) this.#grow();
    const slot = (this.start + this.length) & this.mask;
    this.messages[slot] = message;
    this.states[slot] = state;
    if (extra !== null) {
      this.extras ??= new Array<EntryExtra | null>(this.mask + 1).fill(null);
      this.extras[slot] = extra;
    }
    this.length++;
  }

  slot(offset: number): number {
    return (this.start + offset) & this.mask;
  }

  extra(slot: number): EntryExtra | null {
    return this.extras === null ? null : (this.extras[slot] ?? null);
  }

  /** Empties a slot's references so that the message can be freed; its state stays. */
  clear(slot: number): void {
    this.messages[slot] = null;
    if (this.extras !== null) this.extras[slot] = null;
  }

  /** Pushes the entries from an offset on into another ring. */
  copyTo(target: EntryRing, from: number): void {
    for (let offset = from; offset < this.length; offset++) {
      const slot = this.slot(offset);
      target.push(this.messages[slot] ?? null, this.states[slot] ?? 0, this.extra(slot));
    }
  }

  dropFirst(): void {
    this.messages[this.start] = null;
    if (this.extras !== null) this.extras[this.start] = null;
    this.start = (this.start + 1) & this.mask;
    if (--this.length === 0) {
      this.start = 0;
      if (this.mask >= KEPT_CAPACITY) this.reset();
    }
  }

  /** Cuts the ring off after `length` entries. */
  truncate(length: number): void {
    for (let offset = length; offset < this.length; offset++) this.clear(this.slot(offset));
    this.length = length;
    if (length === 0) this.reset();
  }

  /** Empties it and gives its memory back. */
  reset(): void {
    if (this.mask < 0) return;
    this.messages = [];
    this.states = NOTHING;
    this.sentAt = NOTHING;
    this.extras = null;
    this.mask = -1;
    this.start = 0;
    this.length = 0;
  }

  #grow(): void {
    const before = this.mask + 1;
    const capacity = Math.max(SMALLEST, before * 2);
    const messages = new Array<Message | null>(capacity).fill(null);
    const states = new Int32Array(capacity);
    const sentAt = new Int32Array(capacity);
    const extras = this.extras === null ? null : new Array<EntryExtra | null>(capacity).fill(null);
    for (let offset = 0; offset < this.length; offset++) {
      const slot = (this.start + offset) & this.mask;
      messages[offset] = this.messages[slot] ?? null;
      states[offset] = this.states[slot] ?? 0;
      sentAt[offset] = this.sentAt[slot] ?? 0;
      if (extras !== null) extras[offset] = this.extras?.[slot] ?? null;
    }
    this.messages = messages;
    this.states = states;
    this.sentAt = sentAt;
    this.extras = extras;
    this.mask = capacity - 1;
    this.start = 0;
  }
}

/** The ring of every queue that holds nothing; nothing is ever put into it. */
export const NO_ENTRIES = new EntryRing();
