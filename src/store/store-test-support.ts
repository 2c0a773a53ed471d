import { Message } from "../mqtt/message.ts";
import { Topic } from "../mqtt/topic.ts";
import { DEFAULT_STORE_OPTIONS } from "./options.ts";
import type {
  CommitBatch,
  CommitParticipant,
  MessageStore,
  QueueHead,
  StoredReference,
  StoredTopics,
} from "./participant.ts";
import type { StoreTimers } from "./timers.ts";

function testTopics(): StoredTopics {
  const topics = new Map<string, Topic>();
  return {
    internText(text) {
      let topic = topics.get(text);
      if (topic === undefined) {
        topic = new Topic(text, Buffer.from(text), text.split("/").length);
        topics.set(text, topic);
      }
      return topic;
    },
  };
}

/** A topic table of tests. */
export const topics: StoredTopics = testTopics();

/** A message with that payload. */
export function message(payload: string | Buffer, topic = "a/b", expiresAt = 0, properties = ""): Message {
  const bytes = Buffer.from(payload);
  const buffer = Buffer.concat([Buffer.from("xx"), Buffer.from(properties), bytes, Buffer.from("yy")]);
  const start = 2 + Buffer.byteLength(properties);
  return new Message(
    topics.internText(topic),
    1,
    false,
    buffer,
    start,
    start + bytes.length,
    2,
    start,
    expiresAt,
    null,
  );
}

export function payloadOf({ buffer, payloadStart, payloadEnd }: Message): string {
  return buffer.toString("utf8", payloadStart, payloadEnd);
}

/** The smallest thing that keeps the rules of a queue: appends, marks done, gives references and heads. */
export class TestQueue implements CommitParticipant {
  dirty = false;
  readonly id: number;
  readonly #store: MessageStore;
  #next: number;
  #doneBelow: number;
  readonly #done: Set<number>;
  #fresh: { sequence: number; message: Message; qos: number; group: number; identifiers: number[] }[] = [];
  #releases: { sequence: number; segment: number }[] = [];
  readonly #where = new Map<number, Message>();
  removed = false;
  collections = 0;
  commits = 0;

  constructor(store: MessageStore, id = store.newQueueId(), head: QueueHead | null = null) {
    this.#store = store;
    this.id = id;
    this.#next = head?.next ?? 0;
    this.#doneBelow = head?.doneBelow ?? 0;
    this.#done = new Set(head?.done);
  }

  get next(): number {
    return this.#next;
  }

  append(stored: Message, qos = 1, group = 0, identifiers: number[] = []): number {
    const sequence = this.#next++;
    this.#fresh.push({ sequence, message: stored, qos, group, identifiers });
    this.#where.set(sequence, stored);
    this.#store.touch(this);
    return sequence;
  }

  done(sequence: number): void {
    if (sequence < this.#doneBelow || sequence >= this.#next) return;
    this.#fresh = this.#fresh.filter((entry) => entry.sequence !== sequence);
    const stored = this.#where.get(sequence);
    if (stored !== undefined && stored.segment !== 0) {
      this.#releases.push({ sequence, segment: stored.segment });
    }
    this.#where.delete(sequence);
    this.#done.add(sequence);
    while (this.#done.delete(this.#doneBelow)) this.#doneBelow++;
    this.#store.touch(this);
  }

  /** Everything up to and with that one. */
  doneUpTo(sequence: number): void {
    for (let each = this.#doneBelow; each <= sequence; each++) this.done(each);
  }

  remove(): void {
    this.removed = true;
    this.#store.touch(this);
  }

  head(): QueueHead {
    return {
      doneBelow: this.#doneBelow,
      done: [...this.#done].sort((a, b) => a - b),
      released: [],
      incoming: [],
      next: this.#next,
      sentBelow: 0,
      stored: this.#next - this.#doneBelow - this.#done.size,
    };
  }

  collect(batch: CommitBatch): void {
    this.collections++;
    if (this.removed) {
      batch.removeQueue(this.id);
      return;
    }
    for (const { sequence, message: stored, qos, group, identifiers } of this.#fresh) {
      batch.reference(this.id, sequence, qos, false, group, identifiers, stored);
    }
    this.#fresh = [];
    for (const { sequence, segment } of this.#releases) batch.release(this.id, sequence, segment);
    this.#releases = [];
    batch.head(this.id, this.head());
  }

  committed(): void {
    this.commits++;
  }
}

/**
 * Timers whose delays end in the next turn, so that background work is done at once; that of `close` never ends.
 * `delays` lists what was asked.
 */
export function quickTimers(): StoreTimers & { readonly delays: number[] } {
  const delays: number[] = [];
  let time = 1_800_000_000_000;
  return {
    delays,
    // Half a minute goes by between any two looks at the clock.
    now: () => {
      time += 30_000;
      return time;
    },
    immediate: (callback) => void setImmediate(callback),
    delay: (milliseconds) => {
      delays.push(milliseconds);
      if (milliseconds === DEFAULT_STORE_OPTIONS.closeTimeout) return new Promise(() => undefined);
      return new Promise((resolve) => setImmediate(resolve));
    },
  };
}

/** Resolves when everything touched until now is durable. */
export function durable(store: MessageStore): Promise<void> {
  return new Promise((resolve) => store.whenDurable(resolve));
}

/** All references of a queue, page after page. */
export async function readAll(store: MessageStore, queue: number, page = 100): Promise<StoredReference[]> {
  const all: StoredReference[] = [];
  for (;;) {
    const from = (all.at(-1)?.sequence ?? -1) + 1;
    const references = await store.readReferences(queue, from, page, topics);
    if (references.length === 0) return all;
    all.push(...references);
  }
}

/** The payloads of a queue in order. */
export async function payloads(store: MessageStore, queue: number): Promise<string[]> {
  return (await readAll(store, queue)).map((reference) => payloadOf(reference.message));
}

/** Waits until a condition holds, looking again after each commit or turn; fails after ten seconds. */
export async function eventually(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`did not come true: ${what}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}
