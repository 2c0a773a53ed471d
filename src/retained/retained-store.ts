import type { Clock } from "../clock/clock.ts";
import { Message } from "../mqtt/message.ts";
import type { Publication } from "../mqtt/publication.ts";
import type { Topic } from "../mqtt/topic.ts";
import { isTopicName } from "../mqtt/topic-name.ts";
import type { CommitBatch, CommitParticipant, MessageStore } from "../store/participant.ts";
import {
  ENTRY_HEADER,
  entriesOf,
  entryExpiresAt,
  entryTopicLength,
  type PageBuilder,
} from "../store/retained-page.ts";
import { type MessageMaker, RetainedCursor } from "./retained-cursor.ts";
import { RetainedPages } from "./retained-pages.ts";
import { RetainedRecords, type TopicName } from "./retained-records.ts";
import { NONE, TopicTree } from "./topic-tree.ts";
import { END, mayMatch, TopicWalk } from "./topic-walk.ts";

/** What a topic takes in the tree, in bytes, roughly. */
const TREE_WEIGHT = 110;
/** What a change that is not committed yet weighs beside its payload and properties. */
const CHANGE_WEIGHT = 128;
/** Messages are copied out into slabs of this size; larger ones get a buffer of their own. */
const SLAB_SIZE = 64 * 1024;
const LARGEST_SHARED = 4 * 1024;

/** What the retained store needs of the topic table. */
export interface RetainedTopics {
  internText(text: string): Topic;
  lookUp(buffer: Buffer, start: number, end: number): Topic;
}

/** One retained message, for `retain show`. */
export interface RetainedEntry {
  readonly topic: string;
  readonly qos: number;
  readonly payload: Buffer;
  /** Epoch milliseconds, 0 for never. */
  readonly expiresAt: number;
}

/** A name in a page from the store; its bytes are rarely needed. */
class StoredName implements TopicName {
  readonly text: string;
  private readonly page: Buffer;
  private readonly start: number;
  private readonly end: number;

  constructor(page: Buffer, start: number, end: number) {
    this.text = page.toString("utf8", start, end);
    this.page = page;
    this.start = start;
    this.end = end;
  }

  get bytes(): Buffer {
    return this.page.subarray(this.start, this.end);
  }
}

/**
 * The retained messages of one mountpoint: the last one of each topic, durable, with its QoS and properties.
 * Records stand outside the JavaScript heap; `Message` objects are made when they are read.
 */
export class RetainedStore implements CommitParticipant, MessageMaker {
  readonly mountpoint: string;
  dirty = false;
  private readonly store: MessageStore;
  private readonly topics: RetainedTopics;
  private readonly clock: Clock;
  private readonly records = new RetainedRecords();
  private readonly tree = new TopicTree(this.records);
  private readonly pages: RetainedPages;
  /** Messages whose publishers wait for the next commit, and for the one that is under way. */
  private waiting: Message[] = [];
  private committing: Message[] = [];
  private waitingBytes = 0;
  private committingBytes = 0;
  /** At most how many messages have an expiry time. */
  private expiring = 0;
  private sweep: TopicWalk | null = null;
  private slab = Buffer.alloc(0);
  private slabUsed = 0;

  /** `builder` may be shared with those of other mountpoints. */
  constructor(
    mountpoint: string,
    store: MessageStore,
    topics: RetainedTopics,
    clock: Clock,
    builder: PageBuilder,
  ) {
    this.mountpoint = mountpoint;
    this.pages = new RetainedPages(mountpoint, this.records, builder);
    this.store = store;
    this.topics = topics;
    this.clock = clock;
  }

  /** Number of retained messages; expired ones count until they are met. */
  get count(): number {
    return this.tree.count;
  }

  /** Memory for all of them, in bytes, estimated. */
  get bytes(): number {
    return this.records.bytes + this.tree.count * TREE_WEIGHT;
  }

  /**
   * Keeps a publish as its topic's retained message, or with an empty payload deletes the one there is
   * [MQTT-3.3.1-6]. For QoS 1 and 2 it gives the lasting copy, one place more `unsettled` until this is durable;
   * for QoS 0 null. Hot path.
   */
  set(publication: Publication): Message | null {
    const { topic } = publication;
    const payload = publication.payloadEnd - publication.payloadStart;
    let previous = NONE;
    // With an interval of 0 it replaces the message there is, and has expired already.
    if (payload === 0 || publication.expiryInterval === 0) {
      previous = this.tree.delete(topic);
    } else {
      const expires = publication.expiryInterval >= 0;
      const expiresAt = expires ? this.clock.now() + publication.expiryInterval * 1000 : 0;
      const address = this.records.add(publication, expiresAt);
      previous = this.tree.put(topic, address);
      this.pages.add(address);
      if (expires) this.expiring++;
    }
    if (previous !== NONE) this.forget(previous);
    const bytes = CHANGE_WEIGHT + payload + publication.propertyEnd - publication.propertyStart;
    this.waitingBytes += bytes;
    this.store.uncommittedBytes += bytes;
    // Deleting what is not there waits for a commit too: the deletion before it may not be durable yet.
    this.store.touch(this);
    if (publication.qos === 0) return null;
    const message = publication.message(this.clock);
    message.unsettled++;
    this.waiting.push(message);
    return message;
  }

  /** False when nothing that matches the filter is retained; true when there may be something. */
  mayHave(filter: string): boolean {
    return mayMatch(this.tree, filter);
  }

