import type { HookAnswer } from "./answer.ts";
import type {
  AuthModifiers,
  DeliverModifiers,
  DeliverModifiersM5,
  PublishModifiers,
  PublishModifiersM5,
  RegisterModifiers,
  RegisterModifiersM5,
  SubscribeModifiers,
  SubscribeModifiersM5,
  UnsubscribeModifiers,
} from "./modifiers.ts";
import type { HookProperties } from "./properties.ts";
import type { SubscriberId, TopicRequest, TopicRequestM5 } from "./request-parts.ts";

export type { SubscriberId, TopicRequest, TopicRequestM5 };

/** Where a client connects from. */
export interface Peer {
  readonly address: string;
  readonly port: number;
}

/** Who a session belongs to: one object per session, the same in every call. */
export interface SessionIdentity {
  /** Null when the client gave none. */
  readonly username: string | null;
  readonly subscriberId: SubscriberId;
}

/** What is known of the listener, with `forward_connection_opts = on`. */
export interface ConnectionOptions {
  readonly listenerAddress: string;
  readonly listenerPort: number;
  /** `mqtt`, `mqtts`, `mqttws`, `mqttwss`. */
  readonly listenerType: string;
  /** The client's certificate (DER), when it showed one. */
  readonly clientCertificate?: Buffer;
}

interface RegisterRequest {
  readonly peer: Peer;
  readonly subscriberId: SubscriberId;
  readonly username: string | null;
  readonly password: Buffer | null;
  /** Absent unless the listener forwards it. */
  readonly connection?: ConnectionOptions;
}

/** CONNECT of MQTT 3. */
export interface AuthOnRegister extends RegisterRequest {
  readonly cleanSession: boolean;
}

/** CONNECT of MQTT 5. */
export interface AuthOnRegisterM5 extends RegisterRequest {
  readonly cleanStart: boolean;
  readonly properties: HookProperties;
}

export interface OnRegister {
  readonly peer: Peer;
  readonly subscriberId: SubscriberId;
  readonly username: string | null;
}

export interface OnRegisterM5 extends OnRegister {
  readonly properties: HookProperties;
}

/** A PUBLISH, incoming or outgoing. The payload can be read while the hook runs (until its promise is settled). */
export interface PublishRequest {
  readonly username: string | null;
  readonly subscriberId: SubscriberId;
  readonly qos: number;
  readonly topic: string;
  readonly payload: Buffer;
  readonly retain: boolean;
}

export interface PublishRequestM5 extends PublishRequest {
  readonly properties: HookProperties;
}

/** The filters stand in packet order. */
export interface SubscribeRequest {
  readonly username: string | null;
  readonly subscriberId: SubscriberId;
  readonly topics: readonly TopicRequest[];
}

export interface SubscribeRequestM5 {
  readonly username: string | null;
  readonly subscriberId: SubscriberId;
  readonly topics: readonly TopicRequestM5[];
  readonly properties: HookProperties;
}

/** In `on_subscribe` the QoS is the granted one, or the code of the refusal (128 and above). */
export type OnSubscribe = SubscribeRequest;
export type OnSubscribeM5 = SubscribeRequestM5;

export interface UnsubscribeRequest {
  readonly username: string | null;
  readonly subscriberId: SubscriberId;
  readonly topics: readonly string[];
}

export interface UnsubscribeRequestM5 extends UnsubscribeRequest {
  readonly properties: HookProperties;
}

/** `all_topics`: the session has ended with all it had. */
export interface OnTopicUnsubscribed {
  readonly subscriberId: SubscriberId;
  readonly topics: readonly string[] | "all_topics";
}

export interface OnOfflineMessage {
  readonly subscriberId: SubscriberId;
  readonly qos: number;
  readonly topic: string;
  readonly payload: Buffer;
  readonly retain: boolean;
}

export interface SessionEvent {
  readonly subscriberId: SubscriberId;
}

export type DropReason = "queue_full" | "expired" | "max_packet_size_exceeded";

export interface OnMessageDrop {
  readonly subscriberId: SubscriberId;
  readonly reason: DropReason;
  readonly qos: number;
  readonly topic: string;
  readonly payload: Buffer;
  readonly retain: boolean;
}

