import assert from "node:assert/strict";
import { ManualClock } from "../clock/clock.ts";
import { silentLogger } from "../log/logger.ts";
import { Counters } from "../metrics/counters.ts";
import { Message, type SettlementListener } from "../mqtt/message.ts";
import { Publication } from "../mqtt/publication.ts";
import type { SharedGroup } from "../routing/shared-group.ts";
import type {
  CommitBatch,
  CommitParticipant,
  MessageStore,
  QueueHead,
  RecordTable,
  StoredReference,
  StoredTopics,
} from "../store/participant.ts";
import { message, payloadOf, topics } from "../store/store-test-support.ts";
import { FullQueues } from "./full-queues.ts";
import { decodeIncomingPage, type IncomingPage } from "./incoming-pages.ts";
import type { QueueContext, QueueEvents, QueueLimits } from "./queue-context.ts";
import type { Receiver } from "./receiver.ts";
import { SubscriberQueue } from "./subscriber-queue.ts";

/** What one commit changes on the disk of a `ManualStore`. */
interface Change {
  readonly references: { readonly queue: number; readonly reference: StoredReference }[];
  readonly heads: { readonly queue: number; readonly head: QueueHead }[];
  readonly removed: number[];
  readonly records: { readonly table: RecordTable; readonly key: string; readonly value: Buffer | null }[];
}

/** A disk: it outlives the store that wrote it. */
export class ManualDisk {
  readonly references = new Map<number, StoredReference[]>();
  readonly heads = new Map<number, QueueHead>();
  readonly records = new Map<string, Buffer>();
  nextQueue = 1;

  apply(change: Change): void {
    for (const { queue, reference } of change.references) {
      const list = this.references.get(queue) ?? [];
      const last = list.at(-1);
      if (last !== undefined && last.sequence >= reference.sequence)
        throw new Error("references not in order");
      list.push(reference);
      this.references.set(queue, list);
    }
    for (const { queue, head } of change.heads) {
      this.heads.set(queue, head);
      const list = this.references.get(queue) ?? [];
      this.references.set(
        queue,
        list.filter((reference) => reference.sequence >= head.doneBelow),
      );
    }
    for (const queue of change.removed) {
      this.heads.delete(queue);
      this.references.delete(queue);
    }
    for (const { table, key, value } of change.records) {
      if (value === null) this.records.delete(`${table}/${key}`);
      else this.records.set(`${table}/${key}`, value);
    }
  }

  /** What is stored of a queue's incoming packet ids beside its head. */
  incomingPages(queue: number): IncomingPage[] {
    const pages: IncomingPage[] = [];
    for (const [key, value] of this.records) {
      if (!key.startsWith("incoming/")) continue;
      const decoded = decodeIncomingPage(key.slice("incoming/".length), value);
      assert.ok(decoded !== undefined);
      if (decoded.queue === queue) pages.push(decoded.page);
    }
    return pages;
  }

  /** References that are stored and not done, as a reader sees them. */
  live(queue: number): StoredReference[] {
    const head = this.heads.get(queue);
    if (head === undefined) return [];
    const done = new Set(head.done);
    return (this.references.get(queue) ?? []).filter(({ sequence }) => !done.has(sequence));
  }
}

/**
 * A store whose commits and reads are carried out by hand: `begin` collects, `complete` makes it durable, `answer`
 * gives the oldest read its result (as of the time when it was asked for). What is not complete is lost in a crash.
 */
export class ManualStore implements MessageStore {
  readonly disk: ManualDisk;
  uncommittedBytes = 0;
  gatheredBytes = 0;
  /** Somebody waits for the commit that gathers. */
  urgent = false;
  readonly overloaded = false;
  /** How many references one read gives at most. */
  page = Number.POSITIVE_INFINITY;
  /** References released, by queue and sequence. */
  readonly released: string[] = [];
  #dirty: CommitParticipant[] = [];
  #waiting: (() => void)[] = [];
  #running: { change: Change; participants: CommitParticipant[]; callbacks: (() => void)[] } | null = null;
  #reads: (() => void)[] = [];
  #segment = 1;

  constructor(disk = new ManualDisk()) {
    this.disk = disk;
  }

  get writing(): boolean {
    return this.#running !== null;
  }

  get idle(): boolean {
    return this.#running === null && this.#dirty.length === 0 && this.#waiting.length === 0;
  }

  get reads(): number {
    return this.#reads.length;
  }

  touch(participant: CommitParticipant): void {
    this.urgent = true;
    this.touchLater(participant);
  }

  touchLater(participant: CommitParticipant): void {
    if (participant.dirty) return;
    participant.dirty = true;
    this.#dirty.push(participant);
  }

  whenDurable(callback: () => void): void {
    this.#waiting.push(callback);
  }

  newQueueId(): number {
    return this.disk.nextQueue++;
  }

