import type { Message, SettlementListener } from "../mqtt/message.ts";
import type { CommitBatch, CommitParticipant, QueueHead, StoredReference } from "../store/participant.ts";
import {
  DONE,
  type EntryExtra,
  EntryRing,
  NO_ENTRIES,
  QOS_MASK,
  RELEASE_DURABLE,
  RELEASED,
  RETAIN,
  SENT,
  STORED,
  UNSETTLED,
} from "./entry-ring.ts";
import { IncomingIds, type IncomingOwner } from "./incoming-ids.ts";
import type { QueueContext, QueueLimits, SubscriberId } from "./queue-context.ts";
import type { QueuePage } from "./queue-page.ts";
import { ASLEEP, QueueState } from "./queue-state.ts";
import type { Receiver } from "./receiver.ts";
import { hold, settle } from "./unsettled.ts";

/** How many references are read from the store at once. */
export const LOAD_BATCH = 1_000;
/** When the store could not be read it is tried again after this time. */
export const LOAD_RETRY_MILLISECONDS = 1_000;
/**
 * A queue's stored head allows so many windows to be sent before it has to be written again: what was sent and what was
 * not must be told apart after a crash [MQTT-3.3.1-1].
 */
const WINDOWS_AHEAD = 4;

/**
 * What a queue holds, and its part in the commits of the store; the lowest of the layers of a `SubscriberQueue`. A
 * queue that is stored (id ≠ 0) is a participant: what its receiver acknowledges before a commit takes it along is
 * never written. The layers are one object: what they share are plain fields, for the hot path.
 */
export abstract class StoredEntries implements CommitParticipant, IncomingOwner, SubscriberId {
  readonly clientId: string;
  limits: QueueLimits;
  readonly context: QueueContext;
  /** The id in the store, 0 for a queue that ends with its connection. */
  readonly id: number;
  dirty = false;
  receiver: Receiver | null = null;
  listener: SettlementListener | null = null;

  /** `ASLEEP` while there is nothing to know but `#next`. */
  protected state = ASLEEP;
  /** Made when it is needed: a million sessions may be offline with nothing in them. */
  protected incomingIds: IncomingIds | null = null;
  /** The session has ended. */
  protected over = false;
  /** It has, and nothing of it is needed any more. */
  protected removable = false;
  /** While asleep: the sequence number to go on with. */
  #next = 0;

  constructor(id: number, clientId: string, limits: QueueLimits, context: QueueContext) {
    this.id = id;
    this.clientId = clientId;
    this.limits = limits;
    this.context = context;
  }

  /** Sends what may be sent. */
  abstract pump(): void;
  /** Entries from `first` on have come from the disk, or after it, into the ring. */
  protected abstract admitLoaded(first: number): void;
  /** Reading has ended, for better or worse: goes on with what waited for it. */
  protected abstract loaded(): void;

  get mountpoint(): string {
    return this.context.mountpoint;
  }

  /** Incoming QoS 2 packet ids waiting for PUBREL: session state, committed with the queue. */
  get incoming(): IncomingIds {
    this.incomingIds ??= new IncomingIds(this);
    return this.incomingIds;
  }

  saveIncoming(): boolean {
    if (this.id === 0) return false;
    this.touch();
    return true;
  }

  /** Messages sent and not acknowledged. */
  get inflight(): number {
    return this.state.inflight;
  }

  get persistent(): boolean {
    return this.id !== 0;
  }

  get ended(): boolean {
    return this.over;
  }

  /** Takes over what an earlier run of the broker stored. Before anything else is done with the queue. */
  restore(head: QueueHead): void {
    if (head.stored === 0 && head.doneBelow === head.next) this.#next = head.next;
    else {
      this.state = new QueueState(head.doneBelow);
      this.state.restore(head);
      if (head.stored === 0) this.#skipGap(head.next);
    }
    if (head.incoming.length > 0) this.incoming.restore(head.incoming);
  }

  /**
   * The messages held in memory among `count` sequence numbers from `from` on, for administration. Acknowledged and
   * QoS 0 ones are left out. Changes nothing.
   */
  look(from: number, count: number): QueuePage {
    return this.state.look(from, count, this.over);
  }

