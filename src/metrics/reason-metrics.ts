import { FIRST_FREE_SLOT } from "./metric.ts";

/** Label values of `reason_code` and the MQTT 5 codes they stand for. */
const REASON_CODES = {
  success: 0x00,
  normal_disconnect: 0x00,
  disconnect_with_will_msg: 0x04,
  no_matching_subscribers: 0x10,
  continue_authentication: 0x18,
  reauthenticate: 0x19,
  unspecified_error: 0x80,
  malformed_packet: 0x81,
  protocol_error: 0x82,
  impl_specific_error: 0x83,
  unsupported_protocol_version: 0x84,
  client_identifier_not_valid: 0x85,
  bad_username_or_password: 0x86,
  not_authorized: 0x87,
  server_unavailable: 0x88,
  server_busy: 0x89,
  banned: 0x8a,
  server_shutting_down: 0x8b,
  bad_authentication_method: 0x8c,
  keep_alive_timeout: 0x8d,
  session_taken_over: 0x8e,
  topic_filter_invalid: 0x8f,
  topic_name_invalid: 0x90,
  packet_id_in_use: 0x91,
  packet_id_not_found: 0x92,
  receive_max_exceeded: 0x93,
  topic_alias_invalid: 0x94,
  packet_too_large: 0x95,
  message_rate_too_high: 0x96,
  quota_exceeded: 0x97,
  administrative_action: 0x98,
  payload_format_invalid: 0x99,
  retain_not_supported: 0x9a,
  qos_not_supported: 0x9b,
  use_another_server: 0x9c,
  server_moved: 0x9d,
  shared_subs_not_supported: 0x9e,
  connection_rate_exceeded: 0x9f,
  max_connect_time: 0xa0,
  subscription_ids_not_supported: 0xa1,
  wildcard_subs_not_supported: 0xa2,
} as const;

/** Label values of `return_code` (MQTT 3.1 and 3.1.1 CONNACK). */
const RETURN_CODES = {
  success: 0,
  unsupported_protocol_version: 1,
  client_identifier_not_valid: 2,
  server_unavailable: 3,
  bad_username_or_password: 4,
  not_authorized: 5,
} as const;

type ReasonName = keyof typeof REASON_CODES;

const PUBLISH_ACKNOWLEDGEMENT: readonly ReasonName[] = [
  "success",
  "no_matching_subscribers",
  "unspecified_error",
  "impl_specific_error",
  "not_authorized",
  "topic_name_invalid",
  "packet_id_in_use",
  "quota_exceeded",
  "payload_format_invalid",
];
const RELEASE_ACKNOWLEDGEMENT: readonly ReasonName[] = ["success", "packet_id_not_found"];
const AUTHENTICATION: readonly ReasonName[] = ["success", "continue_authentication", "reauthenticate"];

const REASONS = {
  mqtt_connack_sent: [
    "success",
    "unspecified_error",
    "malformed_packet",
    "protocol_error",
    "impl_specific_error",
    "unsupported_protocol_version",
    "client_identifier_not_valid",
    "bad_username_or_password",
    "not_authorized",
    "server_unavailable",
    "server_busy",
    "banned",
    "bad_authentication_method",
    "topic_name_invalid",
    "packet_too_large",
    "quota_exceeded",
    "payload_format_invalid",
    "retain_not_supported",
    "qos_not_supported",
    "use_another_server",
    "server_moved",
    "connection_rate_exceeded",
  ],
  mqtt_disconnect_received: [
    "normal_disconnect",
    "disconnect_with_will_msg",
    "unspecified_error",
    "malformed_packet",
    "protocol_error",
    "impl_specific_error",
    "topic_name_invalid",
    "receive_max_exceeded",
    "topic_alias_invalid",
    "packet_too_large",
    "message_rate_too_high",
    "quota_exceeded",
    "administrative_action",
    "payload_format_invalid",
  ],
  mqtt_disconnect_sent: [
    "normal_disconnect",
    "unspecified_error",
    "malformed_packet",
    "protocol_error",
    "impl_specific_error",
    "not_authorized",
    "server_busy",
    "server_shutting_down",
    "keep_alive_timeout",
    "session_taken_over",
    "topic_filter_invalid",
    "topic_name_invalid",
    "receive_max_exceeded",
    "topic_alias_invalid",
    "packet_too_large",
    "message_rate_too_high",
    "quota_exceeded",
    "administrative_action",
    "payload_format_invalid",
    "retain_not_supported",
    "qos_not_supported",
    "use_another_server",
    "server_moved",
    "shared_subs_not_supported",
    "connection_rate_exceeded",
    "max_connect_time",
    "subscription_ids_not_supported",
    "wildcard_subs_not_supported",
  ],
  mqtt_puback_received: PUBLISH_ACKNOWLEDGEMENT,
  mqtt_puback_sent: PUBLISH_ACKNOWLEDGEMENT,
  mqtt_pubrec_received: PUBLISH_ACKNOWLEDGEMENT,
  mqtt_pubrec_sent: PUBLISH_ACKNOWLEDGEMENT,
  mqtt_pubrel_received: RELEASE_ACKNOWLEDGEMENT,
  mqtt_pubrel_sent: RELEASE_ACKNOWLEDGEMENT,
  mqtt_pubcomp_received: RELEASE_ACKNOWLEDGEMENT,
  mqtt_pubcomp_sent: RELEASE_ACKNOWLEDGEMENT,
  mqtt_auth_received: AUTHENTICATION,
  mqtt_auth_sent: AUTHENTICATION,
} as const satisfies Record<string, readonly ReasonName[]>;

