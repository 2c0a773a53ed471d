import { compatibility, later, option } from "../option.ts";
import { byteSize, integer, numberOr } from "../type/number.ts";
import { enumeration, flag, word } from "../type/text.ts";
import { period } from "../type/time.ts";

const CLUSTER = later("the cluster");
const count = integer({ min: 0 });
const countOrUnlimited = integer({ min: -1 });
const wireCount = integer({ min: 0, max: 65535 });
const receiveMaximum = integer({ min: 1, max: 65535 });

/** Who may connect, and what one client may use. */
export const access = {
  allow_anonymous: option(flag, "off", {
    doc: "Lets every client in without asking an authentication plugin. What clients may publish and subscribe to is still decided by the authorisation plugins.",
    visibility: "live",
    runtime: true,
  }),
  max_client_id_size: option(integer({ min: 1, max: 65535 }), "23", {
    doc: "The longest client id that is accepted, in bytes of its UTF-8 form. MQTT 3.1 limits client ids to 23 characters; later versions leave the limit to the broker.",
    visibility: "live",
    runtime: true,
    shipped: { value: "100", why: "Many clients generate ids longer than 23 characters." },
  }),
  mqtt_connect_timeout: option(integer({ min: 1 }), "5000", {
    doc: "How long a new connection may take until its CONNECT packet is complete.",
    runtime: true,
    unit: "milliseconds",
  }),
  allow_multiple_sessions: option(flag, "off", {
    doc: "Let several clients use one client id at the same time.",
    status: compatibility("a client id belongs to one session, as MQTT demands"),
  }),
  disconnect_on_unauthorized_publish_v3: option(flag, "off", {
    doc: "Closes the connection of an MQTT 3.1 or 3.1.1 client that publishes without permission, instead of acknowledging the message and dropping it.",
    runtime: true,
  }),
  suppress_lwt_on_session_takeover: option(flag, "off", {
    doc: "Publishes no will message when a connection ends because another one with the same client id took its session over.",
    runtime: true,
  }),
  coordinate_registrations: option(flag, "on", {
    doc: "Makes sure across the whole cluster that a client id is connected only once, before the new client is answered. Without it the older connection ends a little later.",
    visibility: "live",
    runtime: true,
    status: CLUSTER,
  }),
  allow_register_during_netsplit: option(flag, "off", {
    doc: "Accepts new connections while nodes of the cluster cannot reach each other.",
    visibility: "live",
    runtime: true,
    status: CLUSTER,
  }),
  allow_publish_during_netsplit: option(flag, "off", {
    doc: "Accepts messages while nodes of the cluster cannot reach each other.",
    visibility: "live",
    runtime: true,
    status: CLUSTER,
  }),
  allow_subscribe_during_netsplit: option(flag, "off", {
    doc: "Accepts subscriptions while nodes of the cluster cannot reach each other.",
    visibility: "live",
    runtime: true,
    status: CLUSTER,
  }),
  allow_unsubscribe_during_netsplit: option(flag, "off", {
    doc: "Accepts the end of subscriptions while nodes of the cluster cannot reach each other.",
    visibility: "live",
    runtime: true,
    status: CLUSTER,
  }),
};