  /** The store takes what changed since the last commit. */
  collect(batch: CommitBatch): void {
    if (this.over) {
      this.incomingIds?.remove(batch, this.id);
      if (this.removable) batch.removeQueue(this.id);
      else batch.head(this.id, this.state.endedHead());
      return;
    }
    this.#wake();
    const { state } = this;
    const { releases } = state;
    if (releases !== null) {
      for (let i = 0; i < releases.length; i += 2)
        batch.release(this.id, releases[i] ?? 0, releases[i + 1] ?? 0);
      state.releases = null;
    }
    // What is below `doneBelow` was done before it could be stored.
    const first = Math.max(state.collectedEnd, state.doneBelow);
    for (let sequence = first; sequence < state.tail; sequence++) this.#collectEntry(batch, sequence);
    state.collectedEnd = state.tail;
    state.collecting = state.tail;
    if (this.receiver !== null) {
      // While a connection is there more may have been sent by the time this is read.
      const sent = Math.max(state.sentBelow, state.cursor);
      state.markedSent = Math.min(state.tail, sent + WINDOWS_AHEAD * this.receiver.window);
    } else state.markedSent = state.sentBelow;
    state.collectedPubrecs = state.pubrecs;
    state.pubrecs = null;
    this.incomingIds?.collect(batch, this.id);
    batch.head(this.id, state.head(this.incomingIds === null ? [] : this.incomingIds.inHead()));
  }

  /** What was collected is durable: publishers may be acknowledged, QoS 2 messages and PUBRELs may leave. */
  committed(): void {
    if (this.over) return;
    const { state } = this;
    if (state !== ASLEEP) {
      const first = Math.max(state.durableEnd, state.doneBelow);
      for (let sequence = first; sequence < state.collecting; sequence++) this.#settle(sequence);
      state.durableEnd = state.collecting;
      state.durableSent = state.markedSent;
      const pubrecs = state.collectedPubrecs;
      state.collectedPubrecs = null;
      if (pubrecs !== null) for (const sequence of pubrecs) this.#releaseDurable(sequence);
      if (!this.limits.lifo) state.unload(this.receiver !== null);
    }
    this.incomingIds?.committed();
    this.pump();
    if (this.receiver === null && !this.dirty) this.#sleep();
  }

  /** Has the queue collected by the next commit; somebody waits for it. */
  protected touch(): void {
    this.context.store.touch(this);
  }

  /** Has the queue collected by the next commit, which nobody waits for at present. */
  protected touchLater(): void {
    if (!this.dirty) this.context.store.touchLater(this);
  }

  /**
   * Adds an entry; `state` is its delivery QoS and the retain bit. Whoever adds one asks for its commit too: with
   * `touch`, or with `touchLater` when its receiver may acknowledge it any moment. Hot path.
   */
  protected append(message: Message, state: number, extra: EntryExtra | null): void {
    this.#wake();
    const own = this.state;
    let bits = state;
    if (this.id !== 0) {
      bits |= UNSETTLED;
      hold(message, this.context.store);
    }
    own.tail++;
    own.waiting++;
    if (own.loadedEnd === own.gapEnd) {
      if (own.ring === NO_ENTRIES) own.ring = new EntryRing();
      own.ring.push(message, bits, extra);
      own.loadedEnd++;
      own.gapEnd++;
    } else {
      own.fresh ??= new EntryRing();
      own.fresh.push(message, bits, extra);
    }
  }

  /** The entry in a slot of the ring is done: its message is let go, a stored one is released by the next commit. */
  protected finish(slot: number): void {
    this.markDone(slot);
    this.state.advance();
  }

  /** Like `finish` without moving the front, so that offsets stay valid in a loop. */
  protected markDone(slot: number): void {
    const own = this.state;
    const { ring } = own;
    const state = ring.states[slot] ?? 0;
    const message = ring.messages[slot] ?? null;
    const sequence = own.sequenceOf(slot);
    if (sequence >= own.doneEnd) own.doneEnd = sequence + 1;
    ring.states[slot] = (state | DONE) & ~UNSETTLED;
    ring.clear(slot);
    if ((state & STORED) !== 0) {
      own.stored--;
      own.releases ??= [];
      own.releases.push(sequence, message === null ? 0 : message.segment);
      this.touchLater();
    }
    if (message !== null && (state & UNSETTLED) !== 0) settle(message, this.context.store);
  }

  /** Whether the stored head says that the entry at the cursor may have been sent; asks for a commit when not. */
  protected mayBeSent(): boolean {
    const { state } = this;
    // When its reference is on the way to the disk, so is the head that was collected with it.
    const durable = state.cursor < state.durableSent || state.cursor >= state.durableEnd;
    if (durable && state.cursor < state.markedSent) return true;
    this.touch();
    return false;
  }

