import { compatibility, later, type Option, option, optional, type Visibility } from "../../option.ts";
import { endpoint } from "../../type/address.ts";
import { byteSize, integer, percent } from "../../type/number.ts";
import { directory, file } from "../../type/path.ts";
import { enumeration, flag, string } from "../../type/text.ts";

const status = later("bridges");

/** The options that every bridge has, below `vmq_bridge.tcp.NAME` or `vmq_bridge.ssl.NAME`. */
function common(visibility: Visibility): Readonly<Record<string, Option<unknown>>> {
  return {
    cleansession: option(flag, "off", {
      doc: "Begins each connection without a session.",
      visibility,
      status,
    }),
    client_id: option(string, "auto", {
      doc: "The client id of the bridge at the other broker; auto builds one from the name of the host and the name of the bridge.",
      visibility,
      status,
    }),
    inet_version: option(enumeration("inet", "inet6"), "inet", {
      doc: "Whether IPv4 (inet) or IPv6 (inet6) is used.",
      status,
    }),
    keepalive_interval: option(integer({ min: 0, max: 65535 }), "60", {
      doc: "After how much silence a ping is sent.",
      visibility,
      unit: "seconds",
      status,
    }),
    max_outgoing_buffered_messages: option(integer({ min: 0 }), "0", {
      doc: "How many messages are kept while the other broker cannot be reached.",
      visibility,
      status,
    }),
    mountpoint: option(string, "", {
      doc: "The mountpoint of this broker in which the bridge works.",
      visibility,
      example: "my-mountpoint",
      status,
    }),
    mqtt_version: option(enumeration("3", "4", "5"), "3", {
      doc: "The version of MQTT: 3 for 3.1, 4 for 3.1.1, 5 for 5.0.",
      visibility,
      status,
    }),
    outgoing_batch_size: option(integer({ min: 1 }), "100", {
      doc: "How many waiting messages are sent at once.",
      visibility,
      status,
    }),
    password: optional(string, {
      doc: "The password for the other broker.",
      visibility,
      example: "my-password",
      secret: true,
      status,
    }),
    persistent_queue: option(flag, "off", { doc: "Keeps waiting messages on disk.", visibility, status }),
    pubrel_queue_ratio: option(percent, "0%", {
      doc: "Which share of the waiting messages may be second steps of QoS 2.",
      visibility,
      usual: ["0"],
      status,
    }),
    queue_dir: optional(directory, {
      doc: "The directory for waiting messages; each bridge needs its own.",
      visibility,
      example: "./data/bridge",
      status,
    }),
    restart_timeout: option(integer({ min: 0 }), "10", {
      doc: "How long to wait before connecting again.",
      visibility,
      unit: "seconds",
      status,
    }),
    segment_size: option(byteSize({ min: 1 }), "4096", {
      doc: "The size of a file with waiting messages.",
      visibility,
      status,
    }),
    "topic.$topic_id": optional(string, {
      doc: "What the bridge carries: a topic filter, then optionally a direction (out, in or both), a QoS, the word retain, and a local and a remote prefix. The topics of a bridge are numbered from 1 to 100.",
      status,
    }),
    try_private: option(flag, "on", {
      doc: "Tells the other broker, if it is of the same kind, that this is a bridge.",
      visibility,
      status,
    }),
    username: optional(string, {
      doc: "The user name for the other broker.",
      visibility,
      example: "my-user",
      status,
    }),
  };
}

const tls: Readonly<Record<string, Option<unknown>>> = {
  cafile: option(file, "", {
    doc: "The certificates of the authorities that may vouch for the other broker, as a PEM file.",
    visibility: "commented",
    example: "./etc/cacerts.pem",
    status,
  }),
  capath: option(file, "", {
    doc: "A directory of such certificates.",
    status: compatibility("it has no effect in VerneMQ either; use cafile"),
  }),
  certfile: option(file, "", {
    doc: "The bridge's certificate, as a PEM file.",
    visibility: "commented",
    example: "./etc/cert.pem",
    status,
  }),
  keyfile: option(file, "", {
    doc: "The key of that certificate, as a PEM file.",
    visibility: "commented",
    example: "./etc/key.pem",
    status,
  }),
  customize_hostname_check: option(enumeration("https"), "https", {
    doc: "The rules by which the name in the other broker's certificate is compared.",
    visibility: "commented",
    status,
  }),
  depth: option(integer({ min: 0 }), "1", {
    doc: "How many certificates may lie between the other broker's certificate and the authority's.",
    status,
  }),
  identity: option(string, "", {
    doc: "The identity that belongs to the pre-shared key.",
    visibility: "commented",
    example: "my-identity",
    status,
  }),
  psk: option(string, "", {
    doc: "The pre-shared key, in hexadecimal digits.",
    visibility: "commented",
    example: "00ff",
    secret: true,
    status,
  }),
  insecure: option(flag, "off", {
    doc: "Does not check the other broker's certificate.",
    visibility: "commented",
    status,
  }),
  sni: optional(string, { doc: "The name that the certificate must have.", status }),
  tls_version: option(enumeration("tlsv1", "tlsv1.1", "tlsv1.2", "tlsv1.3"), "tlsv1.2", {
    doc: "The version of TLS.",
    visibility: "commented",
    status,
  }),
};

function prefixed(prefix: string, options: Readonly<Record<string, Option<unknown>>>) {
  return Object.fromEntries(Object.entries(options).map(([name, entry]) => [`${prefix}.${name}`, entry]));
}

/** Bridges to other brokers. */
export const bridge: Readonly<Record<string, Option<unknown>>> = {
  "vmq_bridge.tcp.$name": optional(endpoint, {
    doc: "A bridge to another broker, by its host and port.",
    visibility: "commented",
    example: "127.0.0.1:1889",
    status,
  }),
  ...prefixed("vmq_bridge.tcp.$name", common("commented")),
  "vmq_bridge.tcp.br0.topic.1": optional(string, {
    doc: "An example of a topic of a bridge. A * stands for #, which would begin a comment.",
    visibility: "commented",
    example: "topic/* out 1",
    status,
  }),
  "vmq_bridge.ssl.$name": optional(endpoint, {
    doc: "A bridge to another broker over TLS, by its host and port.",
    status,
  }),
  ...prefixed("vmq_bridge.ssl.$name", common("hidden")),
  ...prefixed("vmq_bridge.ssl.$name", tls),
  "vmq_bridge.clique_lead_line": option(string, " bridge Manage MQTT bridges ", {
    doc: "A line of the help of vmq-admin.",
    status: compatibility("the help of commands cannot be configured"),
  }),
};
