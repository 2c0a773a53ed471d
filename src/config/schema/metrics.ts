import { compatibility, later, option } from "../option.ts";
import { integer } from "../type/number.ts";
import { flag, string, stringOrQuotes, word } from "../type/text.ts";

const GRAPHITE = later("metrics for Graphite");
const milliseconds = integer({ min: 0 });

/** Metrics as MQTT messages, for Prometheus and for Graphite. */
export const metrics = {
  systree_enabled: option(flag, "on", {
    doc: "Publishes the broker's metrics to topics below $SYS/, followed by the name of the node.",
    visibility: "live",
    runtime: true,
  }),
  systree_interval: option(milliseconds, "20000", {
    doc: "How often the metrics are published; 0 never.",
    visibility: "live",
    runtime: true,
    unit: "milliseconds",
  }),
  systree_mountpoint: option(string, "", {
    doc: "The mountpoint in which the metrics are published.",
  }),
  systree_qos: option(integer({ min: 0, max: 2 }), "0", {
    doc: "The QoS with which the metrics are published.",
  }),
  systree_retain: option(flag, "off", { doc: "Keeps the metrics as retained messages." }),
  systree_reg_view: option(word, "vmq_reg_trie", {
    doc: "The routing table through which the metrics are published.",
    status: compatibility("there is one routing table"),
  }),
  prometheus_namespace: option(stringOrQuotes, "vernemq_", {
    doc: 'The beginning of the name of each metric for Prometheus; "" for none.',
    visibility: "live",
  }),
  graphite_enabled: option(flag, "off", {
    doc: "Sends the metrics to a Graphite server.",
    visibility: "live",
    runtime: true,
    status: GRAPHITE,
  }),
  graphite_host: option(string, "localhost", {
    doc: "The host of the Graphite server.",
    visibility: "live",
    runtime: true,
    status: GRAPHITE,
  }),
  graphite_port: option(integer({ min: 1, max: 65535 }), "2003", {
    doc: "The port of the Graphite server for its plain text protocol.",
    visibility: "live",
    runtime: true,
    status: GRAPHITE,
  }),
  graphite_interval: option(milliseconds, "20000", {
    doc: "How often the metrics are sent.",
    visibility: "live",
    runtime: true,
    unit: "milliseconds",
    status: GRAPHITE,
  }),
  graphite_prefix: option(string, "", {
    doc: "What stands before the name of each metric.",
    visibility: "commented",
    example: "my-prefix",
    status: GRAPHITE,
  }),
  graphite_api_key: option(string, "", {
    doc: "The key of a hosted Graphite service; it stands before everything else.",
    visibility: "commented",
    example: "my-key",
    secret: true,
    status: GRAPHITE,
  }),
  graphite_connect_timeout: option(milliseconds, "5000", {
    doc: "How long connecting may take.",
    unit: "milliseconds",
    status: GRAPHITE,
  }),
  graphite_reconnect_timeout: option(milliseconds, "15000", {
    doc: "How long to wait after a broken connection.",
    unit: "milliseconds",
    status: GRAPHITE,
  }),
  graphite_include_labels: option(flag, "off", {
    doc: "Sends each labelled value of a metric as well.",
    runtime: true,
    status: GRAPHITE,
  }),
};
