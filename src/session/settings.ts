import type { QueueLimits } from "../queue/queue-context.ts";
import type { SharedSubscriptionPolicy } from "../routing/shared-group.ts";

/**
 * The options that a session takes over at CONNECT, as one immutable snapshot: a change at run time makes a new
 * snapshot for the sessions that come. Plugins may change some per session.
 */
export interface SessionSettings {
  readonly allowAnonymous: boolean;
  /** Bytes of UTF-8. */
  readonly maxClientIdSize: number;
  /** Bytes of payload, 0 for no limit. */
  readonly maxMessageSize: number;
  /** PUBLISH packets per second that a client may send, 0 for no limit. */
  readonly maxMessageRate: number;
  /** QoS 1 and 2 deliveries in flight to a 3.1 or 3.1.1 client, 0 for no limit. */
  readonly maxInflightMessages: number;
  readonly retryIntervalSeconds: number;
  readonly receiveMaxClient: number;
  readonly receiveMaxBroker: number;
  /** Topic aliases a client may use. */
  readonly topicAliasMaxClient: number;
  /** Topic aliases the broker may use. */
  readonly topicAliasMaxBroker: number;
  readonly topicMaxDepth: number;
  /** 0 for no limit. */
  readonly maxSubscriptionsPerClient: number;
  /** Seconds after which an offline persistent session of MQTT 3 ends, 0 for never. */
  readonly persistentClientExpirationSeconds: number;
  /** Seconds; Infinity: as the client says. */
  readonly maxLastWillDelaySeconds: number;
  readonly suppressLastWillOnTakeover: boolean;
  readonly disconnectOnUnauthorizedPublishV3: boolean;
  readonly keepAliveAsWarning: boolean;
  readonly connectTimeoutMilliseconds: number;
  readonly sharedSubscriptionPolicy: SharedSubscriptionPolicy | null;
  readonly queueLimits: QueueLimits;
}

/** What a listener lays down for its sessions. */
export interface ListenerRules {
  /** `mqtt`, `mqtts`, `mqttws`, `mqttwss`: as commands and plugins see it. */
  readonly type: string;
  /** The same as in the keys of vernemq.conf: `tcp`, `ssl`, `ws`, `wss`. */
  readonly kind: string;
  readonly name: string;
  readonly address: string;
  readonly port: number;
  readonly mountpoint: string;
  /** Protocol levels 3, 4, 5, 131, 132. */
  readonly allowedProtocolVersions: ReadonlySet<number>;
  readonly allowAnonymousOverride: boolean;
  /** 0 for no limit. */
  readonly maxConnectionLifetimeSeconds: number;
  readonly forwardConnectionOptions: boolean;
}
