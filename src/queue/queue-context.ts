import type { Clock } from "../clock/clock.ts";
import type { Logger } from "../log/logger.ts";
import type { Counters } from "../metrics/counters.ts";
import type { Message } from "../mqtt/message.ts";
import type { Topic } from "../mqtt/topic.ts";
import type { SharedGroup } from "../routing/shared-group.ts";
import type { MessageStore } from "../store/participant.ts";
import type { FullQueues } from "./full-queues.ts";

/** Why a message was dropped, in the words of the on_message_drop hook. */
export type DropReason = "queue_full" | "expired" | "max_packet_size_exceeded";

/** Who a queue belongs to. */
export interface SubscriberId {
  readonly mountpoint: string;
  readonly clientId: string;
}

/** Limits of one queue, from configuration and modifiers; -1 is no limit. */
export interface QueueLimits {
  readonly maxOnlineMessages: number;
  readonly maxOfflineMessages: number;
  readonly overrideMaxOnlineMessages: boolean;
  readonly lifo: boolean;
  readonly upgradeOutgoingQos: boolean;
}

/** What queues tell plugins; null members when nobody listens, so that a quiet hook costs one comparison. */
export interface QueueEvents {
  messageDropped: ((owner: SubscriberId, message: Message, reason: DropReason) => void) | null;
  offlineMessage: ((owner: SubscriberId, message: Message, qos: number, retain: boolean) => void) | null;
}

/** What all queues of a mountpoint share. */
export interface QueueContext {
  /** The mountpoint's name. */
  readonly mountpoint: string;
  readonly store: MessageStore;
  readonly counters: Counters;
  readonly clock: Clock;
  readonly wheel: { readonly time: number };
  readonly log: Logger;
  readonly events: QueueEvents;
  readonly fullQueues: FullQueues;
  readonly topics: { internText(text: string): Topic };
  /** The shared group with that queue id, for entries read from the store; null when it has gone. */
  groupById(id: number): SharedGroup | null;
}
