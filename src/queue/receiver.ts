import type { Message } from "../mqtt/message.ts";
import type { Publication } from "../mqtt/publication.ts";

/** The connection side of a queue: an online session, or a shared group that empties its backlog. */
export interface Receiver {
  /** False while its output is over the limit: the queue keeps what comes until `pump` is called. */
  readonly writable: boolean;
  /**
   * The client has gone, and what that means for its session waits for its turn: it is not `writable` any more, and for
   * the queue nobody is there.
   */
  readonly leaving: boolean;
  /** How many QoS 1 and 2 messages may be in flight: Receive Maximum, or max_inflight_messages. */
  readonly window: number;
  /** Seconds after which an unanswered delivery is sent again, 0 for never [MQTT-4.4.0-1]. */
  readonly retrySeconds: number;
  /** Sends a QoS 0 message straight from the publish that is being routed. Hot path. */
  sendDirect(publication: Publication, retain: boolean, identifier: number): void;
  /**
   * Sends a kept message. False when it never will be sent (too large for the client): the queue forgets it.
   * Hot path.
   */
  send(
    message: Message,
    qos: number,
    retain: boolean,
    duplicate: boolean,
    packetId: number,
    identifiers: readonly number[] | null,
  ): boolean;
  sendPubrel(packetId: number): void;
  /** Something is in flight now and may have to be sent again: called when the first entry goes out. */
  retryWanted(): void;
}

/** Where retained messages for a new subscription come from, a few at a time. */
export interface RetainedSource {
  /** Up to `limit` messages into `into`; false when these are the last. */
  next(limit: number, into: Message[]): boolean;
  /** The QoS, and the identifier (0 for none), of the subscription. */
  readonly qos: number;
  readonly identifier: number;
}