/** Names of the MQTT 5 counters that carry a reason code. */
export type ReasonMetricName = keyof typeof REASONS;

export interface CodeSeries {
  readonly code: number;
  /** Label value. */
  readonly name: string;
  readonly slot: number;
}

let nextSlot = FIRST_FREE_SLOT;

function allocate(names: readonly string[], codes: Readonly<Record<string, number>>): readonly CodeSeries[] {
  return names.map((name) => ({ code: codes[name] ?? 0, name, slot: nextSlot++ }));
}

/** Code to slot; codes without a label share slot 0, which nothing shows. */
function slotsByCode(series: readonly CodeSeries[]): Uint16Array {
  const slots = new Uint16Array(256);
  for (const { code, slot } of series) slots[code] = slot;
  return slots;
}

const reasonSeries = new Map<string, readonly CodeSeries[]>();
for (const [name, reasons] of Object.entries(REASONS))
  reasonSeries.set(name, allocate(reasons, REASON_CODES));

/** The label sets of a counter with a reason code; empty for any other name. */
export function seriesByReason(name: string): readonly CodeSeries[] {
  return reasonSeries.get(name) ?? [];
}

/** The label sets of `mqtt_connack_sent{mqtt_version="4"}`. */
export const connackReturnSeries = allocate(Object.keys(RETURN_CODES), RETURN_CODES);

/** Slots from here on are given to histograms. */
export const FIRST_HISTOGRAM_SLOT = nextSlot;

function slots(name: ReasonMetricName): Uint16Array {
  return slotsByCode(seriesByReason(name));
}

/** For each MQTT 5 counter with a reason code: its slot by reason code. Use with {@link reasonSlot}. */
export const ReasonMetric = {
  mqtt_connack_sent: slots("mqtt_connack_sent"),
  mqtt_disconnect_received: slots("mqtt_disconnect_received"),
  mqtt_disconnect_sent: slots("mqtt_disconnect_sent"),
  mqtt_puback_received: slots("mqtt_puback_received"),
  mqtt_puback_sent: slots("mqtt_puback_sent"),
  mqtt_pubrec_received: slots("mqtt_pubrec_received"),
  mqtt_pubrec_sent: slots("mqtt_pubrec_sent"),
  mqtt_pubrel_received: slots("mqtt_pubrel_received"),
  mqtt_pubrel_sent: slots("mqtt_pubrel_sent"),
  mqtt_pubcomp_received: slots("mqtt_pubcomp_received"),
  mqtt_pubcomp_sent: slots("mqtt_pubcomp_sent"),
  mqtt_auth_received: slots("mqtt_auth_received"),
  mqtt_auth_sent: slots("mqtt_auth_sent"),
} as const satisfies Record<ReasonMetricName, Uint16Array>;

/** `mqtt_connack_sent` of MQTT 3.1 and 3.1.1: its slot by return code. */
export const connackReturnSlots = slotsByCode(connackReturnSeries);

/**
 * The slot of one code, for example
 * `counters.increment(reasonSlot(ReasonMetric.mqtt_puback_sent, reasonCode))`.
 */
export function reasonSlot(slots: Uint16Array, code: number): number {
  return slots[code & 0xff] ?? 0;
}
