import type { Message } from "../mqtt/message.ts";
import type { Topic } from "../mqtt/topic.ts";

/** Where stored messages get their topics from: the topic table of the queue's mountpoint. */
export interface StoredTopics {
  /** The interned topic of that name, which was valid when it was published. Never fails. */
  internText(text: string): Topic;
}

/** What a queue remembers on disk beside its references, in one small value. */
export interface QueueHead {
  /** Every sequence number below this is done. */
  readonly doneBelow: number;
  /** Sequence numbers at or above `doneBelow` that are done all the same (acknowledged out of order). */
  readonly done: readonly number[];
  /** Sequence numbers whose PUBREC has been seen: PUBREL is to be sent [MQTT-4.3.3-5]. */
  readonly released: readonly number[];
  /** Packet ids of incoming QoS 2 publishes that wait for PUBREL; when there are many, the others are "incoming" records. */
  readonly incoming: readonly number[];
  /** The next sequence number to be given. */
  readonly next: number;
  /** Everything from here on has certainly not been sent yet; what is below is sent with DUP [MQTT-3.3.1-1]. */
  readonly sentBelow: number;
  /** How many references are stored and not done. */
  readonly stored: number;
}

/** One entry of a queue as stored. */
export interface StoredReference {
  readonly sequence: number;
  /** Delivery QoS, 1 or 2. */
  readonly qos: number;
  /** Delivered with the retain flag set. */
  readonly retain: boolean;
  /** Queue id of the shared group it came through, or 0. */
  readonly group: number;
  /** Subscription identifiers to be sent along; empty for none. */
  readonly identifiers: readonly number[];
  readonly message: Message;
}

/**
 * What a commit is collected into. All of one batch becomes durable together or not at all.
 * Calls never throw and never wait.
 */
export interface CommitBatch {
  /**
   * Adds one reference of `queue` to a message; puts the message's body into this batch's segment if it is in none.
   * References of one queue must be added in a row, in ascending sequence order, also over all its commits.
   */
  reference(
    queue: number,
    sequence: number,
    qos: number,
    retain: boolean,
    group: number,
    identifiers: readonly number[] | null,
    message: Message,
  ): void;
  /** Replaces the head of a queue; a queue gives it with every commit in which it takes part. References below `doneBelow` and bodies nobody refers to are removed by the store. */
  head(queue: number, head: QueueHead): void;
  /**
   * The stored reference `sequence` of `queue`, to the body in `segment`, is done. Tells the store how much of a segment
   * is dead, so that it knows when rewriting pays; what may be removed it knows from the heads alone.
   */
  release(queue: number, sequence: number, segment: number): void;
  /** Removes a queue with its head and all references. */
  removeQueue(queue: number): void;
  /** Puts a record (subscriber, group, page of retained messages, will …) into a named table; key and value are opaque. */
  putRecord(table: RecordTable, key: string, value: Buffer): void;
  deleteRecord(table: RecordTable, key: string): void;
}

/** The tables of small records beside the queues. */
export type RecordTable = "subscriber" | "incoming" | "group" | "retained" | "will" | "meta";

/** Something with state to be committed: a queue, the registry, the retained store. */
export interface CommitParticipant {
  /** True while it stands in the list of the next commit; managed by the store. */
  dirty: boolean;
  /** Puts everything that changed since the last call into the batch. Called once per commit in which it is dirty. */
  collect(batch: CommitBatch): void;
  /** What was collected last is durable now. */
  committed(): void;
}

/** The durable store of one node, as its users see it. */
export interface MessageStore {
  /** Has the participant collected by the next commit, which starts at the end of this turn if none is running. O(1). */
  touch(participant: CommitParticipant): void;
  /** The same for a change that nobody waits for at present: under load its commit may come some milliseconds later. O(1). */
  touchLater(participant: CommitParticipant): void;
  /** Calls back when everything touched until now is durable: in a later turn, once, in the order of the calls. */
  whenDurable(callback: () => void): void;
  /** A new queue id, never used before, also not by an earlier run of the broker. */
  newQueueId(): number;
  /**
   * Reads up to `limit` stored references of a queue from sequence `from` on, in order, done ones (by the stored head)
   * left out, with their messages; bodies share the segment's buffer. References not yet committed are not seen.
   * An entry whose body is damaged is left out, counted and logged. May give fewer than `limit` though there are more
   * (large bodies); none at all means there are no more.
   */
  readReferences(
    queue: number,
    from: number,
    limit: number,
    topics: StoredTopics,
  ): Promise<StoredReference[]>;
  /** The stored head of a queue, or null. */
  readHead(queue: number): Promise<QueueHead | null>;
  /** The heads of all queues, for start-up; in batches so that memory stays flat. */
  heads(): AsyncIterable<readonly { readonly queue: number; readonly head: QueueHead }[]>;
  /** All records of a table, in key order, in batches. */
  records(table: RecordTable): AsyncIterable<readonly { readonly key: string; readonly value: Buffer }[]>;
  readRecord(table: RecordTable, key: string): Promise<Buffer | null>;
  /** Bytes that participants hold and that are not committed. Raised and lowered by the participants. */
  uncommittedBytes: number;
  /** Bytes that queues have taken in since the last commit began, also if they let go of them. Raised by the queues. */
  gatheredBytes: number;
  /** True while `uncommittedBytes` is over the limit or the disk refuses writes: QoS 1/2 publishers are to pause. */
  readonly overloaded: boolean;
  /** Calls back once when `overloaded` has ended. */
  whenRelieved(callback: () => void): void;
}
