import type { Message } from "../mqtt/message.ts";

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
