import type { HookProperties } from "./properties.ts";
import type { SubscriberId, TopicRequest, TopicRequestM5 } from "./request-parts.ts";

export type SharedSubscriptionPolicy =
  | "prefer_local"
  | "random"
  | "local_only"
  | "prefer_online_before_local";

/** What `auth_on_register` may change for the session. */
export interface RegisterModifiers {
  readonly allowRegister?: boolean;
  readonly allowPublish?: boolean;
  readonly allowSubscribe?: boolean;
  readonly allowUnsubscribe?: boolean;
  /** Bytes of payload; 0 for no limit. */
  readonly maxMessageSize?: number;
  /** Seconds. */
  readonly maxConnectionLifetime?: number;
  readonly subscriberId?: SubscriberId;
  readonly username?: string;
  readonly cleanSession?: boolean;
  /** Messages a second; 0 for no limit. */
  readonly maxMessageRate?: number;
  readonly maxInflightMessages?: number;
  readonly sharedSubscriptionPolicy?: SharedSubscriptionPolicy;
  /** Milliseconds (the configuration file has seconds). */
  readonly retryInterval?: number;
  readonly upgradeQos?: boolean;
  /** -1 for no limit. */
  readonly maxOnlineMessages?: number;
  /** -1 for no limit. */
  readonly maxOfflineMessages?: number;
  readonly queueType?: "fifo" | "lifo";
  readonly maxDrainTime?: number;
  readonly maxMsgsPerDrainStep?: number;
}

/** CONNACK properties that a hook may set. */
export type RegisterProperties = Pick<
  HookProperties,
  | "userProperties"
  | "sessionExpiryInterval"
  | "maximumQoS"
  | "retainAvailable"
  | "wildcardSubscriptionAvailable"
  | "sharedSubscriptionAvailable"
  | "subscriptionIdentifiersAvailable"
  | "responseInformation"
  | "serverKeepAlive"
>;

export interface RegisterModifiersM5 extends RegisterModifiers {
  readonly properties?: RegisterProperties;
}

export interface PublishModifiers {
  readonly topic?: string;
  readonly payload?: Buffer;
  readonly qos?: number;
  readonly retain?: boolean;
  readonly mountpoint?: string;
  /** Milliseconds for which the connection is not read. */
  readonly throttle?: number;
}

/** Properties given here replace those of the message; what is absent stays. */
export type DeliverProperties = Pick<
  HookProperties,
  "userProperties" | "contentType" | "payloadFormatIndicator" | "responseTopic" | "correlationData"
>;

/** The will delay interval counts for wills only. */
export type PublishProperties = DeliverProperties &
  Pick<HookProperties, "messageExpiryInterval" | "willDelayInterval">;

export interface PublishModifiersM5 extends PublishModifiers {
  readonly properties?: PublishProperties;
}

/**
 * The topics of a SUBSCRIBE as they shall be granted: as many as asked, in the same order. A QoS of 128 (MQTT 5: any
 * reason code from 128) refuses that one; null leaves that one to the next plugin.
 */
export interface SubscribeModifiers {
  readonly topics: readonly (TopicRequest | null)[];
}

/** What is left out of the options of a topic stays as the client asked. */
export interface SubscribeModifiersM5 {
  readonly topics: readonly ((TopicRequest & Partial<TopicRequestM5>) | null)[];
}

export interface UnsubscribeModifiers {
  readonly topics: readonly string[];
}

export interface DeliverModifiers {
  readonly topic?: string;
  readonly payload?: Buffer;
}

export interface DeliverModifiersM5 extends DeliverModifiers {
  readonly properties?: DeliverProperties;
}

/** The outcome of a step of enhanced authentication. */
export interface AuthModifiers {
  /** 0 success, 24 continue. */
  readonly reasonCode: number;
  readonly properties?: Pick<
    HookProperties,
    "authenticationMethod" | "authenticationData" | "reasonString" | "userProperties"
  >;
}
