import { type EntryRing, NO_ENTRIES } from "./entry-ring.ts";

/** Packet ids are 1 + sequence mod 65535, so no more sequence numbers than that may be open at once. */
export const IDS = 65_535;

/**
 * Where the QoS 1 and 2 messages of a queue stand. A queue that is offline and empty has none of its own: there may be
 * a million of them. Used by the queue only, on the hot path: fields are plain and public.
 */
export class QueueState {
  ring: EntryRing = NO_ENTRIES;
  fresh: EntryRing | null = null;
  doneBelow: number;
  headPacketId: number;
  cursor: number;
  loadedEnd: number;
  gapEnd: number;
  tail: number;
  inflight = 0;
  waiting = 0;
  sentBelow: number;
  stored = 0;
  durableEnd: number;
  collectedEnd: number;
  collecting: number;
  /** `sentBelow` in the head that was collected last, and in the one that is durable. */
  markedSent: number;
  durableSent: number;
  /** Nothing from here on is done, apart from what is on disk only. */
  doneEnd = 0;
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
}

/** The state of all queues that are asleep; it never changes. */
export const ASLEEP = new QueueState(0);