  /** Reads on in the part that is on disk only. */
  protected load(): void {
    const { state } = this;
    if (state.loading) return;
    state.loading = true;
    // What joins the gap while this is being read may not be seen by it.
    const { gapEnd } = state;
    this.context.store.readReferences(this.id, state.loadedEnd, LOAD_BATCH, this.context.topics).then(
      (references) => {
        state.loading = false;
        if (!this.over) this.#take(references, gapEnd);
      },
      (error: unknown) => {
        state.loading = false;
        this.context.log
          .limited("queue-load", 1)
          .crash("queue", "stored messages could not be read; they stay in the store", error);
        setTimeout(() => this.loaded(), LOAD_RETRY_MILLISECONDS).unref();
      },
    );
  }

  /** A state of its own, for a queue that is about to have something in it. */
  #wake(): void {
    if (this.state === ASLEEP) this.state = new QueueState(this.#next);
  }

  /** Lets go of a state in which nothing is left. */
  #sleep(): void {
    if (this.state === ASLEEP || !this.state.idle) return;
    this.#next = this.state.tail;
    this.state = ASLEEP;
  }

  #collectEntry(batch: CommitBatch, sequence: number): void {
    const own = this.state;
    const inRing = sequence < own.loadedEnd;
    const ring = inRing ? own.ring : own.fresh;
    const offset = inRing ? sequence - own.doneBelow : sequence - own.gapEnd;
    if (ring === null || offset < 0) return;
    const slot = ring.slot(offset);
    const state = ring.states[slot] ?? 0;
    const message = ring.messages[slot] ?? null;
    if (message === null || (state & DONE) !== 0) return;
    const extra = ring.extra(slot);
    batch.reference(
      this.id,
      sequence,
      state & QOS_MASK,
      (state & RETAIN) !== 0,
      extra?.group?.id ?? 0,
      extra?.identifiers ?? null,
      message,
    );
    ring.states[slot] = state | STORED;
    own.stored++;
  }

  #settle(sequence: number): void {
    const own = this.state;
    const inRing = sequence < own.loadedEnd;
    const ring = inRing ? own.ring : own.fresh;
    const offset = inRing ? sequence - own.doneBelow : sequence - own.gapEnd;
    if (ring === null || offset < 0) return;
    const slot = ring.slot(offset);
    const state = ring.states[slot] ?? 0;
    if ((state & UNSETTLED) === 0) return;
    ring.states[slot] = state & ~UNSETTLED;
    const message = ring.messages[slot] ?? null;
    if (message !== null) settle(message, this.context.store);
  }

  /** That PUBREC was seen is durable. */
  #releaseDurable(sequence: number): void {
    const own = this.state;
    const { ring } = own;
    const offset = sequence - own.doneBelow;
    if (offset < 0 || offset >= ring.length) return;
    const slot = ring.slot(offset);
    const state = ring.states[slot] ?? 0;
    if ((state & DONE) !== 0) return;
    ring.states[slot] = state | RELEASE_DURABLE;
    // When it was not sent again yet since a reconnect, `pump` sends PUBREL in its turn.
    if (sequence < own.cursor) this.receiver?.sendPubrel(own.packetId(offset));
  }

  /** What was read from the store joins the ring, as far as it is below `gapEnd`. */
  #take(references: readonly StoredReference[], gapEnd: number): void {
    const own = this.state;
    const first = own.loadedEnd;
    for (const { sequence, message, qos, retain, identifiers, group } of references) {
      if (sequence < own.loadedEnd) continue;
      if (sequence >= gapEnd) break;
      if (own.coldDone?.has(sequence)) continue;
      own.skipTo(sequence);
      let state = retain ? qos | STORED | RETAIN : qos | STORED;
      if (own.coldReleased?.delete(sequence)) state |= RELEASED | RELEASE_DURABLE | SENT;
      if (own.ring === NO_ENTRIES) own.ring = new EntryRing();
      own.ring.push(message, state, this.#extra(identifiers, group));
      own.loadedEnd++;
    }
    this.admitLoaded(first);
    // Fewer than asked for is not the end (large bodies): none is, or what lies behind the gap.
    const end = references.at(-1);
    if (end === undefined || end.sequence >= gapEnd) this.#skipGap(gapEnd);
    if (!own.hasGap) {
      this.admitLoaded(own.closeGap());
      own.recount();
    }
    own.advance();
    this.loaded();
  }

  #extra(identifiers: readonly number[], groupId: number): EntryExtra | null {
    const group = groupId === 0 ? null : this.context.groupById(groupId);
    if (identifiers.length === 0) return group === null ? null : { identifiers: null, group };
    return { identifiers, group };
  }

  /** Nothing more of what is below `end` is in the store. */
  #skipGap(end: number): void {
    if (this.state.loadedEnd >= end) return;
    this.state.skipTo(end);
    // The stored head does not know it yet, and holds what has been skipped.
    this.touch();
  }
}
