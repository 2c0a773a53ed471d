import { Histogram } from "./histogram-metrics.ts";
import { Metric } from "./metric.ts";
import { connackReturnSeries, seriesByReason } from "./reason-metrics.ts";

export type Label = readonly [name: string, value: string];

/** One label set of a counter and the slot that holds its value. */
export interface CounterSeries {
  readonly labels: readonly Label[];
  readonly slot: number;
}

export type MetricFamily =
  | {
      readonly name: string;
      readonly type: "counter";
      readonly help: string;
      readonly series: readonly CounterSeries[];
    }
  | { readonly name: string; readonly type: "histogram"; readonly help: string; readonly slot: number }
  /** Read when asked for (`Metrics.provide`); a counter here counts outside of the broker and is never reset. */
  | {
      readonly name: MeasuredName;
      readonly type: "gauge" | "counter";
      readonly help: string;
      readonly measured: true;
    }
  /** Several values, told apart by labels, read when asked for (`Metrics.provideSeries`). */
  | {
      readonly name: LabelledName;
      readonly type: "gauge";
      readonly help: string;
      /** What stands for all values of the name where labels are not shown. */
      readonly summary: "minimum";
    };

const VERSION_4: Label = ["mqtt_version", "4"];
const VERSION_5: Label = ["mqtt_version", "5"];

const COUNTERS: Readonly<Record<string, string>> = {
  socket_open: "MQTT connections accepted.",
  socket_close: "MQTT connections closed.",
  socket_close_timeout: "Connections closed because no CONNECT came within mqtt_connect_timeout.",
  socket_error: "Socket errors.",
  tls_handshake_ok: "TLS handshakes that succeeded, resumed ones included.",
  tls_handshake_resumed: "TLS handshakes that resumed an earlier session.",
  tls_handshake_failed: "TLS handshakes that failed, timed out ones not included.",
  socket_refused_limit:
    "Connections refused because max_connections or protection.max_connections was reached.",
  socket_refused_rate: "Connections refused because of protection.connection_rate.",
  socket_refused_address: "Connections refused because of a limit per client address.",
  socket_refused_unauthenticated: "Connections refused because of protection.max_unauthenticated.",
  client_refused_flapping: "CONNECTs refused because the client id connects too often.",
  client_refused_overload: "CONNECTs refused because the broker was overloaded.",
  bytes_received: "Bytes read from MQTT clients.",
  bytes_sent: "Bytes written to MQTT clients.",
  queue_setup: "Queues started.",
  queue_initialized_from_storage: "Queues started with messages found in the store.",
  queue_teardown: "Queues ended.",
  queue_message_drop: "Messages dropped because a queue was full.",
  queue_message_expired: "Messages that expired before their delivery.",
  queue_message_unhandled: "Messages not kept because their session had ended or was offline at QoS 0.",
  queue_message_in: "Messages that entered a queue.",
  queue_message_out: "Messages handed from a queue to its connection.",
  client_expired: "Deprecated, always 0.",
  cluster_bytes_received: "Bytes received from other nodes.",
  cluster_bytes_sent: "Bytes sent to other nodes.",
  cluster_bytes_dropped: "Bytes dropped because the buffer to another node was full.",
  router_matches_local: "Subscriptions of this node that a message matched.",
  router_matches_remote: "Messages forwarded to other nodes for their subscriptions.",
  netsplit_detected: "Times the cluster was found split.",
  netsplit_resolved: "Times a split of the cluster was over.",
  mqtt_connect_received: "CONNECT packets received.",
  mqtt_connack_sent: "CONNACK packets sent.",
  mqtt_publish_received: "PUBLISH packets received.",
  mqtt_publish_sent: "PUBLISH packets sent.",
  mqtt_subscribe_received: "SUBSCRIBE packets received.",
  mqtt_suback_sent: "SUBACK packets sent.",
  mqtt_unsubscribe_received: "UNSUBSCRIBE packets received.",
  mqtt_unsuback_sent: "UNSUBACK packets sent.",
  mqtt_pingreq_received: "PINGREQ packets received.",
  mqtt_pingresp_sent: "PINGRESP packets sent.",
  mqtt_puback_received: "PUBACK packets received.",
  mqtt_puback_sent: "PUBACK packets sent.",
  mqtt_pubrec_received: "PUBREC packets received.",
  mqtt_pubrec_sent: "PUBREC packets sent.",
  mqtt_pubrel_received: "PUBREL packets received.",
  mqtt_pubrel_sent: "PUBREL packets sent.",
  mqtt_pubcomp_received: "PUBCOMP packets received.",
  mqtt_pubcomp_sent: "PUBCOMP packets sent.",
  mqtt_disconnect_received: "DISCONNECT packets received.",
  mqtt_disconnect_sent: "DISCONNECT packets sent.",
  mqtt_auth_received: "AUTH packets received.",
  mqtt_auth_sent: "AUTH packets sent.",
  mqtt_publish_auth_error: "PUBLISH packets that were not authorised.",
  mqtt_subscribe_auth_error: "SUBSCRIBE packets that were not authorised.",
  mqtt_invalid_msg_size_error: "Messages over max_message_size.",
  mqtt_puback_invalid_error: "PUBACK packets with an unknown packet id.",
  mqtt_pubrec_invalid_error: "PUBREC packets with an unknown packet id.",
  mqtt_pubcomp_invalid_error: "PUBCOMP packets with an unknown packet id.",
  mqtt_publish_error: "PUBLISH packets refused because the cluster was split.",
  mqtt_subscribe_error: "SUBSCRIBE packets refused because the cluster was split.",
  mqtt_unsubscribe_error: "UNSUBSCRIBE packets refused because the cluster was split.",
  client_keepalive_expired: "Sessions closed because their keep-alive time had passed.",
  mqtt_connack_accepted_sent: "Deprecated, always 0: see mqtt_connack_sent.",
  mqtt_connack_unacceptable_protocol_sent: "Deprecated, always 0: see mqtt_connack_sent.",
  mqtt_connack_identifier_rejected_sent: "Deprecated, always 0: see mqtt_connack_sent.",
  mqtt_connack_server_unavailable_sent: "Deprecated, always 0: see mqtt_connack_sent.",
  mqtt_connack_bad_credentials_sent: "Deprecated, always 0: see mqtt_connack_sent.",
  mqtt_connack_not_authorized_sent: "Deprecated, always 0: see mqtt_connack_sent.",
};

