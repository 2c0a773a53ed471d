import { Metric } from "../metrics/metric.ts";
import type { Message } from "../mqtt/message.ts";
import type { Publication } from "../mqtt/publication.ts";
import type { Destination, SubscriptionOptions } from "../routing/destination.ts";
import type { GroupMember, SharedGroup } from "../routing/shared-group.ts";
import { giveBack, giveBackStored, REDELIVERED } from "./ending.ts";
import { DONE, NO_ENTRIES, QOS_MASK, RELEASE_DURABLE, RELEASED, RETAIN, SENT } from "./entry-ring.ts";
import { LimitedEntries } from "./limited-entries.ts";
import { ASLEEP, IDS } from "./queue-state.ts";
import type { Receiver, RetainedSource } from "./receiver.ts";
import { RetainedAnswers } from "./retained-answers.ts";

/** How many retained messages are taken from their source at once. */
const RETAINED_BATCH = 64;

/**
 * So many messages behind one that is not acknowledged may be done or released by PUBREC, before sending waits: each of
 * them is part of what is stored with every commit. Clients answer in order [MQTT-4.6.0-2, -3].
 */
const MOST_HALF_DONE = 2_048;

interface WaitingQos0 {
  readonly message: Message;
  readonly retain: boolean;
  readonly identifier: number;
}

/**
 * The queue of one subscriber id (or the backlog of a shared group), in three layers: what it holds and stores
 * (`StoredEntries` and its `QueueState`), which of that is kept (`LimitedEntries`), and here the way of a message:
 * in, to the connection, acknowledged.
 *
 * QoS 0 messages are sent at once, or wait in a list of their own while the connection is congested.
 */
export class SubscriberQueue extends LimitedEntries implements Destination, GroupMember {
  /** Groups to be told when this member has room again; null when it never was in one. */
  waker: (() => void) | null = null;

  #qos0: WaitingQos0[] | null = null;
  #answers: RetainedAnswers | null = null;
  #pumping = false;

  /** Messages waiting to be sent, QoS 0 included; without those in flight. */
  get waiting(): number {
    return this.state.waiting + (this.#qos0 === null ? 0 : this.#qos0.length);
  }

  get online(): boolean {
    return this.receiver !== null && !this.receiver.leaving;
  }

  /** Queues of this worker are local; one of another node will be a link. */
  get local(): boolean {
    return true;
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
    const online = receiver !== null && !receiver.leaving;
    if (!online && (qos === 0 || !this.persistent)) return false;
    const limit = online ? this.limits.maxOnlineMessages : this.limits.maxOfflineMessages;
    if (limit >= 0 && this.waiting >= limit) return false;
    if (qos !== 0 && publication.expiryInterval === 0 && !this.#roomAtOnce(receiver)) return false;
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
    if (this.over) return false;
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
      return this.#keepQos0(receiver, publication, retain, identifier);
    }
    const limit = receiver === null ? this.limits.maxOfflineMessages : this.limits.maxOnlineMessages;
    const begins = publication.expiryInterval === 0;
    if (begins && !this.#roomAtOnce(receiver)) {
      this.dropped(publication.message(this.context.clock), "expired");
      return false;
    }
    if (limit >= 0 && this.waiting >= limit && !this.makeRoom(publication, limit)) return false;
    const message = publication.message(this.context.clock);
    const identifiers = identifier === 0 ? null : [identifier];
    const extra = identifiers === null && group === null ? null : { identifiers, group };
    this.append(message, retain ? qos | RETAIN : qos, extra);
    if (begins) this.state.begunBelow = this.state.tail;
    counters.increment(Metric.queue_message_in);
    if (receiver !== null) {
      this.pump();
      if (this.id !== 0) {
        // What has just been sent is likely to be acknowledged soon, and then is not to be written at all.
        if (qos === 1 && this.state.cursor === this.state.tail) this.touchLater();
        else this.touch();
      }
      return true;
    }
    if (this.id !== 0) this.touch();
    if (group === null) this.#tellOffline(publication, qos, retain);
    return true;
  }

  /**
   * Retained messages for new subscriptions, read a few at a time whenever nothing else waits and the window has room:
   * so none is older than a live message that was sent before it.
   */
  addRetained(sources: readonly RetainedSource[]): void {
    this.#answers ??= new RetainedAnswers(() => {
      if (this.#answers?.over === true) this.#answers = null;
      this.pump();
    });
    for (const source of sources) this.#answers.add(source);
    this.pump();
  }