  /**
   * The retained messages that match a valid filter without `$share`; with `notBy`, without those that the client with
   * that id has published [MQTT-3.8.3-3].
   */
  read(filter: string, notBy: string | null = null): RetainedCursor {
    const walk = new TopicWalk(this.tree, this.records, filter);
    return new RetainedCursor(walk, this, notBy === null ? null : Buffer.from(notBy));
  }

  /** The message of a record, made now; null when it has expired, and it is deleted then. */
  messageAt(address: number): Message | null {
    const record = this.records.open(address);
    const { expiresAt, qos, bodyStart, propertyLength } = record;
    if (expiresAt !== 0 && expiresAt <= this.clock.now()) {
      this.expire(address);
      return null;
    }
    const source = record.buffer;
    const size = propertyLength + record.payloadLength;
    const topic = this.topics.lookUp(source, record.topicStart, bodyStart);
    let buffer = source;
    let at = bodyStart;
    if (!this.records.alone(address)) {
      // The record's memory may be used for another one while this message lives.
      if (size > LARGEST_SHARED) {
        buffer = Buffer.allocUnsafeSlow(size);
        at = 0;
      } else {
        if (this.slab.length - this.slabUsed < size) {
          this.slab = Buffer.allocUnsafeSlow(SLAB_SIZE);
          this.slabUsed = 0;
        }
        buffer = this.slab;
        at = this.slabUsed;
        this.slabUsed += size;
      }
      source.copy(buffer, at, bodyStart, bodyStart + size);
    }
    const payloadStart = at + propertyLength;
    return new Message(topic, qos, true, buffer, payloadStart, at + size, at, payloadStart, expiresAt, null);
  }

  /** See `MessageMaker`. */
  isPublishedBy(address: number, clientId: Buffer): boolean {
    return this.records.isPublishedBy(address, clientId);
  }

  /** All messages that have not expired, in no particular order; payloads are copies. The store may change meanwhile. */
  *entries(): Generator<RetainedEntry> {
    const { records } = this;
    const walk = new TopicWalk(this.tree, records, null);
    for (let address = walk.step(); address !== END; address = walk.step()) {
      if (address < 0) continue;
      const { buffer, topicStart, bodyStart, propertyLength, payloadLength, qos, expiresAt } =
        records.open(address);
      if (expiresAt !== 0 && expiresAt <= this.clock.now()) continue;
      const payloadStart = bodyStart + propertyLength;
      yield {
        topic: buffer.toString("utf8", topicStart, bodyStart),
        qos,
        payload: Buffer.from(buffer.subarray(payloadStart, payloadStart + payloadLength)),
        expiresAt,
      };
    }
  }

  /**
   * Goes on looking for expired messages and deletes them, in at most `steps` steps. True while the round is not
   * finished; the next call after that begins a new one.
   */
  sweepExpired(steps: number): boolean {
    if (this.sweep === null) {
      if (this.expiring === 0) return false;
      this.sweep = new TopicWalk(this.tree, this.records, null);
    }
    const now = this.clock.now();
    for (let step = 0; step < steps; step++) {
      const address = this.sweep.step();
      if (address === END) {
        this.sweep = null;
        return false;
      }
      if (address < 0) continue;
      const expiresAt = this.records.open(address).expiresAt;
      if (expiresAt !== 0 && expiresAt <= now) this.expire(address);
    }
    return true;
  }

  /** There is something stored under that page's number. To be called before a page of that number is taken in. */
  found(number: number): void {
    this.pages.taken(number);
  }

  /**
   * Takes in a stored page at start-up, and its deaths if there are any; pages come in the order of their numbers. What
   * has expired is deleted. False when there is something in it that cannot be read; that is left out.
   */
  restore(number: number, page: Buffer, deaths: Buffer | null): boolean {
    const starts = entriesOf(page);
    if (starts === null) return false;
    const now = this.clock.now();
    const expired: number[] = [];
    let whole = true;
    this.pages.restore(number, starts, page.length, deaths, (start) => {
      const topicStart = start + ENTRY_HEADER;
      const name = new StoredName(page, topicStart, topicStart + entryTopicLength(page, start));
      if (!isTopicName(name.text)) {
        whole = false;
        return NONE;
      }
      const address = this.records.restore(page, start);
      const previous = this.tree.put(name, address);
      if (previous !== NONE) this.forget(previous);
      const expiresAt = entryExpiresAt(page, start);
      if (expiresAt !== 0) {
        this.expiring++;
        if (expiresAt <= now) expired.push(address);
      }
      return address;
    });
    for (const address of expired) this.expire(address);
    return whole;
  }

  /** See `CommitParticipant`. */
  collect(batch: CommitBatch): void {
    this.pages.collect(batch);
    this.committing = this.waiting;
    this.committingBytes = this.waitingBytes;
    this.waiting = [];
    this.waitingBytes = 0;
  }

  /** See `CommitParticipant`. */
  committed(): void {
    const { committing } = this;
    this.committing = [];
    this.store.uncommittedBytes -= this.committingBytes;
    this.committingBytes = 0;
    for (const message of committing) message.settleOne();
  }

  /** Deletes an expired message. */
  private expire(address: number): void {
    const topic = this.topics.internText(this.records.topicText(address));
    this.tree.delete(topic);
    this.forget(address);
    this.store.touch(this);
  }

  /** Frees a record that the tree has no more. */
  private forget(address: number): void {
    if (this.records.open(address).expiresAt !== 0) this.expiring--;
    this.pages.remove(address);
    this.records.free(address);
  }
}