const HISTOGRAMS = {
  storage_read_microseconds: "Time of reads from the message store in microseconds.",
  storage_write_microseconds: "Time of writes to the message store in microseconds.",
  storage_delete_microseconds: "Time of deletions in the message store in microseconds.",
  storage_scan_microseconds: "Time of range scans of the message store in microseconds.",
} as const satisfies Record<keyof typeof Histogram, string>;

const MEASURED = {
  router_subscriptions: ["gauge", "Subscriptions in the routing table."],
  router_memory: ["gauge", "Bytes used by the routing table."],
  retain_messages: ["gauge", "Retained messages."],
  retain_memory: ["gauge", "Bytes used by retained messages."],
  queue_processes: ["gauge", "Queues, online and offline."],
  active_mqtt_connections: ["gauge", "Open MQTT connections over TCP and TLS."],
  active_mqttws_connections: ["gauge", "Open MQTT connections over WebSocket."],
  unauthenticated_connections: ["gauge", "Open connections whose CONNECT has not been accepted yet."],
  event_loop_lag_milliseconds: ["gauge", "By how much the broker was behind with its work at the last look."],
  node_healthy: ["gauge", "1 while the node has no problem, else 0."],
  total_active_connections: ["gauge", "All open MQTT connections."],
  system_wallclock: ["counter", "Milliseconds since the node started."],
  system_runtime: ["counter", "Processor time of the process in milliseconds."],
  system_context_switches: ["counter", "Context switches of the process."],
  system_gc_count: ["counter", "Garbage collections."],
  system_words_reclaimed_by_gc: ["counter", "Not measured, always 0."],
  system_io_in: ["counter", "Bytes read from all sockets."],
  system_io_out: ["counter", "Bytes written to all sockets."],
  system_reductions: ["counter", "Not measured, always 0."],
  system_exact_reductions: ["counter", "Not measured, always 0."],
  system_run_queue: ["gauge", "Not measured, always 0."],
  system_process_count: ["gauge", "Queues and connections."],
  system_utilization: ["gauge", "Share of time the event loop was busy, in percent."],
  system_utilization_scheduler_1: ["gauge", "Share of time the event loop was busy, in percent."],
  vm_memory_total: ["gauge", "Resident memory of the process in bytes."],
  vm_memory_processes: ["gauge", "Size of the JavaScript heap in bytes."],
  vm_memory_processes_used: ["gauge", "Used part of the JavaScript heap in bytes."],
  vm_memory_system: ["gauge", "Resident memory outside of the JavaScript heap in bytes."],
  vm_memory_binary: ["gauge", "Bytes of buffers outside of the JavaScript heap."],
  vm_memory_atom: ["gauge", "Not measured, always 0."],
  vm_memory_atom_used: ["gauge", "Not measured, always 0."],
  vm_memory_code: ["gauge", "Not measured, always 0."],
  vm_memory_ets: ["gauge", "Not measured, always 0."],
} as const satisfies Record<string, readonly ["gauge" | "counter", string]>;

