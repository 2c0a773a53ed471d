import { Metric } from "../metrics/metric.ts";
import type { Message } from "../mqtt/message.ts";
import type { Publication } from "../mqtt/publication.ts";
import type { Destination, SubscriptionOptions } from "../routing/destination.ts";
import type { GroupMember, SharedGroup } from "../routing/shared-group.ts";
import { subscriptionOptions } from "../routing/subscription-options.ts";
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
import type { DropReason, QueueContext, QueueLimits, SubscriberId } from "./queue-context.ts";
import { ASLEEP, IDS, QueueState } from "./queue-state.ts";
import type { Receiver, RetainedSource } from "./receiver.ts";

/** How many references are read from the store at once. */
const LOAD_BATCH = 1_000;
/** When the store could not be read it is tried again after this time. */
const LOAD_RETRY_MILLISECONDS = 1_000;
/** How many waiting entries of an online queue stay in memory once they are stored. */
const RESIDENT = 4_096;
/**
 * A queue's stored head allows so many windows to be sent before it has to be written again: what was sent and what was
 * not must be told apart after a crash [MQTT-3.3.1-1].
 */
const WINDOWS_AHEAD = 4;
/** How many retained messages are taken from their source at once. */
const RETAINED_BATCH = 64;
/** How a message goes back to its group: as it was published. */
const REDELIVERED = subscriptionOptions(2, false, true);
/** What an uncommitted entry weighs beside its bytes. */
const ENTRY_WEIGHT = 128;

/** A QoS 1 or 2 message of a queue, for administration. */
export interface QueuedMessage {
  readonly sequence: number;
  /** Delivery QoS. */
  readonly qos: number;
  /** It has been sent before, and would go out with DUP. */
  readonly sent: boolean;
  readonly message: Message;
}

/** A look at a part of a queue. */
export interface QueuePage {
  readonly messages: readonly QueuedMessage[];
  /** Where to look on. */
  readonly next: number;
  /** What is before this sequence number, from `next` on, has to be read from the store. */
  readonly storedEnd: number;
  /** What is before this sequence number has been sent before. */
  readonly sentBelow: number;
  /** Where the queue ends at present. */
  readonly end: number;
}

interface WaitingQos0 {
  readonly message: Message;
  readonly retain: boolean;
  readonly identifier: number;
}

/**
 * The queue of one subscriber id (or the backlog of a shared group).
 *
 * QoS 1 and 2 messages get ascending sequence numbers:
 *
 *     doneBelow ≤ cursor ≤ loadedEnd ≤ gapEnd ≤ tail
 *     |-- in flight --|-- waiting in memory --|-- waiting on disk only --|-- newest, in memory until committed --|
 *
 * `ring` holds doneBelow to loadedEnd, `fresh` gapEnd to tail; without a gap everything is in `ring`. A packet id is
 * 1 + sequence mod 65535, so a delivery needs no write. A stored queue (id ≠ 0) is a participant of the store's
 * commits: what its receiver acknowledges before a commit takes it along is never written.
 *
 * QoS 0 messages are sent at once, or wait in a list of their own while the connection is congested.
 */
export class SubscriberQueue implements Destination, GroupMember, CommitParticipant, IncomingOwner {
  /** Queues of this worker are local; one of another node will be a link. */
  readonly local = true;
  readonly owner: SubscriberId;
  limits: QueueLimits;
  readonly context: QueueContext;
  /** The id in the store, 0 for a queue that ends with its connection. */
  readonly id: number;
  dirty = false;
  receiver: Receiver | null = null;
  /** Groups to be told when this member has room again; null when it never was in one. */
  waker: (() => void) | null = null;

  /** Made when it is needed: a million sessions may be offline with nothing in them. */
  #incoming: IncomingIds | null = null;
  /** `ASLEEP` while there is nothing to know but `#next`. */
  #state = ASLEEP;
  /** While asleep: the sequence number to go on with. */
  #next = 0;
  #qos0: WaitingQos0[] | null = null;
  #sources: RetainedSource[] | null = null;
  #pumping = false;
  #ended = false;
  #removable = false;

  constructor(id: number, owner: SubscriberId, limits: QueueLimits, context: QueueContext) {
    this.id = id;
    this.owner = owner;
    this.limits = limits;
    this.context = context;
  }

  /** Incoming QoS 2 packet ids waiting for PUBREL: session state, committed with the queue. */
  get incoming(): IncomingIds {
    this.#incoming ??= new IncomingIds(this);
    return this.#incoming;
  }

  saveIncoming(): boolean {
    if (this.id === 0) return false;
    this.#touch();
    return true;
  }

  /** Messages waiting to be sent, QoS 0 included; without those in flight. */
  get waiting(): number {
    return this.#state.waiting + (this.#qos0 === null ? 0 : this.#qos0.length);
  }

  /** Messages sent and not acknowledged. */
  get inflight(): number {
    return this.#state.inflight;
  }

  get online(): boolean {
    return this.receiver !== null;
  }

  get persistent(): boolean {
    return this.id !== 0;
  }

  /** Takes over what an earlier run of the broker stored. Before anything else is done with the queue. */
  restore(head: QueueHead): void {
    if (head.stored === 0 && head.doneBelow === head.next) this.#next = head.next;
    else {
      const state = new QueueState(head.doneBelow);
      this.#state = state;
      state.gapEnd = head.next;
      state.tail = head.next;
      state.durableEnd = head.next;
      state.collectedEnd = head.next;
      state.sentBelow = head.sentBelow;
      state.markedSent = head.sentBelow;
      state.durableSent = head.sentBelow;
      state.stored = head.stored;
      state.waiting = head.stored;
      if (head.stored === 0) this.#skipGap(head.next);
      else {
        if (head.released.length > 0) state.coldReleased = new Set(head.released);
        if (head.done.length > 0) state.coldDone = new Set(head.done);
      }
    }
    if (head.incoming.length > 0) this.incoming.restore(head.incoming);
  }