  /** A connection takes the queue over: what was in flight is sent again, in order, then what waits. */
  attach(receiver: Receiver): void {
    this.receiver = receiver;
    if (this.state === ASLEEP) return;
    this.state.rewind();
    this.arrange();
  }

  /** The connection has gone; the session lives on. */
  detach(): void {
    this.receiver = null;
    this.listener = null;
    this.incomingIds?.forgetTickets();
    if (this.incomingIds?.idle === true) this.incomingIds = null;
    const lost = this.#qos0;
    if (lost !== null) {
      this.context.counters.add(Metric.queue_message_unhandled, lost.length);
      this.#qos0 = null;
    }
    const { state } = this;
    if (state !== ASLEEP) {
      if (state.cursor > state.sentBelow) state.sentBelow = state.cursor;
      state.begunBelow = 0;
      this.disarrange();
      if (state.ring.length === 0) state.ring = NO_ENTRIES;
    }
    // A queue that never had anything, or nothing since its head was stored, needs no other head.
    if (this.id !== 0 && (state !== ASLEEP || this.incomingIds !== null)) this.touch();
  }

  /**
   * The session has ended: nothing is delivered any more. QoS 1 messages of shared groups that were not acknowledged,
   * and any that were not sent, go back to their group [MQTT-4.8.2-6]; QoS 2 ones in flight do not [MQTT-4.8.2-5].
   * Resolves when those on disk have been given back too, which may take until the disk can be read. What has been
   * given back leaves this queue in the commit in which it enters another one: a crash neither loses nor doubles it.
   */
  async end(): Promise<void> {
    if (this.over) return;
    this.over = true;
    this.receiver = null;
    this.#answers = null;
    this.#qos0 = null;
    const { state } = this;
    if (state !== ASLEEP) {
      state.waiting = 0;
      state.inflight = 0;
      const sentBelow = Math.max(state.cursor, state.sentBelow);
      const redeliver = (group: SharedGroup, message: Message) => this.#redeliver(group, message);
      giveBack(state.ring, sentBelow - state.doneBelow, this.context.store, redeliver);
      if (this.waker !== null && state.hasGap) {
        await giveBackStored(this.id, state, this.context, redeliver, () => this.touch());
      }
      if (state.fresh !== null) {
        giveBack(state.fresh, sentBelow - state.gapEnd, this.context.store, redeliver);
      }
    }
    this.removable = true;
    if (this.id !== 0) this.touch();
  }

