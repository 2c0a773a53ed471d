import type { QueueHead } from "../store/participant.ts";
import { DONE, EntryRing, NO_ENTRIES, QOS_MASK, RELEASED, STORED } from "./entry-ring.ts";
import type { QueuedMessage, QueuePage } from "./queue-page.ts";

/** Packet ids are 1 + sequence mod 65535, so no more sequence numbers than that may be open at once. */
export const IDS = 65_535;
/** How many waiting entries of an online queue stay in memory once they are stored. */
const RESIDENT = 4_096;

/**
 * Where the QoS 1 and 2 messages of a queue stand. They have ascending sequence numbers:
 *
 *     doneBelow ≤ cursor ≤ loadedEnd ≤ gapEnd ≤ tail
 *     |-- in flight --|-- waiting in memory --|-- waiting on disk only --|-- newest, in memory until committed --|
 *
 * `ring` holds doneBelow to loadedEnd, `fresh` gapEnd to tail; without a gap everything is in `ring`. A packet id is
 * 1 + sequence mod 65535, so a delivery needs no write.
 *
 * A queue that is offline and empty has no state of its own: there may be a million of them. Used by the queue only,
 * on the hot path: fields are plain and public.
 */
export class QueueState {
  ring: EntryRing = NO_ENTRIES;
  fresh: EntryRing | null = null;
  doneBelow: number;
  /** The packet id of `doneBelow`. */
  headPacketId: number;
  cursor: number;
  loadedEnd: number;
  gapEnd: number;
  tail: number;
  inflight = 0;
  /** Those in flight that are released by PUBREC. */
  releasing = 0;
  waiting = 0;
  sentBelow: number;
  /** What is below was taken to be sent at once: its delivery has begun, and time does not matter any more. */
  begunBelow = 0;
  stored = 0;
  durableEnd: number;
  collectedEnd: number;
  collecting: number;
  /** `sentBelow` in the head that was collected last, and in the one that is durable. */
  markedSent: number;
  durableSent: number;
  /** Nothing from here on is done, apart from what is on disk only. */
  doneEnd = 0;
  /** Done in the store since the last commit: sequence number and segment in turn. */
  releases: number[] | null = null;
  pubrecs: number[] | null = null;
  collectedPubrecs: number[] | null = null;
  /** Of what is on disk only: released by PUBREC, and done. */
  coldReleased: Set<number> | null = null;
  coldDone: Set<number> | null = null;
  /** After a reconnect: below `admitBelow` only so many unsent entries are kept, the others dropped when read. */
  admitBelow = 0;
  admitLeft = 0;
  /** How many of them are not counted as waiting any more although nobody has dropped them yet. */
  condemned = 0;
  /** lifo: everything is to be read into memory before anything is sent. */
  gathering = false;
  /** lifo: what is below stands in the order of delivery. */
  reversedEnd = 0;
  loading = false;

  /** Nothing is held; the next message gets sequence number `next`. */
  constructor(next: number) {
    this.doneBelow = next;
    this.headPacketId = 1 + (next % IDS);
    this.cursor = next;
    this.loadedEnd = next;
    this.gapEnd = next;
    this.tail = next;
    this.sentBelow = next;
    this.durableEnd = next;
    this.collectedEnd = next;
    this.collecting = next;
    this.markedSent = next;
    this.durableSent = next;
  }

  /** Takes over a stored head in which there is something. */
  restore(head: QueueHead): void {
    this.gapEnd = head.next;
    this.tail = head.next;
    this.durableEnd = head.next;
    this.collectedEnd = head.next;
    this.sentBelow = head.sentBelow;
    this.markedSent = head.sentBelow;
    this.durableSent = head.sentBelow;
    this.stored = head.stored;
    this.waiting = head.stored;
    if (head.stored === 0) return;
    if (head.released.length > 0) this.coldReleased = new Set(head.released);
    if (head.done.length > 0) this.coldDone = new Set(head.done);
  }