/** Messages, queues and what an MQTT session does. */
export const session = {
  retry_interval: option(count, "20", {
    doc: "After this time without an answer a QoS 1 or 2 delivery to an MQTT 3.1 or 3.1.1 client is sent again; 0 never repeats. MQTT 5 forbids repetitions within a connection.",
    visibility: "commented",
    runtime: true,
    unit: "seconds",
  }),
  max_inflight_messages: option(count, "20", {
    doc: "How many QoS 1 and 2 messages may be on their way to an MQTT 3.1 or 3.1.1 client without an answer; 0 sets no limit, 1 keeps strict order even across repetitions. MQTT 5 clients are governed by receive_max_client.",
    visibility: "live",
    runtime: true,
  }),
  max_online_messages: option(countOrUnlimited, "1000", {
    doc: "How many messages of any QoS may wait for a connected client besides those on their way; what comes beyond is dropped. -1 sets no limit, 0 drops everything that cannot be sent at once.",
    visibility: "live",
    runtime: true,
  }),
  max_offline_messages: option(countOrUnlimited, "1000", {
    doc: "How many QoS 1 and 2 messages are kept for a disconnected client with a persistent session; what comes beyond is dropped. -1 sets no limit, 0 keeps none.",
    visibility: "live",
    runtime: true,
  }),
  override_max_online_messages: option(flag, "off", {
    doc: "When a client with stored messages connects, keeps all of them even if they are more than max_online_messages.",
    visibility: "live",
    runtime: true,
  }),
  queue_type: option(enumeration("fifo", "lifo"), "fifo", {
    doc: "The order in which waiting messages are delivered: fifo the oldest first, lifo the newest first.",
    runtime: true,
  }),
  queue_deliver_mode: option(word, "fanout", {
    doc: "How messages are spread over several connections of one client id: fanout or balance.",
    status: compatibility("a client id has one connection at a time"),
  }),
  max_message_size: option(integer({ min: 0, max: 268435455 }), "0", {
    doc: "The largest payload of a message that is accepted; 0 accepts what MQTT allows (268435455).",
    visibility: "live",
    runtime: true,
    unit: "bytes",
  }),
  max_message_rate: option(count, "0", {
    doc: "How many messages a client may publish in a second; a faster one is slowed down by reading from it later. 0 sets no limit.",
    runtime: true,
    unit: "messages per second",
  }),
  max_subscriptions_per_client: option(count, "0", {
    doc: "How many subscriptions a client may have; 0 sets no limit. Replacing a subscription is always possible.",
    visibility: "commented",
    runtime: true,
  }),
  topic_max_depth: option(integer({ min: 1 }), "10", {
    doc: "How many levels a topic or topic filter may have. A client that publishes to more is disconnected; a subscription to more is refused.",
    visibility: "live",
  }),
  upgrade_outgoing_qos: option(flag, "off", {
    doc: "Delivers each message with the QoS of the subscription, even if it was published with a lower one.",
    visibility: "live",
    runtime: true,
  }),
  persistent_client_expiration: option(period("never"), "never", {
    doc: "Deletes the persistent session of a client that has been away for this long. MQTT knows no such limit for clients before version 5.",
    visibility: "commented",
    example: "1w",
    runtime: true,
  }),
  max_last_will_delay: option(period("client"), "client", {
    doc: "The longest delay that an MQTT 5 client may ask for its will message; client leaves it to the client.",
    visibility: "commented",
    runtime: true,
  }),
  receive_max_client: option(receiveMaximum, "65535", {
    doc: "How many QoS 1 and 2 messages may be on their way to an MQTT 5 client without an answer, if the client itself does not ask for fewer.",
    runtime: true,
  }),
  receive_max_broker: option(receiveMaximum, "65535", {
    doc: "How many QoS 1 and 2 messages an MQTT 5 client may have sent without an answer. It is told to the client, and a client that exceeds it is disconnected.",
    runtime: true,
  }),
  topic_alias_max_client: option(wireCount, "0", {
    doc: "How many topic aliases an MQTT 5 client may use towards the broker; 0 allows none.",
    runtime: true,
  }),
  topic_alias_max_broker: option(wireCount, "0", {
    doc: "How many topic aliases the broker uses towards an MQTT 5 client that allows them; 0 uses none.",
    runtime: true,
  }),
  subscriber_retain_mode: option(enumeration("immediate", "syncwait"), "immediate", {
    doc: "Whether a new subscription gets its retained messages at once (immediate), or after retained messages of the other nodes have arrived (syncwait).",
    runtime: true,
    status: CLUSTER,
  }),
  expire_retain_cache: option(count, "0", {
    doc: "How often retained messages whose time is over are searched and removed; 0 removes each only when it would be delivered.",
    visibility: "commented",
    unit: "seconds",
  }),
  shared_subscription_policy: option(
    enumeration("prefer_local", "random", "local_only", "prefer_online_before_local"),
    "prefer_local",
    {
      doc: "Which member of a shared subscription gets a message: prefer_local one on the node of the publisher if there is one, random any, local_only none but those on that node, prefer_online_before_local a connected one wherever it is.",
      visibility: "live",
      runtime: true,
    },
  ),
  shared_subscription_group_queue: option(flag, "on", {
    doc: "Keeps messages for a shared subscription in a queue of the group while none of its members is connected, so that the first one to return gets them.",
    visibility: "commented",
  }),
  shared_subscription_timeout_action: option(enumeration("ignore", "requeue"), "ignore", {
    doc: "What happens to a message of a shared subscription that a member on another node did not confirm in time: it is dropped (ignore) or given to another member (requeue).",
    status: CLUSTER,
  }),
  max_write_buffer: option(byteSize({ min: 4096 }), "1MB", {
    doc: "How many bytes may wait in the process for one connection that does not read. Beyond it deliveries stay in the client's queue, with that queue's limits.",
  }),
  max_ws_frame_size: option(numberOr(integer({ min: 1 }), { infinity: Infinity }), "268435456", {
    doc: "The largest WebSocket message that a client may send. With max_message_size it is at most 1 MiB larger than that.",
    visibility: "live",
    unit: "bytes",
  }),
  "logging.keepalive_as_warning": option(flag, "on", {
    doc: "Logs a client that stopped sending as a warning; otherwise as information.",
    visibility: "live",
  }),
  "logging.obfuscation_secret": option(word, "random", {
    doc: "The secret with which passwords are masked in memory.",
    status: compatibility("passwords are neither kept nor logged, masked or not"),
    secret: true,
  }),
};