  /** Sends what may be sent: window, congestion and durability allowing. Hot path; not re-entrant. */
  pump(): void {
    const { receiver, state } = this;
    if (receiver === null || this.#pumping) return;
    if (state.cursor !== state.tail || this.#qos0 !== null || this.#answers !== null) {
      this.#pumping = true;
      try {
        this.#send(receiver);
      } finally {
        this.#pumping = false;
      }
    }
    if (this.waker !== null && this.state.waiting === 0) this.waker();
  }

  /** The client acknowledged a QoS 1 message [MQTT-4.3.2-3]. False for an id that is not in flight. Hot path. */
  onPuback(packetId: number): boolean {
    const own = this.state;
    const slot = own.find(packetId);
    if (slot < 0 || ((own.ring.states[slot] ?? 0) & (QOS_MASK | SENT | DONE)) !== (1 | SENT)) return false;
    this.#answered(slot);
    return true;
  }

  /** What went out under this id cannot be sent after all, because it is too large for the client: it is done. */
  forget(packetId: number): void {
    const own = this.state;
    const slot = packetId === 0 ? -1 : own.find(packetId);
    if (slot < 0) return;
    const state = own.ring.states[slot] ?? 0;
    if ((state & DONE) !== 0 || (state & (SENT | RELEASED)) === 0) return;
    own.inflight--;
    if ((state & RELEASED) !== 0) own.releasing--;
    this.finish(slot);
  }

  /** Counts and tells a message that has expired before anybody could take it; true when it has. */
  expired(message: Message): boolean {
    if (message.expiresAt === 0 || message.expiresAt > this.context.clock.now()) return false;
    this.dropped(message, "expired");
    return true;
  }

  /** PUBREC: PUBREL follows when that is durable [MQTT-4.3.3-4]; a reason of 0x80 or more ends the exchange. */
  onPubrec(packetId: number, reasonCode: number): boolean {
    const own = this.state;
    const slot = own.find(packetId);
    if (slot < 0) return false;
    const state = own.ring.states[slot] ?? 0;
    if ((state & (QOS_MASK | DONE)) !== 2 || (state & (SENT | RELEASED)) === 0) return false;
    if ((state & RELEASED) === 0) {
      if (reasonCode >= 0x80) {
        this.#answered(slot);
        return true;
      }
      own.releasing++;
      if (this.id !== 0) {
        own.ring.states[slot] = state | RELEASED;
        own.pubrecs ??= [];
        own.pubrecs.push(own.sequenceOf(slot));
        this.touch();
        return true;
      }
      own.ring.states[slot] = state | RELEASED | RELEASE_DURABLE;
    } else if ((state & RELEASE_DURABLE) === 0) return true;
    this.receiver?.sendPubrel(packetId);
    return true;
  }

  /** PUBCOMP ends a QoS 2 exchange. */
  onPubcomp(packetId: number): boolean {
    const own = this.state;
    const slot = own.find(packetId);
    if (slot < 0) return false;
    if (((own.ring.states[slot] ?? 0) & (QOS_MASK | RELEASED | DONE)) !== (2 | RELEASED)) return false;
    own.releasing--;
    this.#answered(slot);
    return true;
  }

  /** Sends again what has waited for an answer for longer than `seconds`. `now` is in seconds of the wheel's clock. */
  retry(now: number, seconds: number): void {
    const own = this.state;
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
        if ((state & RELEASE_DURABLE) !== 0) receiver.sendPubrel(own.packetId(offset));
      } else if (message !== null) {
        const identifiers = ring.extra(slot)?.identifiers ?? null;
        receiver.send(
          message,
          state & QOS_MASK,
          (state & RETAIN) !== 0,
          true,
          own.packetId(offset),
          identifiers,
        );
      }
    }
  }

  /** The exchange of an entry has come to its end: there is room in the window. */
  #answered(slot: number): void {
    this.state.inflight--;
    this.finish(slot);
    this.pump();
  }

  #redeliver(group: SharedGroup, message: Message): void {
    if (!this.expired(message)) group.redeliver(message, REDELIVERED);
  }

  #send(receiver: Receiver): void {
    while (receiver.writable && this.receiver === receiver) {
      if (this.#qos0 !== null) this.#sendQos0(receiver);
      else if (this.state.gathering) {
        this.load();
        return;
      } else if (this.state.cursor < this.state.loadedEnd) {
        if (!this.#sendNext(receiver)) return;
      } else if (this.state.cursor < this.state.gapEnd) {
        this.load();
        return;
      } else if (this.#answers === null || !this.#pullRetained(this.#answers, receiver)) return;
    }
  }

  /**
   * Whether a message that comes now can be sent at once. One with a Message Expiry Interval of 0 is delivered only
   * then: its delivery has begun before the interval has passed [MQTT-3.3.2-5].
   */
  #roomAtOnce(receiver: Receiver | null): boolean {
    if (receiver?.writable !== true) return false;
    const { state } = this;
    return state.inflight + state.waiting < receiver.window && state.tail - state.doneBelow < IDS;
  }

  #keepQos0(receiver: Receiver, publication: Publication, retain: boolean, identifier: number): boolean {
    if (receiver.leaving) {
      this.context.counters.increment(Metric.queue_message_unhandled);
      return false;
    }
    const limit = this.limits.maxOnlineMessages;
    const message = publication.message(this.context.clock);
    if (limit >= 0 && this.waiting >= limit) {
      this.dropped(message, "queue_full");
      return false;
    }
    this.#qos0 ??= [];
    this.#qos0.push({ message, retain, identifier });
    return true;
  }

  #tellOffline(publication: Publication, qos: number, retain: boolean): void {
    const tell = this.context.events.offlineMessage;
    if (tell !== null) tell(this, publication.message(this.context.clock), qos, retain);
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
        this.dropped(message, "expired");
        continue;
      }
      this.context.counters.increment(Metric.queue_message_out);
      receiver.send(message, 0, retain, false, 0, identifier === 0 ? null : [identifier]);
    }
    this.#qos0 = sent === waiting.length ? null : waiting.slice(sent);
  }

  /** Sends the entry at the cursor. False when it has to wait. */
  #sendNext(receiver: Receiver): boolean {
    const own = this.state;
    const ring = own.ring;
    const offset = own.cursor - own.doneBelow;
    const slot = ring.slot(offset);
    const state = ring.states[slot] ?? 0;
    if ((state & DONE) !== 0) {
      own.cursor++;
      own.advance();
      return true;
    }
    if ((state & RELEASED) !== 0) {
      // Whatever the window: it is for PUBLISH alone, and may be a smaller one than before [MQTT-3.3.4-10].
      own.cursor++;
      own.waiting--;
      own.inflight++;
      own.releasing++;
      this.#stamp(receiver, slot);
      if ((state & RELEASE_DURABLE) !== 0) receiver.sendPubrel(own.packetId(offset));
      return true;
    }
    const { inflight } = own;
    if (inflight >= receiver.window || offset >= IDS) return false;
    if (offset - inflight + own.releasing >= MOST_HALF_DONE) return false;
    const message = ring.messages[slot] ?? null;
    if (message === null) {
      this.#drop(own.cursor);
      return true;
    }
    const resent = own.cursor < own.sentBelow;
    if (
      message.expiresAt !== 0 &&
      !resent &&
      own.cursor >= own.begunBelow &&
      message.expiresAt <= this.context.clock.now()
    ) {
      this.dropped(message, "expired");
      this.#drop(own.cursor);
      return true;
    }
    const qos = state & QOS_MASK;
    // [MQTT-4.3.3-1] and our own rule: a QoS 2 message leaves only when its packet id is durable.
    // So does one that got a new number, or a crash would bring it back under the old one as if it was never sent.
    if (own.cursor >= own.durableEnd && this.id !== 0 && (qos === 2 || own.cursor < own.reversedEnd)) {
      return false;
    }
    if (!resent && own.cursor < own.collectedEnd && !this.mayBeSent()) return false;
    ring.states[slot] = state | SENT;
    own.cursor++;
    own.waiting--;
    own.inflight++;
    this.#stamp(receiver, slot);
    const identifiers = ring.extras === null ? null : (ring.extra(slot)?.identifiers ?? null);
    if (!receiver.send(message, qos, (state & RETAIN) !== 0, resent, own.packetId(offset), identifiers)) {
      own.inflight--;
      this.finish(ring.slot(offset));
    } else if (!resent) this.context.counters.increment(Metric.queue_message_out);
    return true;
  }

  #stamp(receiver: Receiver, slot: number): void {
    if (receiver.retrySeconds === 0) return;
    this.state.ring.sentAt[slot] = this.context.wheel.time / 1000;
    if (this.state.inflight === 1) receiver.retryWanted();
  }

  /** Drops a waiting entry of the ring. */
  #drop(sequence: number): void {
    this.state.waiting--;
    this.finish(this.state.slotOf(sequence));
  }

  /** Takes a few retained messages. False when there are none for now. */
  #pullRetained(answers: RetainedAnswers, receiver: Receiver): boolean {
    const source = answers.current;
    if (source === undefined) return false;
    if (source.qos > 0 && this.state.inflight >= receiver.window) return false;
    const messages: Message[] = [];
    const more = source.next(RETAINED_BATCH, messages);
    answers.read(messages.length > 0, more);
    if (answers.over) this.#answers = null;
    const identifiers = source.identifier === 0 ? null : [source.identifier];
    for (const message of messages) {
      const qos = this.limits.upgradeOutgoingQos ? source.qos : Math.min(source.qos, message.qos);
      this.context.counters.increment(Metric.queue_message_in);
      if (qos > 0) {
        this.append(message, qos | RETAIN, identifiers === null ? null : { identifiers, group: null });
        if (this.id !== 0) this.touch();
      } else {
        this.context.counters.increment(Metric.queue_message_out);
        receiver.send(message, 0, true, false, 0, identifiers);
      }
    }
    return true;
  }
}