  /** A publish through one matching subscription. Hot path. */
  deliver(publication: Publication, options: SubscriptionOptions): void {
    if (options.noLocal && publication.origin === this) return;
    let qos = publication.qos;
    if (options.qos < qos || this.limits.upgradeOutgoingQos) qos = options.qos;
    this.accept(publication, qos, options.retainAsPublished && publication.retain, options.identifier, null);
  }

  /** One publish through a shared subscription; refused when it would be dropped, so that another member gets it. */
  deliverShared(publication: Publication, options: SubscriptionOptions, group: SharedGroup): boolean {
    let qos = publication.qos;
    if (options.qos < qos || this.limits.upgradeOutgoingQos) qos = options.qos;
    const { receiver } = this;
    if (receiver === null && (qos === 0 || !this.persistent)) return false;
    const limit = receiver === null ? this.limits.maxOfflineMessages : this.limits.maxOnlineMessages;
    if (limit >= 0 && this.waiting >= limit) return false;
    return this.accept(
      publication,
      qos,
      options.retainAsPublished && publication.retain,
      options.identifier,
      group,
    );
  }

  /**
   * Takes a publish at delivery QoS `qos`. False when it was not kept (full, or QoS 0 and offline). Hot path.
   * A queue that is stored keeps QoS 1 and 2 unsettled until they are committed or acknowledged.
   */
  accept(
    publication: Publication,
    qos: number,
    retain: boolean,
    identifier: number,
    group: SharedGroup | null,
  ): boolean {
    if (this.#ended) return false;
    const receiver = this.receiver;
    const { counters } = this.context;
    if (qos === 0) {
      if (receiver === null) {
        counters.increment(Metric.queue_message_unhandled);
        if (publication.qos > 0) this.#tellOffline(publication, 0, retain);
        return false;
      }
      counters.increment(Metric.queue_message_in);
      if (receiver.writable && this.#qos0 === null && this.limits.maxOnlineMessages !== 0) {
        counters.increment(Metric.queue_message_out);
        receiver.sendDirect(publication, retain, identifier);
        return true;
      }
      return this.#keepQos0(publication, retain, identifier);
    }
    const limit = receiver === null ? this.limits.maxOfflineMessages : this.limits.maxOnlineMessages;
    if (limit >= 0 && this.waiting >= limit && !this.#makeRoom(publication, limit)) return false;
    const message = publication.message(this.context.clock);
    const extra = identifier === 0 && group === null ? null : extraOf(identifier, group);
    this.#append(message, retain ? qos | RETAIN : qos, extra);
    counters.increment(Metric.queue_message_in);
    if (receiver !== null) this.pump();
    else if (group === null) this.#tellOffline(publication, qos, retain);
    return true;
  }

  /**
   * Retained messages for a new subscription, read a few at a time whenever nothing else waits and the window has room:
   * so none is older than a live message that was sent before it.
   */
  addRetained(source: RetainedSource): void {
    this.#sources ??= [];
    this.#sources.push(source);
    this.pump();
  }

  /** A connection takes the queue over: what was in flight is sent again, in order, then what waits. */
  attach(receiver: Receiver): void {
    this.receiver = receiver;
    if (this.#state === ASLEEP) return;
    this.#rewind();
    this.#state.gathering = this.limits.lifo && this.#state.loadedEnd < this.#state.gapEnd;
    if (!this.#state.gathering) this.#arrange();
  }

  /** The connection has gone; the session lives on. */
  detach(): void {
    this.receiver = null;
    this.#incoming?.forgetTickets();
    if (this.#incoming?.size === 0) this.#incoming = null;
    const lost = this.#qos0;
    if (lost !== null) {
      this.context.counters.add(Metric.queue_message_unhandled, lost.length);
      this.#qos0 = null;
    }
    const state = this.#state;
    if (state !== ASLEEP) {
      if (state.cursor > state.sentBelow) state.sentBelow = state.cursor;
      state.waiting += state.condemned;
      state.condemned = 0;
      state.admitBelow = 0;
      state.gathering = false;
      if (state.ring.length === 0) state.ring = NO_ENTRIES;
    }
    // A queue that never had anything, or nothing since its head was stored, needs no other head.
    if (this.id !== 0 && (state !== ASLEEP || this.#incoming !== null)) this.#touch();
  }

  /**
   * The session has ended: nothing is delivered any more. QoS 1 messages of shared groups that were not acknowledged,
   * and any that were not sent, go back to their group [MQTT-4.8.2-6]; QoS 2 ones in flight do not [MQTT-4.8.2-5].
   * Resolves when those on disk have been given back too, which may take until the disk can be read. What has been
   * given back leaves this queue in the commit in which it enters another one: a crash neither loses nor doubles it.
   */
  async end(): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    this.receiver = null;
    this.#sources = null;
    this.#qos0 = null;
    if (this.#state !== ASLEEP) {
      this.#state.waiting = 0;
      this.#state.inflight = 0;
      this.#endRing(this.#state.ring, this.#state.doneBelow);
    }
    if (this.waker !== null && this.#state.loadedEnd < this.#state.gapEnd) await this.#redeliverStored();
    if (this.#state.fresh !== null) this.#endRing(this.#state.fresh, this.#state.gapEnd);
    this.#removable = true;
    if (this.id !== 0) this.#touch();
  }

  get ended(): boolean {
    return this.#ended;
  }

  /**
   * The messages held in memory among `count` sequence numbers from `from` on, for administration. Acknowledged and
   * QoS 0 ones are left out. Changes nothing.
   */
  look(from: number, count: number): QueuePage {
    const messages: QueuedMessage[] = [];
    const sentBelow = Math.max(this.#state.cursor, this.#state.sentBelow);
    let next = Math.max(from, this.#state.doneBelow);
    const until = Math.min(next + count, this.#state.tail);
    while (next < until && (next < this.#state.loadedEnd || next >= this.#state.gapEnd)) {
      const inRing = next < this.#state.loadedEnd;
      const ring = inRing ? this.#state.ring : this.#state.fresh;
      if (ring === null) break;
      const slot = ring.slot(inRing ? next - this.#state.doneBelow : next - this.#state.gapEnd);
      const message = ring.messages[slot] ?? null;
      const state = ring.states[slot] ?? 0;
      if (message !== null && (state & DONE) === 0) {
        messages.push({ sequence: next, qos: state & QOS_MASK, sent: next < sentBelow, message });
      }
      next++;
    }
    const end = this.#ended ? next : this.#state.tail;
    const inGap = next >= this.#state.loadedEnd && next < this.#state.gapEnd;
    return { messages, next, storedEnd: inGap ? this.#state.gapEnd : next, sentBelow, end };
  }

  /** Sends what may be sent: window, congestion and durability allowing. Hot path; not re-entrant. */
  pump(): void {
    if (this.#pumping) return;
    const receiver = this.receiver;
    if (receiver === null) return;
    this.#pumping = true;
    try {
      this.#send(receiver);
    } finally {
      this.#pumping = false;
    }
    if (this.waker !== null && this.#state.waiting === 0) this.waker();
  }

  /** The client acknowledged a QoS 1 message [MQTT-4.3.2-3]. False for an id that is not in flight. Hot path. */
  onPuback(packetId: number): boolean {
    const offset = this.#find(packetId);
    if (offset < 0) return false;
    const state = this.#state.ring.states[this.#state.ring.slot(offset)] ?? 0;
    if ((state & QOS_MASK) !== 1) return false;
    this.#state.inflight--;
    this.#finish(offset);
    this.pump();
    return true;
  }

  /** What went out under this id cannot be sent after all, because it is too large for the client: it is done. */
  forget(packetId: number): void {
    const offset = packetId === 0 ? -1 : this.#find(packetId);
    if (offset < 0) return;
    this.#state.inflight--;
    this.#finish(offset);
  }

  /** PUBREC: PUBREL follows when that is durable [MQTT-4.3.3-4]; a reason of 0x80 or more ends the exchange. */
  onPubrec(packetId: number, reasonCode: number): boolean {
    const offset = this.#find(packetId);
    if (offset < 0) return false;
    const ring = this.#state.ring;
    const slot = ring.slot(offset);
    const state = ring.states[slot] ?? 0;
    if ((state & QOS_MASK) !== 2) return false;
    if (reasonCode >= 0x80 && (state & RELEASED) === 0) {
      this.#state.inflight--;
      this.#finish(offset);
      this.pump();
      return true;
    }
    if ((state & RELEASED) === 0) {
      ring.states[slot] = state | RELEASED | (this.id === 0 ? RELEASE_DURABLE : 0);
      if (this.id !== 0) {
        this.#state.pubrecs ??= [];
        this.#state.pubrecs.push(this.#state.doneBelow + offset);
        this.#touch();
        return true;
      }
    } else if ((state & RELEASE_DURABLE) === 0) return true;
    this.receiver?.sendPubrel(packetId);
    return true;
  }

  /** PUBCOMP ends a QoS 2 exchange. */
  onPubcomp(packetId: number): boolean {
    const offset = this.#find(packetId);
    if (offset < 0) return false;
    const state = this.#state.ring.states[this.#state.ring.slot(offset)] ?? 0;
    if ((state & (QOS_MASK | RELEASED)) !== (2 | RELEASED)) return false;
    this.#state.inflight--;
    this.#finish(offset);
    this.pump();
    return true;
  }

  /** Sends again what has waited for an answer for longer than `seconds`. `now` is in seconds of the wheel's clock. */
  retry(now: number, seconds: number): void {
    const own = this.#state;
    const receiver = this.receiver;
    if (receiver === null) return;
    const ring = own.ring;
    const end = own.cursor - own.doneBelow;
    for (let offset = 0; offset < end && receiver.writable; offset++) {
      const slot = ring.slot(offset);
      const state = ring.states[slot] ?? 0;
      if ((state & DONE) !== 0 || now - (ring.sentAt[slot] ?? 0) < seconds) continue;
      ring.sentAt[slot] = now;
      const message = ring.messages[slot] ?? null;
      if ((state & RELEASED) !== 0) {
        if ((state & RELEASE_DURABLE) !== 0) receiver.sendPubrel(this.#packetId(offset));
      } else if (message !== null) {
        const identifiers = ring.extra(slot)?.identifiers ?? null;
        receiver.send(
          message,
          state & QOS_MASK,
          (state & RETAIN) !== 0,
          true,
          this.#packetId(offset),
          identifiers,
        );
      }
    }
  }

  /** The store takes what changed since the last commit. */
  collect(batch: CommitBatch): void {
    if (this.#ended) {
      if (this.#removable) batch.removeQueue(this.id);
      else batch.head(this.id, this.#endedHead());
      return;
    }
    this.#wake();
    const state = this.#state;
    const releases = state.releases;
    if (releases !== null) {
      for (let i = 0; i < releases.length; i += 2)
        batch.release(this.id, releases[i] ?? 0, releases[i + 1] ?? 0);
      state.releases = null;
    }
    for (let sequence = state.collectedEnd; sequence < state.tail; sequence++)
      this.#collectEntry(batch, sequence);
    state.collectedEnd = state.tail;
    state.collecting = state.tail;
    if (this.receiver !== null) {
      // While a connection is there more may have been sent by the time this is read.
      const sent = Math.max(state.sentBelow, state.cursor);
      state.markedSent = Math.min(state.tail, sent + WINDOWS_AHEAD * this.receiver.window);
    } else state.markedSent = state.sentBelow;
    state.collectedPubrecs = state.pubrecs;
    state.pubrecs = null;
    this.#incoming?.collect();
    batch.head(this.id, this.#head());
  }

  /** What was collected is durable: publishers may be acknowledged, QoS 2 messages and PUBRELs may leave. */
  committed(): void {
    if (this.#ended) return;
    const state = this.#state;
    if (state !== ASLEEP) {
      for (let sequence = state.durableEnd; sequence < state.collecting; sequence++) this.#settle(sequence);
      state.durableEnd = state.collecting;
      state.durableSent = state.markedSent;
      const pubrecs = state.collectedPubrecs;
      state.collectedPubrecs = null;
      if (pubrecs !== null) for (const sequence of pubrecs) this.#releaseDurable(sequence);
      this.#unload();
    }
    this.#incoming?.committed();
    this.pump();
    if (this.receiver === null && !this.dirty) this.#sleep();
  }

  /** A state of its own, for a queue that is about to have something in it. */
  #wake(): void {
    if (this.#state === ASLEEP) this.#state = new QueueState(this.#next);
  }

  /** Lets go of a state in which nothing is left. */
  #sleep(): void {
    if (this.#state === ASLEEP || !this.#state.idle) return;
    this.#next = this.#state.tail;
    this.#state = ASLEEP;
  }

  #touch(): void {
    if (!this.dirty) this.context.store.touch(this);
  }

  #append(message: Message, state: number, extra: EntryExtra | null): void {
    this.#wake();
    const own = this.#state;
    let bits = state;
    if (this.id !== 0) {
      bits |= UNSETTLED;
      message.unsettled++;
      this.context.store.uncommittedBytes += weight(message);
      if (!this.dirty) this.context.store.touch(this);
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

  #send(receiver: Receiver): void {
    while (receiver.writable && this.receiver === receiver) {
      if (this.#qos0 !== null) this.#sendQos0(receiver);
      else if (this.#state.gathering) {
        this.#load();
        return;
      } else if (this.#state.cursor < this.#state.loadedEnd) {
        if (!this.#sendNext(receiver)) return;
      } else if (this.#state.cursor < this.#state.gapEnd) {
        this.#load();
        return;
      } else if (this.#sources === null || !this.#pullRetained(receiver)) return;
    }
  }

  #keepQos0(publication: Publication, retain: boolean, identifier: number): boolean {
    const limit = this.limits.maxOnlineMessages;
    const message = publication.message(this.context.clock);
    if (limit >= 0 && this.waiting >= limit) {
      this.#dropped(message, "queue_full");
      return false;
    }
    this.#qos0 ??= [];
    this.#qos0.push({ message, retain, identifier });
    return true;
  }

  /** A full queue: fifo refuses the new message, an offline lifo gives up its oldest. */
  #makeRoom(publication: Publication, limit: number): boolean {
    if (this.receiver === null && this.limits.lifo && limit > 0) {
      if (this.#state.loadedEnd === this.#state.gapEnd) {
        if (this.#dropOldest()) return true;
      } else if (this.#state.fresh === null || this.#state.fresh.length < limit) {
        // After a restart the oldest are on disk: they are dropped when they have been read.
        this.#state.gathering = true;
        this.#load();
        return true;
      }
    }
    this.#dropped(publication.message(this.context.clock), "queue_full");
    return false;
  }

  /** lifo, offline: drops the oldest message that was never sent. False when there is none. */
  #dropOldest(): boolean {
    const ring = this.#state.ring;
    let sequence = Math.max(this.#state.cursor, this.#state.sentBelow, this.#state.doneBelow);
    for (; sequence < this.#state.loadedEnd; sequence++) {
      const slot = ring.slot(sequence - this.#state.doneBelow);
      if (((ring.states[slot] ?? 0) & DONE) !== 0) continue;
      const oldest = ring.messages[slot] ?? null;
      if (oldest !== null) this.#dropped(oldest, "queue_full");
      this.#state.waiting--;
      this.#state.cursor = sequence + 1;
      this.#finish(sequence - this.#state.doneBelow);
      return true;
    }
    return false;
  }

  #dropped(message: Message, reason: DropReason): void {
    this.context.counters.increment(
      reason === "expired" ? Metric.queue_message_expired : Metric.queue_message_drop,
    );
    this.context.events.messageDropped?.(this.owner, message, reason);
  }

  #tellOffline(publication: Publication, qos: number, retain: boolean): void {
    const tell = this.context.events.offlineMessage;
    if (tell !== null) tell(this.owner, publication.message(this.context.clock), qos, retain);
  }

  #sendQos0(receiver: Receiver): void {
    const waiting = this.#qos0;
    if (waiting === null) return;
    let sent = 0;
    const now = this.context.clock.now();
    while (sent < waiting.length && receiver.writable) {
      const entry = waiting[sent++];
      if (entry === undefined) break;
      const { message, retain, identifier } = entry;
      if (message.expiresAt !== 0 && message.expiresAt <= now) {
        this.#dropped(message, "expired");
        continue;
      }
      this.context.counters.increment(Metric.queue_message_out);
      receiver.send(message, 0, retain, false, 0, identifier === 0 ? null : [identifier]);
    }
    this.#qos0 = sent === waiting.length ? null : waiting.slice(sent);
  }

  /** Sends the entry at the cursor. False when it has to wait. */
  #sendNext(receiver: Receiver): boolean {
    const own = this.#state;
    const ring = own.ring;
    const offset = own.cursor - own.doneBelow;
    const slot = ring.slot(offset);
    const state = ring.states[slot] ?? 0;
    if ((state & DONE) !== 0) {
      own.cursor++;
      this.#advance();
      return true;
    }
    if (own.inflight >= receiver.window || offset >= IDS) return false;
    const message = ring.messages[slot] ?? null;
    if ((state & RELEASED) !== 0) {
      own.cursor++;
      own.waiting--;
      own.inflight++;
      this.#stamp(receiver, slot);
      if ((state & RELEASE_DURABLE) !== 0) receiver.sendPubrel(this.#packetId(offset));
      return true;
    }
    if (message === null) {
      this.#drop(own.cursor);
      return true;
    }
    const resent = own.cursor < own.sentBelow;
    if (message.expiresAt !== 0 && !resent && message.expiresAt <= this.context.clock.now()) {
      this.#dropped(message, "expired");
      this.#drop(own.cursor);
      return true;
    }
    const qos = state & QOS_MASK;
    // [MQTT-4.3.3-1] and our own rule: a QoS 2 message leaves only when its packet id is durable.
    // So does one that got a new number, or a crash would bring it back under the old one as if it was never sent.
    if (own.cursor >= own.durableEnd && this.id !== 0 && (qos === 2 || own.cursor < own.reversedEnd)) {
      return false;
    }
    if (!resent && own.cursor < own.collectedEnd && !this.#mayBeSent()) return false;
    ring.states[slot] = state | SENT;
    own.cursor++;
    own.waiting--;
    own.inflight++;
    this.#stamp(receiver, slot);
    const identifiers = ring.extras === null ? null : (ring.extra(slot)?.identifiers ?? null);
    if (!receiver.send(message, qos, (state & RETAIN) !== 0, resent, this.#packetId(offset), identifiers)) {
      own.inflight--;
      this.#finish(offset);
    } else if (!resent) this.context.counters.increment(Metric.queue_message_out);
    return true;
  }

  /** Whether the stored head says that the entry at the cursor may have been sent; asks for a commit when not. */
  #mayBeSent(): boolean {
    const state = this.#state;
    // When its reference is on the way to the disk, so is the head that was collected with it.
    const durable = state.cursor < state.durableSent || state.cursor >= state.durableEnd;
    if (durable && state.cursor < state.markedSent) return true;
    this.#touch();
    return false;
  }

  #stamp(receiver: Receiver, slot: number): void {
    if (receiver.retrySeconds === 0) return;
    this.#state.ring.sentAt[slot] = this.context.wheel.time / 1000;
    if (this.#state.inflight === 1) receiver.retryWanted();
  }

  #packetId(offset: number): number {
    const state = this.#state;
    const id = state.headPacketId + offset;
    return id > IDS ? id - IDS : id;
  }

  /** The offset of the entry in flight under a packet id, or -1. */
  #find(packetId: number): number {
    const own = this.#state;
    let offset = packetId - own.headPacketId;
    if (offset < 0) offset += IDS;
    if (offset < 0 || offset >= own.cursor - own.doneBelow) return -1;
    const state = own.ring.states[own.ring.slot(offset)] ?? 0;
    return (state & (DONE | SENT | RELEASED)) === 0 || (state & DONE) !== 0 ? -1 : offset;
  }

  /** Drops a waiting entry of the resident part. */
  #drop(sequence: number): void {
    this.#state.waiting--;
    this.#finish(sequence - this.#state.doneBelow);
  }

  /** An entry is done: its message is let go, and stored ones are released with the next commit. */
  #finish(offset: number): void {
    const own = this.#state;
    const ring = own.ring;
    const slot = ring.slot(offset);
    const state = ring.states[slot] ?? 0;
    const message = ring.messages[slot] ?? null;
    if ((state & STORED) !== 0) {
      own.stored--;
      own.releases ??= [];
      own.releases.push(own.doneBelow + offset, message === null ? 0 : message.segment);
      this.#touch();
    }
    if (own.doneBelow + offset >= own.doneEnd) own.doneEnd = own.doneBelow + offset + 1;
    ring.states[slot] = (state | DONE) & ~UNSETTLED;
    ring.clear(slot);
    if (message !== null && (state & UNSETTLED) !== 0) {
      this.context.store.uncommittedBytes -= weight(message);
      message.settleOne();
    }
    this.#advance();
  }

  #advance(): void {
    const state = this.#state;
    const ring = state.ring;
    while (ring.length > 0 && ((ring.states[ring.start] ?? 0) & DONE) !== 0) {
      ring.dropFirst();
      state.doneBelow++;
      if (++state.headPacketId > IDS) state.headPacketId = 1;
    }
    if (state.cursor < state.doneBelow) state.cursor = state.doneBelow;
  }

  /** Takes a few retained messages. False when there are none for now. */
  #pullRetained(receiver: Receiver): boolean {
    const sources = this.#sources;
    const source = sources?.[0];
    if (sources === null || source === undefined) return false;
    if (source.qos > 0 && this.#state.inflight >= receiver.window) return false;
    const messages: Message[] = [];
    const more = source.next(RETAINED_BATCH, messages);
    if (!more) {
      sources.shift();
      if (sources.length === 0) this.#sources = null;
    }
    const identifiers = source.identifier === 0 ? null : [source.identifier];
    for (const message of messages) {
      const qos = this.limits.upgradeOutgoingQos ? source.qos : Math.min(source.qos, message.qos);
      this.context.counters.increment(Metric.queue_message_in);
      if (qos > 0)
        this.#append(message, qos | RETAIN, identifiers === null ? null : { identifiers, group: null });
      else {
        this.context.counters.increment(Metric.queue_message_out);
        receiver.send(message, 0, true, false, 0, identifiers);
      }
    }
    if (messages.length > 0 || !more) return true;
    // A long way to the next match: others have their turn first.
    setImmediate(() => this.pump());
    return false;
  }

  /** Back to the first entry that is not done, so that `pump` sends again what was in flight [MQTT-4.4.0-1]. */
  #rewind(): void {
    const state = this.#state;
    let again = 0;
    const end = state.cursor - state.doneBelow;
    for (let offset = 0; offset < end; offset++) {
      if (((state.ring.states[state.ring.slot(offset)] ?? 0) & DONE) === 0) again++;
    }
    if (state.cursor > state.sentBelow) state.sentBelow = state.cursor;
    state.cursor = state.doneBelow;
    state.waiting += again;
    state.inflight = 0;
  }

  /** The order and number of what waits, once all of it that matters is in memory. */
  #arrange(): void {
    if (this.limits.lifo) this.#reverseWaiting();
    this.#enforceOnlineLimit();
  }

  /**
   * lifo: what was stored while offline is delivered newest first, and before what an earlier connection had not got;
   * new numbers, since the order on disk is by number.
   */
  #reverseWaiting(): void {
    const from = Math.max(this.#state.sentBelow, this.#state.doneBelow);
    const newest = Math.max(from, this.#state.reversedEnd);
    const end = this.#state.tail;
    if (end === newest || end - from < 2) return;
    for (let sequence = end - 1; sequence >= newest; sequence--) this.#appendAgain(sequence);
    for (let sequence = from; sequence < newest; sequence++) this.#appendAgain(sequence);
    this.#state.reversedEnd = this.#state.tail;
    for (let sequence = from; sequence < end; sequence++) {
      const slot = this.#state.ring.slot(sequence - this.#state.doneBelow);
      if (((this.#state.ring.states[slot] ?? 0) & DONE) !== 0) continue;
      this.#state.waiting--;
      this.#markDone(sequence);
    }
    this.#advance();
  }

  #appendAgain(sequence: number): void {
    const slot = this.#state.ring.slot(sequence - this.#state.doneBelow);
    const message = this.#state.ring.messages[slot] ?? null;
    const state = this.#state.ring.states[slot] ?? 0;
    if (message === null || (state & DONE) !== 0) return;
    this.#append(message, state & (QOS_MASK | RETAIN), this.#state.ring.extra(slot));
  }

  /** Like `#finish` without moving the front, so that offsets stay valid in a loop. */
  #markDone(sequence: number): void {
    const own = this.#state;
    const front = own.doneBelow;
    const ring = own.ring;
    const slot = ring.slot(sequence - front);
    const state = ring.states[slot] ?? 0;
    const message = ring.messages[slot] ?? null;
    if (sequence >= own.doneEnd) own.doneEnd = sequence + 1;
    ring.states[slot] = (state | DONE) & ~UNSETTLED;
    ring.clear(slot);
    if ((state & STORED) !== 0) {
      this.#touch();
      own.stored--;
      own.releases ??= [];
      own.releases.push(sequence, message === null ? 0 : message.segment);
    }
    if (message !== null && (state & UNSETTLED) !== 0) {
      this.context.store.uncommittedBytes -= weight(message);
      message.settleOne();
    }
  }

  /**
   * What is over max_online_messages at a reconnect is dropped, newest first, unless that is overridden. What is on
   * disk only is dropped when it has been read; it does not count as waiting any more.
   */
  #enforceOnlineLimit(): void {
    const { maxOnlineMessages, overrideMaxOnlineMessages } = this.limits;
    if (maxOnlineMessages < 0 || overrideMaxOnlineMessages) return;
    this.#state.admitBelow = this.#state.tail;
    this.#state.admitLeft = maxOnlineMessages;
    for (
      let sequence = Math.max(this.#state.sentBelow, this.#state.doneBelow);
      sequence < this.#state.loadedEnd;
      sequence++
    ) {
      this.#admit(sequence);
    }
    if (this.#state.loadedEnd < this.#state.gapEnd) {
      const sent = Math.max(0, this.#state.sentBelow - this.#state.doneBelow);
      this.#state.condemned = Math.max(0, this.#state.waiting - sent - maxOnlineMessages);
      this.#state.waiting -= this.#state.condemned;
    } else this.#state.admitBelow = 0;
    this.#advance();
  }

  /** Keeps an unsent entry in memory, or drops it when enough have been kept. Does not move the front. */
  #admit(sequence: number): void {
    const state = this.#state;
    if (sequence < state.sentBelow || sequence >= state.admitBelow) return;
    const slot = state.ring.slot(sequence - state.doneBelow);
    const message = state.ring.messages[slot] ?? null;
    if (message === null || ((state.ring.states[slot] ?? 0) & DONE) !== 0) return;
    if (state.admitLeft > 0) {
      state.admitLeft--;
      return;
    }
    this.#dropped(message, "queue_full");
    if (state.condemned > 0) state.condemned--;
    else state.waiting--;
    this.#markDone(sequence);
  }

  #collectEntry(batch: CommitBatch, sequence: number): void {
    const own = this.#state;
    const ring = sequence < own.loadedEnd ? own.ring : own.fresh;
    if (ring === null) return;
    const offset = sequence < own.loadedEnd ? sequence - own.doneBelow : sequence - own.gapEnd;
    if (offset < 0) return;
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
    const own = this.#state;
    const inRing = sequence < own.loadedEnd;
    const ring = inRing ? own.ring : own.fresh;
    const offset = inRing ? sequence - own.doneBelow : sequence - own.gapEnd;
    if (ring === null || offset < 0) return;
    const slot = ring.slot(offset);
    const state = ring.states[slot] ?? 0;
    if ((state & UNSETTLED) === 0) return;
    ring.states[slot] = state & ~UNSETTLED;
    const message = ring.messages[slot] ?? null;
    if (message === null) return;
    this.context.store.uncommittedBytes -= weight(message);
    message.settleOne();
  }

  #releaseDurable(sequence: number): void {
    const offset = sequence - this.#state.doneBelow;
    if (offset < 0 || offset >= this.#state.cursor - this.#state.doneBelow) {
      // Not sent again yet since a reconnect: only the mark is set, `pump` sends PUBREL in its turn.
      if (offset >= 0 && offset < this.#state.ring.length) {
        const slot = this.#state.ring.slot(offset);
        this.#state.ring.states[slot] = (this.#state.ring.states[slot] ?? 0) | RELEASE_DURABLE;
      }
      return;
    }
    const slot = this.#state.ring.slot(offset);
    const state = this.#state.ring.states[slot] ?? 0;
    if ((state & DONE) !== 0) return;
    this.#state.ring.states[slot] = state | RELEASE_DURABLE;
    this.receiver?.sendPubrel(this.#packetId(offset));
  }

  #head(): QueueHead {
    const own = this.#state;
    const done: number[] = [];
    const released: number[] = [];
    const interesting = Math.max(own.cursor, own.sentBelow, own.doneEnd) - own.doneBelow;
    const end = Math.min(own.ring.length, interesting);
    for (let offset = 0; offset < end; offset++) {
      const state = own.ring.states[own.ring.slot(offset)] ?? 0;
      if ((state & DONE) !== 0) done.push(own.doneBelow + offset);
      else if ((state & RELEASED) !== 0) released.push(own.doneBelow + offset);
    }
    if (own.coldReleased !== null) released.push(...own.coldReleased);
    if (own.coldDone !== null) {
      for (const sequence of own.coldDone) if (sequence >= own.doneBelow + end) done.push(sequence);
    }
    return {
      doneBelow: own.doneBelow,
      done,
      released,
      incoming: this.#incoming === null ? [] : this.#incoming.list(),
      next: own.tail,
      sentBelow: own.markedSent,
      stored: own.stored,
    };
  }

  /** Lets go of stored entries that will not be sent soon; they are read again when their turn comes. */
  #unload(): void {
    const state = this.#state;
    if (this.limits.lifo) return;
    // What is done stays: on disk it is known by the head only, which is made from what is in memory.
    const never = Math.max(state.cursor, state.sentBelow, state.doneEnd, state.doneBelow);
    if (state.loadedEnd < state.gapEnd) {
      // There is a gap: what has been committed joins it.
      const fresh = state.fresh;
      while (fresh !== null && state.gapEnd < state.durableEnd && fresh.length > 0) {
        fresh.dropFirst();
        state.gapEnd++;
      }
      if (this.receiver === null && !state.loading && never < state.loadedEnd) {
        state.ring.truncate(never - state.doneBelow);
        state.loadedEnd = never;
      }
      return;
    }
    const keep = this.receiver === null ? never : never + RESIDENT;
    if (state.durableEnd <= (this.receiver === null ? keep : keep + RESIDENT)) return;
    let fresh: EntryRing | null = null;
    for (let sequence = state.durableEnd; sequence < state.tail; sequence++) {
      const slot = state.ring.slot(sequence - state.doneBelow);
      fresh ??= new EntryRing();
      fresh.push(state.ring.messages[slot] ?? null, state.ring.states[slot] ?? 0, state.ring.extra(slot));
    }
    state.ring.truncate(keep - state.doneBelow);
    state.loadedEnd = keep;
    state.gapEnd = state.durableEnd;
    state.fresh = fresh;
  }

  #load(): void {
    if (this.#state.loading) return;
    this.#state.loading = true;
    // What joins the gap while this is being read may not be seen by it.
    const gapEnd = this.#state.gapEnd;
    this.context.store.readReferences(this.id, this.#state.loadedEnd, LOAD_BATCH, this.context.topics).then(
      (references) => {
        this.#state.loading = false;
        if (this.#ended) return;
        for (const reference of references) {
          const { sequence, message } = reference;
          if (sequence < this.#state.loadedEnd) continue;
          if (sequence >= gapEnd) break;
          if (this.#state.coldDone?.has(sequence)) continue;
          this.#skipTo(sequence);
          let state = reference.qos | STORED;
          if (reference.retain) state |= RETAIN;
          if (this.#state.coldReleased?.delete(sequence)) state |= RELEASED | RELEASE_DURABLE | SENT;
          const identifiers = reference.identifiers.length === 0 ? null : reference.identifiers;
          const group = reference.group === 0 ? null : this.context.groupById(reference.group);
          if (this.#state.ring === NO_ENTRIES) this.#state.ring = new EntryRing();
          this.#state.ring.push(
            message,
            state,
            identifiers === null && group === null ? null : { identifiers, group },
          );
          this.#state.loadedEnd++;
          if (this.#state.admitBelow !== 0) this.#admit(sequence);
        }
        // Fewer than asked for is not the end (large bodies): none is, or what lies behind the gap.
        const end = references.at(-1);
        if (end === undefined || end.sequence >= gapEnd) this.#skipGap(gapEnd);
        if (this.#state.loadedEnd === this.#state.gapEnd) this.#closeGap();
        this.#advance();
        if (this.#state.gathering) this.#gather();
        else this.pump();
      },
      (error: unknown) => {
        this.#state.loading = false;
        this.context.log
          .limited("queue-load", 1)
          .crash("queue", "stored messages could not be read; they stay in the store", error);
        setTimeout(() => {
          if (this.#state.gathering) this.#gather();
          else this.pump();
        }, LOAD_RETRY_MILLISECONDS).unref();
      },
    );
  }

  /** lifo: goes on reading until all is in memory, then does what waited for that. */
  #gather(): void {
    if (this.#ended) return;
    if (this.#state.loadedEnd < this.#state.gapEnd) {
      this.#load();
      return;
    }
    this.#state.gathering = false;
    if (this.receiver !== null) {
      this.#arrange();
      this.pump();
      return;
    }
    const { maxOfflineMessages } = this.limits;
    while (maxOfflineMessages >= 0 && this.waiting > maxOfflineMessages && this.#dropOldest());
  }

  /** Sequence numbers up to `sequence` are not in the store: done before, or lost and reported there. */
  #skipTo(sequence: number): void {
    const state = this.#state;
    if (state.ring.length === 0) {
      state.headPacketId = 1 + (sequence % IDS);
      state.doneBelow = sequence;
      state.cursor = sequence;
      state.loadedEnd = sequence;
      return;
    }
    while (state.loadedEnd < sequence) {
      state.ring.push(null, DONE, null);
      state.loadedEnd++;
    }
  }

  /** Nothing more of what is below `end` is in the store. */
  #skipGap(end: number): void {
    if (this.#state.loadedEnd >= end) return;
    this.#skipTo(end);
    // The stored head does not know it yet, and holds what has been skipped.
    this.#touch();
  }

  #closeGap(): void {
    const own = this.#state;
    const fresh = own.fresh;
    if (fresh !== null && own.ring === NO_ENTRIES) own.ring = new EntryRing();
    const ring = own.ring;
    own.fresh = null;
    if (own.coldDone !== null) {
      for (const sequence of own.coldDone) if (sequence >= own.doneEnd) own.doneEnd = sequence + 1;
    }
    own.coldDone = null;
    own.coldReleased = null;
    if (fresh !== null) {
      for (let offset = 0; offset < fresh.length; offset++) {
        const slot = fresh.slot(offset);
        ring.push(fresh.messages[slot] ?? null, fresh.states[slot] ?? 0, fresh.extra(slot));
      }
      const first = own.loadedEnd;
      own.loadedEnd = own.tail;
      own.gapEnd = own.tail;
      for (let sequence = first; sequence < own.admitBelow; sequence++) this.#admit(sequence);
    }
    own.admitBelow = 0;
    own.condemned = 0;
    // Entries that the store had lost were still counted: everything is in memory now, so count again.
    own.waiting = 0;
    own.stored = 0;
    for (let offset = 0; offset < ring.length; offset++) {
      const state = ring.states[ring.slot(offset)] ?? 0;
      if ((state & DONE) !== 0) continue;
      if (own.doneBelow + offset >= own.cursor) own.waiting++;
      if ((state & STORED) !== 0) own.stored++;
    }
  }

  #endRing(ring: EntryRing, first: number): void {
    for (let offset = 0; offset < ring.length; offset++) {
      const slot = ring.slot(offset);
      const state = ring.states[slot] ?? 0;
      const message = ring.messages[slot] ?? null;
      if (message === null || (state & DONE) !== 0) continue;
      const sent = first + offset < Math.max(this.#state.cursor, this.#state.sentBelow);
      const group = ring.extra(slot)?.group ?? null;
      if (group !== null && (!sent || (state & QOS_MASK) === 1)) group.redeliver(message, REDELIVERED);
      if ((state & UNSETTLED) !== 0) {
        this.context.store.uncommittedBytes -= weight(message);
        message.settleOne();
      }
    }
    ring.reset();
  }

  /** The head of a queue that has ended and gives back what is on disk: everything before it has been given back. */
  #endedHead(): QueueHead {
    const cold = this.#state.coldDone === null ? [] : [...this.#state.coldDone];
    return {
      doneBelow: this.#state.doneBelow,
      done: cold.filter((sequence) => sequence >= this.#state.doneBelow),
      released: [],
      incoming: [],
      next: this.#state.tail,
      sentBelow: this.#state.sentBelow,
      stored: Math.max(1, this.#state.stored),
    };
  }

  async #redeliverStored(): Promise<void> {
    const { store, topics, log } = this.context;
    let from = this.#state.loadedEnd;
    this.#state.doneBelow = from;
    this.#touch();
    while (from < this.#state.gapEnd) {
      let references: StoredReference[];
      try {
        references = await store.readReferences(this.id, from, LOAD_BATCH, topics);
      } catch (error) {
        log
          .limited("queue-load", 1)
          .crash("queue", "stored messages of an ended session could not be read; trying again", error);
        await new Promise((resolve) => setTimeout(resolve, LOAD_RETRY_MILLISECONDS).unref());
        continue;
      }
      for (const { sequence, qos, group, message } of references) {
        from = sequence + 1;
        if (sequence >= this.#state.gapEnd || group === 0 || this.#state.coldDone?.has(sequence)) continue;
        if (qos === 2 && sequence < this.#state.sentBelow) continue;
        this.context.groupById(group)?.redeliver(message, REDELIVERED);
      }
      if (references.length === 0) return;
      this.#state.doneBelow = Math.min(from, this.#state.gapEnd);
      this.#touch();
    }
  }
}

function extraOf(identifier: number, group: SharedGroup | null): EntryExtra {
  return { identifiers: identifier === 0 ? null : [identifier], group };
}

/** What an uncommitted entry counts towards the limit of uncommitted bytes. */
function weight(message: Message): number {
  return (
    message.propertyEnd - message.propertyStart + message.payloadEnd - message.payloadStart + ENTRY_WEIGHT
  );
}