  /** Collects what is to be committed; nothing happens while a commit is under way. */
  begin(): void {
    if (this.#running !== null) return;
    this.urgent = false;
    const participants = this.#dirty;
    this.#dirty = [];
    const callbacks = this.#waiting;
    this.#waiting = [];
    const change: Change = { references: [], heads: [], removed: [], records: [] };
    const segment = this.#segment++;
    const batch: CommitBatch = {
      reference: (queue, sequence, qos, retain, group, identifiers, stored) => {
        if (stored.segment === 0) stored.segment = segment;
        const { topic, expiresAt, buffer, payloadStart, payloadEnd, propertyStart, propertyEnd } = stored;
        const copy = new Message(
          topic,
          stored.qos,
          stored.retain,
          buffer,
          payloadStart,
          payloadEnd,
          propertyStart,
          propertyEnd,
          expiresAt,
          null,
        );
        copy.segment = stored.segment;
        const reference = { sequence, qos, retain, group, identifiers: identifiers ?? [], message: copy };
        change.references.push({ queue, reference });
      },
      head: (queue, head) => void change.heads.push({ queue, head }),
      release: (queue, sequence) => void this.released.push(`${queue}:${sequence}`),
      removeQueue: (queue) => void change.removed.push(queue),
      putRecord: (table, key, value) => void change.records.push({ table, key, value: Buffer.from(value) }),
      deleteRecord: (table, key) => void change.records.push({ table, key, value: null }),
    };
    this.#running = { change, participants, callbacks };
    for (const participant of participants) {
      participant.dirty = false;
      participant.collect(batch);
    }
  }

  /** What was collected is on disk now. */
  complete(): void {
    const running = this.#running;
    if (running === null) return;
    this.#running = null;
    this.disk.apply(running.change);
    for (const participant of running.participants) participant.committed();
    for (const callback of running.callbacks) callback();
  }

  /** Commits until nothing is left to commit. */
  commit(): void {
    this.complete();
    for (let turns = 0; !this.idle; turns++) {
      if (turns > 10_000) throw new Error("commits do not come to an end");
      this.begin();
      this.complete();
    }
  }

  readReferences(
    queue: number,
    from: number,
    limit: number,
    _topics: StoredTopics,
  ): Promise<StoredReference[]> {
    const found = this.disk
      .live(queue)
      .filter(({ sequence }) => sequence >= from)
      .slice(0, Math.min(limit, this.page));
    return new Promise((resolve) => void this.#reads.push(() => resolve(found)));
  }

  /** Answers the oldest read; what follows from it has happened when this resolves. */
  async answer(): Promise<void> {
    this.#reads.shift()?.();
    for (let i = 0; i < 4; i++) await Promise.resolve();
  }

  /** Commits and answers until nothing is left to do. */
  async settle(): Promise<void> {
    for (let turns = 0; !this.idle || this.#reads.length > 0; turns++) {
      if (turns > 10_000) throw new Error("the store does not come to rest");
      this.commit();
      await this.answer();
    }
  }

  readHead(queue: number): Promise<QueueHead | null> {
    return Promise.resolve(this.disk.heads.get(queue) ?? null);
  }

  async *heads(): AsyncGenerator<{ queue: number; head: QueueHead }[]> {
    yield [...this.disk.heads].map(([queue, head]) => ({ queue, head }));
  }

  async *records(table: RecordTable): AsyncGenerator<{ key: string; value: Buffer }[]> {
    yield [...this.disk.records]
      .filter(([key]) => key.startsWith(`${table}/`))
      .map(([key, value]) => ({ key: key.slice(table.length + 1), value }))
      .sort((a, b) => (a.key < b.key ? -1 : 1));
  }

  readRecord(table: RecordTable, key: string): Promise<Buffer | null> {
    return Promise.resolve(this.disk.records.get(`${table}/${key}`) ?? null);
  }

  whenRelieved(callback: () => void): void {
    this.#waiting.push(callback);
  }
}

const OWNER = "reader";

export const UNLIMITED: QueueLimits = {
  maxOnlineMessages: -1,
  maxOfflineMessages: -1,
  overrideMaxOnlineMessages: false,
  lifo: false,
  upgradeOutgoingQos: false,
};

/** What queues of one test share. */
export interface TestContext extends QueueContext {
  readonly store: ManualStore;
  readonly clock: ManualClock;
  readonly counters: Counters;
  readonly events: QueueEvents & { dropped: string[]; offline: string[] };
  readonly groups: Map<number, SharedGroup>;
  readonly wheel: { time: number };
}

export function testContext(store = new ManualStore()): TestContext {
  const dropped: string[] = [];
  const offline: string[] = [];
  const groups = new Map<number, SharedGroup>();
  return {
    mountpoint: "",
    store,
    counters: new Counters(4096),
    clock: new ManualClock(),
    wheel: { time: 0 },
    log: silentLogger,
    fullQueues: new FullQueues(silentLogger, { time: 0 }),
    events: {
      dropped,
      offline,
      messageDropped: (_owner, lost, reason) => void dropped.push(`${payloadOf(lost)} ${reason}`),
      offlineMessage: (_owner, kept, qos) => void offline.push(`${payloadOf(kept)} ${qos}`),
    },
    topics,
    groups,
    groupById: (id) => groups.get(id) ?? null,
  };
}

/** A queue that is stored, or one that ends with its connection. */
export function newQueue(context: TestContext, limits = UNLIMITED, persistent = true): SubscriberQueue {
  return new SubscriberQueue(persistent ? context.store.newQueueId() : 0, OWNER, limits, context);
}

/** The queue as a new start of the broker makes it from what is on disk. */
export function restored(queue: SubscriberQueue, context: TestContext, limits = UNLIMITED): SubscriberQueue {
  const again = new SubscriberQueue(queue.id, OWNER, limits, context);
  for (const page of context.store.disk.incomingPages(queue.id)) again.incoming.restorePage(page);
  const head = context.store.disk.heads.get(queue.id);
  if (head !== undefined) again.restore(head);
  return again;
}

const publication = new Publication();

/** Publishes a payload to a queue; gives the message, whose settlement `listener` hears of. */
export function publish(
  queue: SubscriberQueue,
  payload: string,
  qos: number,
  listener: SettlementListener | null = null,
  ticket = 0,
  { expiry = -1, identifier = 0 } = {},
): Message {
  const kept = message(payload);
  publication.fromMessage(kept, queue.context.clock.now());
  publication.qos = qos;
  publication.copy = null;
  publication.expiryInterval = expiry;
  queue.accept(publication, qos, false, identifier, null);
  const copy = publication.copy ?? kept;
  if (listener !== null && copy.unsettled > 0) {
    copy.listener = listener;
    copy.ticket = ticket;
  }
  return copy;
}

/** A connection that writes down what it is sent: `1#3 text` is QoS 1, packet id 3, with `dup` when it is marked so. */
export class RecordingReceiver implements Receiver {
  writable = true;
  leaving = false;
  window = 20;
  retrySeconds = 0;
  readonly sent: string[] = [];
  retries = 0;
  /** Payloads that it never takes. */
  readonly tooLarge = new Set<string>();
  /** Called before anything is written down. */
  onSend: (text: string) => void = () => undefined;

  sendDirect(direct: Publication): void {
    const text = direct.buffer.toString("utf8", direct.payloadStart, direct.payloadEnd);
    this.onSend(text);
    this.sent.push(`0 ${text}`);
  }

  send(
    kept: Message,
    qos: number,
    retain: boolean,
    duplicate: boolean,
    packetId: number,
    identifiers: readonly number[] | null,
  ): boolean {
    const text = payloadOf(kept);
    this.onSend(text);
    if (this.tooLarge.has(text)) return false;
    const marks = `${retain ? " retain" : ""}${duplicate ? " dup" : ""}${identifiers === null ? "" : ` [${identifiers.join()}]`}`;
    this.sent.push(qos === 0 ? `0 ${text}${marks}` : `${qos}#${packetId} ${text}${marks}`);
    return true;
  }

  sendPubrel(packetId: number): void {
    this.sent.push(`pubrel#${packetId}`);
  }

  retryWanted(): void {
    this.retries++;
  }

  /** What was sent since the last call. */
  take(): string[] {
    return this.sent.splice(0);
  }
}

/** Attaches a new connection and lets it be served. */
export function connect(queue: SubscriberQueue, window = 20): RecordingReceiver {
  const receiver = new RecordingReceiver();
  receiver.window = window;
  queue.attach(receiver);
  queue.pump();
  return receiver;
}

/** Hears of settlements. */
export class Settlements implements SettlementListener {
  readonly tickets: number[] = [];

  settled(ticket: number): void {
    this.tickets.push(ticket);
  }
}

/** Payloads m`first` to m`last`. */
export function names(first: number, last: number): string[] {
  return Array.from({ length: last - first + 1 }, (_, index) => `m${first + index}`);
}

export function publishAll(queue: SubscriberQueue, payloads: readonly string[], qos = 1): void {
  for (const payload of payloads) publish(queue, payload, qos);
}

/** The payloads of what was sent, without marks. */
export function sentPayloads(receiver: RecordingReceiver): string[] {
  return receiver.take().map((line) => line.split(" ")[1] ?? line);
}

/** Acknowledges in the order of sending until nothing is in flight; gives the payloads in that order. */
export async function drain(queue: SubscriberQueue, receiver: RecordingReceiver): Promise<string[]> {
  const all: string[] = [];
  for (let turns = 0; ; turns++) {
    assert.ok(turns < 100_000, "it does not come to an end");
    const lines = receiver.take();
    for (const line of lines) {
      const [, qos = "", id = "", payload = ""] = /^(\d)#(\d+) (\S+)/.exec(line) ?? [];
      if (qos === "1") assert.ok(queue.onPuback(Number(id)));
      if (qos === "2") assert.ok(queue.onPubrec(Number(id), 0));
      if (qos !== "") all.push(payload);
      if (line.startsWith("pubrel#")) assert.ok(queue.onPubcomp(Number(line.slice(7))));
    }
    const { store } = queue.context as ReturnType<typeof testContext>;
    if (lines.length === 0 && store.idle && store.reads === 0) return all;
    await store.settle();
  }
}
