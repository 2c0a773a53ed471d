import type { Message } from "../mqtt/message.ts";
import type { HookChains } from "../plugin/chains.ts";
import type { EventChain } from "../plugin/event-chain.ts";
import type { SessionEvent } from "../plugin/hook.ts";
import type { QueueEvents, SubscriberId } from "../queue/queue-context.ts";
import type { RegistryEvents } from "../registry/registry.ts";

/** The message as plugins get it; the payload is a copy, because queues and the store share the message's bytes. */
function described(message: Message): { readonly topic: string; readonly payload: Buffer } {
  const { topic, buffer, payloadStart, payloadEnd } = message;
  return { topic: topic.text, payload: Buffer.from(buffer.subarray(payloadStart, payloadEnd)) };
}

/** The subscriber id alone, as plugins get it: what owns a message is a queue. */
function idOf({ mountpoint, clientId }: SubscriberId): SubscriberId {
  return { mountpoint, clientId };
}

/** Tells plugins what becomes of messages; the members are null while no plugin listens. */
export function queueEvents(chains: Pick<HookChains, "on_message_drop" | "on_offline_message">): QueueEvents {
  const { on_message_drop: dropChain, on_offline_message: offlineChain } = chains;
  const tellDropped: QueueEvents["messageDropped"] = (owner, message, reason) => {
    const { qos, retain } = message;
    dropChain.run({ subscriberId: idOf(owner), reason, qos, retain, ...described(message) });
  };
  const tellOffline: QueueEvents["offlineMessage"] = (owner, message, qos, retain) => {
    offlineChain.run({ subscriberId: idOf(owner), qos, retain, ...described(message) });
  };
  return {
    get messageDropped() {
      return dropChain.isEmpty ? null : tellDropped;
    },
    get offlineMessage() {
      return offlineChain.isEmpty ? null : tellOffline;
    },
  };
}

/** Tells plugins what becomes of sessions. */
export function registryEvents(
  chains: Pick<
    HookChains,
    | "on_client_wakeup"
    | "on_client_offline"
    | "on_client_gone"
    | "on_session_expired"
    | "on_topic_unsubscribed"
  >,
): RegistryEvents {
  const tell = (chain: EventChain<SessionEvent>, subscriberId: SubscriberId): void => {
    if (!chain.isEmpty) chain.run({ subscriberId });
  };
  return {
    clientWakeup: (id) => tell(chains.on_client_wakeup, id),
    clientOffline: (id) => tell(chains.on_client_offline, id),
    clientGone: (id) => tell(chains.on_client_gone, id),
    sessionExpired: (id) => tell(chains.on_session_expired, id),
    allTopicsUnsubscribed: (subscriberId) => {
      const chain = chains.on_topic_unsubscribed;
      if (!chain.isEmpty) chain.run({ subscriberId, topics: "all_topics" });
    },
  };
}
