import { ReasonCode, SUBACK_FAILURE_V3 } from "../mqtt/reason-code.ts";
import { DecidingChain } from "./deciding-chain.ts";
import { EventChain } from "./event-chain.ts";
import type {
  DecidingHookName,
  DecidingHooks,
  EventHookName,
  EventHooks,
  SubscribeRequest,
  SubscribeRequestM5,
  TopicRequest,
  TopicRequestM5,
} from "./hook.ts";
import { MODIFIER_GUARDS } from "./modifier-check.ts";
import { PublishChain } from "./publish-chain.ts";
import type { PluginRuntime } from "./runtime.ts";
import { SubscribeChain } from "./subscribe-chain.ts";

type Deciding<Name extends DecidingHookName> = DecidingChain<
  DecidingHooks[Name]["request"],
  DecidingHooks[Name]["modifiers"]
>;

/** A filter of MQTT 5 as granted: options left out stay as asked. */
export type GrantedM5 = TopicRequest & Partial<TopicRequestM5>;

/** The chains that a listener's sessions run: one object per hook, the same for the life of the listener. */
export interface HookChains {
  readonly auth_on_register: Deciding<"auth_on_register">;
  readonly auth_on_register_m5: Deciding<"auth_on_register_m5">;
  readonly auth_on_publish: PublishChain<
    DecidingHooks["auth_on_publish"]["request"],
    DecidingHooks["auth_on_publish"]["modifiers"]
  >;
  readonly auth_on_publish_m5: PublishChain<
    DecidingHooks["auth_on_publish_m5"]["request"],
    DecidingHooks["auth_on_publish_m5"]["modifiers"]
  >;
  readonly auth_on_subscribe: SubscribeChain<TopicRequest, SubscribeRequest>;
  readonly auth_on_subscribe_m5: SubscribeChain<GrantedM5, SubscribeRequestM5>;
  readonly on_unsubscribe: Deciding<"on_unsubscribe">;
  readonly on_unsubscribe_m5: Deciding<"on_unsubscribe_m5">;
  readonly on_deliver: Deciding<"on_deliver">;
  readonly on_deliver_m5: Deciding<"on_deliver_m5">;
  readonly on_auth_m5: Deciding<"on_auth_m5">;
  readonly on_register: EventChain<EventHooks["on_register"]>;
  readonly on_register_m5: EventChain<EventHooks["on_register_m5"]>;
  readonly on_publish: EventChain<EventHooks["on_publish"]>;
  readonly on_publish_m5: EventChain<EventHooks["on_publish_m5"]>;
  readonly on_subscribe: EventChain<EventHooks["on_subscribe"]>;
  readonly on_subscribe_m5: EventChain<EventHooks["on_subscribe_m5"]>;
  readonly on_topic_unsubscribed: EventChain<EventHooks["on_topic_unsubscribed"]>;
  readonly on_offline_message: EventChain<EventHooks["on_offline_message"]>;
  readonly on_client_wakeup: EventChain<EventHooks["on_client_wakeup"]>;
  readonly on_client_offline: EventChain<EventHooks["on_client_offline"]>;
  readonly on_client_gone: EventChain<EventHooks["on_client_gone"]>;
  readonly on_session_expired: EventChain<EventHooks["on_session_expired"]>;
  readonly on_message_drop: EventChain<EventHooks["on_message_drop"]>;
  readonly change_config: EventChain<EventHooks["change_config"]>;
}

type EventChains = Pick<HookChains, EventHookName>;

/** The event chains of a node: per-listener plugin lists do not concern them, so all listeners share them. */
export function createEventChains(runtime: PluginRuntime): EventChains {
  return {
    on_register: new EventChain("on_register", runtime),
    on_register_m5: new EventChain("on_register_m5", runtime),
    on_publish: new EventChain("on_publish", runtime),
    on_publish_m5: new EventChain("on_publish_m5", runtime),
    on_subscribe: new EventChain("on_subscribe", runtime),
    on_subscribe_m5: new EventChain("on_subscribe_m5", runtime),
    on_topic_unsubscribed: new EventChain("on_topic_unsubscribed", runtime),
    on_offline_message: new EventChain("on_offline_message", runtime),
    on_client_wakeup: new EventChain("on_client_wakeup", runtime),
    on_client_offline: new EventChain("on_client_offline", runtime),
    on_client_gone: new EventChain("on_client_gone", runtime),
    on_session_expired: new EventChain("on_session_expired", runtime),
    on_message_drop: new EventChain("on_message_drop", runtime),
    change_config: new EventChain("change_config", runtime),
  };
}

/** Empty chains for one list of plugins; `events` are shared. */
export function createChains(events: EventChains, runtime: PluginRuntime): HookChains {
  const guards = MODIFIER_GUARDS;
  return {
    ...events,
    auth_on_register: new DecidingChain("auth_on_register", guards.auth_on_register, runtime),
    auth_on_register_m5: new DecidingChain("auth_on_register_m5", guards.auth_on_register_m5, runtime),
    auth_on_publish: new PublishChain("auth_on_publish", guards.auth_on_publish, runtime),
    auth_on_publish_m5: new PublishChain("auth_on_publish_m5", guards.auth_on_publish_m5, runtime),
    auth_on_subscribe: new SubscribeChain<TopicRequest, SubscribeRequest>(
      "auth_on_subscribe",
      guards.auth_on_subscribe,
      (wanted) => ({ ...wanted, qos: SUBACK_FAILURE_V3 }),
      runtime,
    ),
    auth_on_subscribe_m5: new SubscribeChain<GrantedM5, SubscribeRequestM5>(
      "auth_on_subscribe_m5",
      guards.auth_on_subscribe_m5,
      (wanted, error) => ({ ...wanted, qos: error?.reasonCode ?? ReasonCode.NotAuthorized }),
      runtime,
    ),
    on_unsubscribe: new DecidingChain("on_unsubscribe", guards.on_unsubscribe, runtime),
    on_unsubscribe_m5: new DecidingChain("on_unsubscribe_m5", guards.on_unsubscribe_m5, runtime),
    on_deliver: new DecidingChain("on_deliver", guards.on_deliver, runtime),
    on_deliver_m5: new DecidingChain("on_deliver_m5", guards.on_deliver_m5, runtime),
    on_auth_m5: new DecidingChain("on_auth_m5", guards.on_auth_m5, runtime),
  };
}