const LABELLED = {
  tls_certificate_seconds_left: ["minimum", "Seconds until a certificate of a TLS listener expires."],
} as const satisfies Record<string, readonly ["minimum", string]>;

/** Names whose values, told apart by labels, are read when asked for. */
export type LabelledName = keyof typeof LABELLED;

function isLabelledName(name: string): name is LabelledName {
  return Object.hasOwn(LABELLED, name);
}

/** Names whose value is read when asked for. */
export type MeasuredName = keyof typeof MEASURED;

function isMeasuredName(name: string): name is MeasuredName {
  return Object.hasOwn(MEASURED, name);
}

const slotsByName: ReadonlyMap<string, number> = new Map(Object.entries(Metric));

const histogramSlots: ReadonlyMap<string, number> = new Map(Object.entries(Histogram));

function counterSeries(name: string): readonly CounterSeries[] {
  const series: CounterSeries[] = [];
  const plain = slotsByName.get(name);
  if (plain !== undefined) series.push({ labels: [], slot: plain });
  const v4 = slotsByName.get(`${name}_v4`);
  if (v4 !== undefined) series.push({ labels: [VERSION_4], slot: v4 });
  if (name === "mqtt_connack_sent") {
    for (const { name: code, slot } of connackReturnSeries) {
      series.push({ labels: [VERSION_4, ["return_code", code]], slot });
    }
  }
  const v5 = slotsByName.get(`${name}_v5`);
  if (v5 !== undefined) series.push({ labels: [VERSION_5], slot: v5 });
  for (const { name: code, slot } of seriesByReason(name)) {
    series.push({ labels: [VERSION_5, ["reason_code", code]], slot });
  }
  return series;
}

function families(): MetricFamily[] {
  const table: MetricFamily[] = [];
  for (const [name, help] of Object.entries(COUNTERS)) {
    table.push({ name, type: "counter", help, series: counterSeries(name) });
  }
  for (const [name, help] of Object.entries(HISTOGRAMS)) {
    table.push({ name, type: "histogram", help, slot: histogramSlots.get(name) ?? 0 });
  }
  for (const [name, [type, help]] of Object.entries(MEASURED)) {
    if (isMeasuredName(name)) table.push({ name, type, help, measured: true });
  }
  for (const [name, [summary, help]] of Object.entries(LABELLED)) {
    if (isLabelledName(name)) table.push({ name, type: "gauge", help, summary });
  }
  return table.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Every metric of the broker, sorted by name. */
export const metricTable: readonly MetricFamily[] = families();