  /** Whether the sequence number to go on with is all there is to be known. */
  get idle(): boolean {
    return (
      this.doneBelow === this.tail &&
      this.durableEnd === this.tail &&
      this.stored === 0 &&
      this.releases === null &&
      this.pubrecs === null &&
      this.collectedPubrecs === null &&
      !this.loading &&
      !this.gathering
    );
  }

  /** Some of it is on disk only. */
  get hasGap(): boolean {
    return this.loadedEnd < this.gapEnd;
  }

  /** The ring's slot of a sequence number. */
  slotOf(sequence: number): number {
    return this.ring.slot(sequence - this.doneBelow);
  }

  /** The sequence number of an entry in the ring. */
  sequenceOf(slot: number): number {
    return this.doneBelow + ((slot - this.ring.start) & this.ring.mask);
  }

  /** The packet id of the entry at an offset from `doneBelow`. */
  packetId(offset: number): number {
    const id = this.headPacketId + offset;
    return id > IDS ? id - IDS : id;
  }

  /** The ring's slot of the entry that may be in flight under a packet id: its state tells; or -1. Hot path. */
  find(packetId: number): number {
    let offset = packetId - this.headPacketId;
    if (offset < 0) offset += IDS;
    return offset < 0 || offset >= this.cursor - this.doneBelow ? -1 : this.ring.slot(offset);
  }

  /** Moves the front over what is done. Hot path. */
  advance(): void {
    const { ring } = this;
    while (ring.length > 0 && ((ring.states[ring.start] ?? 0) & DONE) !== 0) {
      ring.dropFirst();
      this.doneBelow++;
      if (++this.headPacketId > IDS) this.headPacketId = 1;
    }
    if (this.cursor < this.doneBelow) this.cursor = this.doneBelow;
  }

  /** Back to the first entry that is not done, to send again what was in flight [MQTT-4.4.0-1]. */
  rewind(): void {
    let again = 0;
    for (let sequence = this.doneBelow; sequence < this.cursor; sequence++) {
      if (((this.ring.states[this.slotOf(sequence)] ?? 0) & DONE) === 0) again++;
    }
    if (this.cursor > this.sentBelow) this.sentBelow = this.cursor;
    this.cursor = this.doneBelow;
    this.waiting += again;
    this.inflight = 0;
    this.releasing = 0;
  }

  /** Sequence numbers up to `sequence` are not in the store: done before, or lost and reported there. */
  skipTo(sequence: number): void {
    if (this.ring.length === 0) {
      this.headPacketId = 1 + (sequence % IDS);
      this.doneBelow = sequence;
      this.cursor = sequence;
      this.loadedEnd = sequence;
      return;
    }
    while (this.loadedEnd < sequence) {
      this.ring.push(null, DONE, null);
      this.loadedEnd++;
    }
  }

  /** Nothing is left in the gap: what came behind it joins the ring. Gives the first that does. */
  closeGap(): number {
    const { fresh } = this;
    const first = this.loadedEnd;
    if (this.coldDone !== null) {
      for (const sequence of this.coldDone) if (sequence >= this.doneEnd) this.doneEnd = sequence + 1;
    }
    this.coldDone = null;
    this.coldReleased = null;
    if (fresh === null) return first;
    if (this.ring === NO_ENTRIES) this.ring = new EntryRing();
    fresh.copyTo(this.ring, 0);
    this.fresh = null;
    this.loadedEnd = this.tail;
    this.gapEnd = this.tail;
    return first;
  }

  /** Everything is in memory now. Entries that the store had lost were still counted, so this counts again. */
  recount(): void {
    this.admitBelow = 0;
    this.condemned = 0;
    this.waiting = 0;
    this.stored = 0;
    for (let offset = 0; offset < this.ring.length; offset++) {
      const state = this.ring.states[this.ring.slot(offset)] ?? 0;
      if ((state & DONE) !== 0) continue;
      if (this.doneBelow + offset >= this.cursor) this.waiting++;
      if ((state & STORED) !== 0) this.stored++;
    }
  }

