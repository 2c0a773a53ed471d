import type { Configuration } from "../config/configuration.ts";
import type { SessionSettings } from "../session/settings.ts";

/** The options that make up the settings of sessions: a change of one makes a new snapshot. */
const KEYS = [
  "allow_anonymous",
  "max_client_id_size",
  "max_message_size",
  "max_message_rate",
  "max_inflight_messages",
  "retry_interval",
  "receive_max_client",
  "receive_max_broker",
  "topic_alias_max_client",
  "topic_alias_max_broker",
  "topic_max_depth",
  "max_subscriptions_per_client",
  "persistent_client_expiration",
  "max_last_will_delay",
  "suppress_lwt_on_session_takeover",
  "disconnect_on_unauthorized_publish_v3",
  "mqtt_connect_timeout",
  "max_online_messages",
  "max_offline_messages",
  "override_max_online_messages",
  "queue_type",
  "upgrade_outgoing_qos",
] as const;

/** A value that others read and that follows the configuration. */
export interface Current<T> {
  readonly value: T;
}

/** An "unlimited" of the configuration as queues understand it. */
function limit(value: number): number {
  return Number.isFinite(value) ? value : -1;
}

function snapshot(configuration: Configuration): SessionSettings {
  const expiration = configuration.get("persistent_client_expiration");
  return {
    allowAnonymous: configuration.get("allow_anonymous"),
    maxClientIdSize: configuration.get("max_client_id_size"),
    maxMessageSize: configuration.get("max_message_size"),
    maxMessageRate: configuration.get("max_message_rate"),
    maxInflightMessages: configuration.get("max_inflight_messages"),
    retryIntervalSeconds: configuration.get("retry_interval"),
    receiveMaxClient: configuration.get("receive_max_client"),
    receiveMaxBroker: configuration.get("receive_max_broker"),
    topicAliasMaxClient: configuration.get("topic_alias_max_client"),
    topicAliasMaxBroker: configuration.get("topic_alias_max_broker"),
    topicMaxDepth: configuration.get("topic_max_depth"),
    maxSubscriptionsPerClient: configuration.get("max_subscriptions_per_client"),
    persistentClientExpirationSeconds: Number.isFinite(expiration) ? expiration : 0,
    maxLastWillDelaySeconds: configuration.get("max_last_will_delay"),
    suppressLastWillOnTakeover: configuration.get("suppress_lwt_on_session_takeover"),
    disconnectOnUnauthorizedPublishV3: configuration.get("disconnect_on_unauthorized_publish_v3"),
    keepAliveAsWarning: configuration.get("logging.keepalive_as_warning"),
    connectTimeoutMilliseconds: configuration.get("mqtt_connect_timeout"),
    sharedSubscriptionPolicy: null,
    queueLimits: {
      maxOnlineMessages: limit(configuration.get("max_online_messages")),
      maxOfflineMessages: limit(configuration.get("max_offline_messages")),
      overrideMaxOnlineMessages: configuration.get("override_max_online_messages"),
      lifo: configuration.get("queue_type") === "lifo",
      upgradeOutgoingQos: configuration.get("upgrade_outgoing_qos"),
    },
  };
}

/** The settings of new sessions, always as configured at that moment. */
export function sessionSettings(configuration: Configuration): Current<SessionSettings> {
  const current = { value: snapshot(configuration) };
  configuration.onChange(KEYS, () => {
    current.value = snapshot(configuration);
  });
  return current;
}