/** A step of enhanced authentication; `username` is null before CONNACK. */
export interface OnAuthM5 {
  readonly username: string | null;
  readonly subscriberId: SubscriberId;
  readonly properties: HookProperties;
}

/** Settings changed at run time: configuration key to its new value. */
export interface ChangeConfig {
  readonly changed: ReadonlyMap<string, unknown>;
}

/** What each deciding hook (`all_till_ok`) is given and may change. */
export interface DecidingHooks {
  auth_on_register: { request: AuthOnRegister; modifiers: RegisterModifiers };
  auth_on_register_m5: { request: AuthOnRegisterM5; modifiers: RegisterModifiersM5 };
  auth_on_publish: { request: PublishRequest; modifiers: PublishModifiers };
  auth_on_publish_m5: { request: PublishRequestM5; modifiers: PublishModifiersM5 };
  auth_on_subscribe: { request: SubscribeRequest; modifiers: SubscribeModifiers };
  auth_on_subscribe_m5: { request: SubscribeRequestM5; modifiers: SubscribeModifiersM5 };
  on_unsubscribe: { request: UnsubscribeRequest; modifiers: UnsubscribeModifiers };
  on_unsubscribe_m5: { request: UnsubscribeRequestM5; modifiers: UnsubscribeModifiers };
  on_deliver: { request: PublishRequest; modifiers: DeliverModifiers };
  on_deliver_m5: { request: PublishRequestM5; modifiers: DeliverModifiersM5 };
  on_auth_m5: { request: OnAuthM5; modifiers: AuthModifiers };
}

/** What each event hook (`all`) is given; answers are ignored. */
export interface EventHooks {
  on_register: OnRegister;
  on_register_m5: OnRegisterM5;
  on_publish: PublishRequest;
  on_publish_m5: PublishRequestM5;
  on_subscribe: OnSubscribe;
  on_subscribe_m5: OnSubscribeM5;
  on_topic_unsubscribed: OnTopicUnsubscribed;
  on_offline_message: OnOfflineMessage;
  on_client_wakeup: SessionEvent;
  on_client_offline: SessionEvent;
  on_client_gone: SessionEvent;
  on_session_expired: SessionEvent;
  on_message_drop: OnMessageDrop;
  change_config: ChangeConfig;
}

export type DecidingHookName = keyof DecidingHooks;
export type EventHookName = keyof EventHooks;
export type HookName = DecidingHookName | EventHookName;

export type DecidingHook<Request, Modifiers> = (
  request: Request,
) => HookAnswer<Modifiers> | Promise<HookAnswer<Modifiers>>;
export type EventHook<Event> = (event: Event) => unknown;

/** The hooks that a plugin implements. */
export type Hooks = {
  readonly [Name in DecidingHookName]?: DecidingHook<
    DecidingHooks[Name]["request"],
    DecidingHooks[Name]["modifiers"]
  >;
} & {
  readonly [Name in EventHookName]?: EventHook<EventHooks[Name]>;
};

/** All hooks with VerneMQ's number of arguments, as `vmq-admin plugin show` prints them. */
export const HOOK_ARITY: Readonly<Record<HookName, number>> = {
  change_config: 1,
  auth_on_register: 5,
  on_register: 3,
  auth_on_publish: 6,
  on_publish: 6,
  auth_on_subscribe: 3,
  on_subscribe: 3,
  on_unsubscribe: 3,
  on_deliver: 7,
  auth_on_register_m5: 6,
  on_register_m5: 4,
  auth_on_publish_m5: 7,
  on_publish_m5: 7,
  auth_on_subscribe_m5: 4,
  on_subscribe_m5: 4,
  on_unsubscribe_m5: 4,
  on_deliver_m5: 7,
  on_auth_m5: 3,
  on_topic_unsubscribed: 2,
  on_offline_message: 5,
  on_client_wakeup: 1,
  on_client_offline: 1,
  on_client_gone: 1,
  on_session_expired: 1,
  on_message_drop: 3,
};

/** The names of all hooks, in the order in which `vmq-admin plugin show` lists them. */
export const HOOK_NAMES: readonly HookName[] = Object.keys(HOOK_ARITY).filter(isHookName);

/** Whether a text is the name of a hook. */
export function isHookName(text: string): text is HookName {
  return Object.hasOwn(HOOK_ARITY, text);
}
