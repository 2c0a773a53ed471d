import type { Topic } from "./topic.ts";

/** Who published a message: the queue of its client id, compared by identity among the queues of one mountpoint. */
export interface Publisher {
  readonly clientId: string;
}

/** Who waits until a message is safe, see `Message.unsettled`. */
export interface SettlementListener {
  /** The message of ticket `ticket` is safe in all persistent queues (and the retained store) that took it. */
  settled(ticket: number): void;
}

/**
 * One application message that outlives the turn in which it arrived: shared by all the queues that hold it.
 * The bytes (payload and end-to-end properties) stand in `buffer`, which belongs to the message or to a stored
 * body segment and never changes.
 */
export class Message {
  readonly topic: Topic;
  /** 0, 1 or 2: the QoS of the publish. */
  readonly qos: number;
  /** The retain flag of the publish. */
  readonly retain: boolean;
  readonly buffer: Buffer;
  readonly payloadStart: number;
  readonly payloadEnd: number;
  /**
   * MQTT 5 properties to be passed on unchanged, as wire bytes in `buffer` without the leading length:
   * payload format, content type, response topic, correlation data, user properties (in their order).
   * Topic alias, message expiry and subscription identifiers are never in here. Empty: start equals end.
   */
  readonly propertyStart: number;
  readonly propertyEnd: number;
  /** Epoch milliseconds after which it is not delivered any more; 0: never expires. */
  readonly expiresAt: number;
  /** The client that published it (for no-local), or null. */
  readonly origin: Publisher | null;
  /** Number of the stored body segment, 0 while the body is in no segment. Set by the store. */
  segment: number;
  /** Position of the body within its segment (byte offset in the segment value). Set by the store. */
  segmentOffset: number;
  /** In how many places (persistent queues, retained store) it still waits to be committed or acknowledged. */
  unsettled: number;
  /** Told once when `unsettled` falls to 0, if the publisher waits for that. */
  listener: SettlementListener | null;
  ticket: number;

  constructor(
    topic: Topic,
    qos: number,
    retain: boolean,
    buffer: Buffer,
    payloadStart: number,
    payloadEnd: number,
    propertyStart: number,
    propertyEnd: number,
    expiresAt: number,
    origin: Publisher | null,
  ) {
    this.topic = topic;
    this.qos = qos;
    this.retain = retain;
    this.buffer = buffer;
    this.payloadStart = payloadStart;
    this.payloadEnd = payloadEnd;
    this.propertyStart = propertyStart;
    this.propertyEnd = propertyEnd;
    this.expiresAt = expiresAt;
    this.origin = origin;
    this.segment = 0;
    this.segmentOffset = 0;
    this.unsettled = 0;
    this.listener = null;
    this.ticket = 0;
  }

  /** One place less waits for safety; tells the publisher's session when it was the last. Hot path. */
  settleOne(): void {
    if (--this.unsettled === 0 && this.listener !== null) {
      const listener = this.listener;
      this.listener = null;
      listener.settled(this.ticket);
    }
  }
}