  /** Lets go of stored entries that will not be sent soon; they are read again when their turn comes. */
  unload(online: boolean): void {
    // What is done stays: on disk it is known by the head only, which is made from what is in memory.
    const never = Math.max(this.cursor, this.sentBelow, this.doneEnd, this.doneBelow);
    if (this.hasGap) {
      // What has been committed joins the gap.
      const { fresh } = this;
      while (fresh !== null && this.gapEnd < this.durableEnd && fresh.length > 0) {
        fresh.dropFirst();
        this.gapEnd++;
      }
      if (!online && !this.loading && never < this.loadedEnd) {
        this.ring.truncate(never - this.doneBelow);
        this.loadedEnd = never;
      }
      return;
    }
    const keep = online ? never + RESIDENT : never;
    if (this.durableEnd <= (online ? keep + RESIDENT : keep)) return;
    if (this.durableEnd < this.tail) {
      this.fresh = new EntryRing();
      this.ring.copyTo(this.fresh, this.durableEnd - this.doneBelow);
    }
    this.ring.truncate(keep - this.doneBelow);
    this.loadedEnd = keep;
    this.gapEnd = this.durableEnd;
  }

  /** The head to be stored; `incoming` as in `QueueHead`. */
  head(incoming: readonly number[]): QueueHead {
    const { ring, doneBelow } = this;
    const done: number[] = [];
    const released: number[] = [];
    const end = Math.min(ring.length, Math.max(this.cursor, this.sentBelow, this.doneEnd) - doneBelow);
    for (let offset = 0; offset < end; offset++) {
      const state = ring.states[ring.slot(offset)] ?? 0;
      if ((state & DONE) !== 0) done.push(doneBelow + offset);
      else if ((state & RELEASED) !== 0) released.push(doneBelow + offset);
    }
    if (this.coldReleased !== null) released.push(...this.coldReleased);
    if (this.coldDone !== null) {
      for (const sequence of this.coldDone) if (sequence >= doneBelow + end) done.push(sequence);
    }
    const { tail, markedSent, stored } = this;
    return { doneBelow, done, released, incoming, next: tail, sentBelow: markedSent, stored };
  }

  /** The head of a queue that has ended and gives back what is on disk: everything before it has been given back. */
  endedHead(): QueueHead {
    const { doneBelow, tail, sentBelow, coldDone } = this;
    const done = coldDone === null ? [] : [...coldDone].filter((sequence) => sequence >= doneBelow);
    const stored = Math.max(1, this.stored);
    return { doneBelow, done, released: [], incoming: [], next: tail, sentBelow, stored };
  }

  /** See `SubscriberQueue.look`. */
  look(from: number, count: number, ended: boolean): QueuePage {
    const messages: QueuedMessage[] = [];
    const sentBelow = Math.max(this.cursor, this.sentBelow);
    let next = Math.max(from, this.doneBelow);
    const until = Math.min(next + count, this.tail);
    while (next < until && (next < this.loadedEnd || next >= this.gapEnd)) {
      const inRing = next < this.loadedEnd;
      const ring = inRing ? this.ring : this.fresh;
      if (ring === null) break;
      const slot = ring.slot(inRing ? next - this.doneBelow : next - this.gapEnd);
      const message = ring.messages[slot] ?? null;
      const state = ring.states[slot] ?? 0;
      if (message !== null && (state & DONE) === 0) {
        messages.push({ sequence: next, qos: state & QOS_MASK, sent: next < sentBelow, message });
      }
      next++;
    }
    const end = ended ? next : this.tail;
    const inGap = next >= this.loadedEnd && next < this.gapEnd;
    return { messages, next, storedEnd: inGap ? this.gapEnd : next, sentBelow, end };
  }
}

/** The state of all queues that are asleep; it never changes. */
export const ASLEEP = new QueueState(0);
