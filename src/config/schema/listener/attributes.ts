import { compatibility } from "../../option.ts";
import { bufferSizes, listOf, protocolVersions, semicolonList, wordList } from "../../type/list.ts";
import { fileMode, integer, numberOr } from "../../type/number.ts";
import { flag, string, word } from "../../type/text.ts";
import { attribute, optionalAttribute } from "./attribute.ts";
import { type ListenerKind, listenerKinds } from "./kind.ts";

const MQTT: readonly ListenerKind[] = ["tcp", "ssl", "ws", "wss"];
const MQTT_OR_CLUSTER: readonly ListenerKind[] = [...MQTT, "vmq", "vmqs"];
const HTTP: readonly ListenerKind[] = ["http", "https"];
const WITH_PROXY: readonly ListenerKind[] = [...MQTT, ...HTTP];
const WITH_UNIX_SOCKETS: readonly ListenerKind[] = [...MQTT, ...HTTP];
const WEBSOCKET: readonly ListenerKind[] = ["ws", "wss"];
const WITH_HEADERS: readonly ListenerKind[] = ["ws", "wss", "http", "https"];
const NONE: readonly ListenerKind[] = [];

const BEAM = compatibility("it belongs to the Erlang runtime, which this broker does not use");
const BUFFERS = compatibility("links between nodes have limits in bytes instead");

function watermark(what: string, value: string) {
  return attribute(integer({ min: 1 }), value, {
    doc: what,
    protocol: NONE,
    named: ["vmq"],
    status: BUFFERS,
  });
}

/** What every kind of listener or several kinds have, apart from TLS and HTTP modules. */
export const generalAttributes = {
  max_connections: attribute(numberOr(integer({ min: -1 }), { infinity: Infinity }), "10000", {
    doc: "How many connections a listener holds at the same time. -1 for a protocol or a listener means what the level above says.",
    global: true,
    protocol: listenerKinds,
    named: listenerKinds,
    inherits: "-1",
    visibility: "live",
  }),
  nr_of_acceptors: attribute(integer({ min: -1 }), "10", {
    doc: "How many processes of VerneMQ accept connections.",
    global: true,
    protocol: listenerKinds,
    named: listenerKinds,
    inherits: "-1",
    status: compatibility("one event loop accepts all that wait at once, so there is nothing to choose"),
  }),
  max_connection_lifetime: attribute(integer({ min: 0 }), "0", {
    doc: "After this time a connection is closed, however busy it is; 0 sets no limit.",
    unit: "seconds",
    global: true,
    protocol: MQTT,
    named: MQTT,
    visibility: "live",
  }),
  mountpoint: attribute(string, "off", {
    doc: "The topic tree of a listener's clients. Clients with different mountpoints do not see each other's messages; off is the tree without a name.",
    global: true,
    protocol: MQTT_OR_CLUSTER,
    named: MQTT_OR_CLUSTER,
    inherits: "",
    visibility: "live",
  }),
  allowed_protocol_versions: attribute(protocolVersions, "3,4", {
    doc: "The versions of MQTT that a listener speaks: 3 for 3.1, 4 for 3.1.1, 5 for 5.0, 131 and 132 for bridges that use 3.1 and 3.1.1.",
    protocol: MQTT,
    named: MQTT,
    visibility: "live",
    shipped: { value: "3,4,5", why: "Without 5 clients of MQTT 5.0 are refused." },
  }),
  allow_anonymous_override: attribute(flag, "off", {
    doc: "Lets every client of this listener in, even if allow_anonymous is off.",
    protocol: NONE,
    named: MQTT,
    visibility: "commented",
    commentedFor: MQTT,
  }),
  auth_plugins: optionalAttribute(wordList, {
    doc: "The plugins that decide for this listener who may connect, in their order, instead of all that are enabled.",
    protocol: NONE,
    named: MQTT,
    inherits: "",
  }),
  authz_plugins: optionalAttribute(wordList, {
    doc: "The plugins that decide for this listener what clients may publish and subscribe to, in their order, instead of all that are enabled.",
    protocol: NONE,
    named: MQTT,
    inherits: "",
  }),
  forward_connection_opts: attribute(flag, "off", {
    doc: "Tells plugins that decide about a CONNECT the address, port and kind of the listener.",
    protocol: MQTT,
    named: MQTT,
  }),
  buffer_sizes: optionalAttribute(bufferSizes, {
    doc: "The sizes of a connection's buffers: for sending, for receiving, and in the process.",
    unit: "bytes",
    protocol: ["tcp", "ssl"],
    named: ["tcp", "ssl", "vmq"],
    inherits: "",
    status: compatibility(
      "the operating system adapts a connection's buffers to its traffic; what waits in the process has its own limit, max_write_buffer",
    ),
  }),
  unix_socket_mode: optionalAttribute(fileMode, {
    doc: "The permissions of the socket file of a listener on a Unix socket: who may write to it may connect. Without it the umask of the process decides.",
    protocol: WITH_UNIX_SOCKETS,
    named: WITH_UNIX_SOCKETS,
    inherits: "",
  }),
  active_n: optionalAttribute(integer({ min: 1, max: 32767 }), {
    doc: "How many packets of a socket are read before it is asked again.",
    protocol: ["tcp", "ssl"],
    named: ["tcp", "ssl"],
    status: compatibility(
      "what has come of a connection is read at once, up to 64 KiB, and then others have their turn",
    ),
  }),
  proxy_protocol: attribute(flag, "off", {
    doc: "Expects a header of the PROXY protocol, version 1 or 2, at the beginning of each connection (before that of TLS), and takes the client's address from it.",
    protocol: WITH_PROXY,
    named: WITH_PROXY,
  }),
  proxy_protocol_use_cn_as_username: attribute(flag, "on", {
    doc: "Takes the common name of the client's certificate, if the header of the PROXY protocol has one, as its user name. Of no meaning for HTTP.",
    protocol: [...MQTT, "http"],
    named: [...MQTT, "http"],
  }),
  proxy_xff_support: attribute(flag, "off", {
    doc: "Takes the client's address from the header X-Forwarded-For of a trusted proxy.",
    protocol: WEBSOCKET,
    named: WEBSOCKET,
  }),
  proxy_xff_trusted_intermediate: attribute(semicolonList, "", {
    doc: "The addresses or networks (10.0.0.0/8) of proxies whose headers are believed, separated by semicolons; local stands for those that connect over a Unix socket.",
    protocol: WEBSOCKET,
    named: WEBSOCKET,
    inherits: "",
  }),
  proxy_xff_use_cn_as_username: attribute(flag, "off", {
    doc: "Takes the user name from the header that proxy_xff_cn_header names, with proxy_xff_support; without it, or from somebody else than a trusted proxy, connections are refused.",
    protocol: NONE,
    named: WEBSOCKET,
  }),
  proxy_xff_cn_header: attribute(string, "x-ssl-client-cn", {
    doc: "The header in which a proxy tells the common name of the client's certificate.",
    protocol: NONE,
    named: WEBSOCKET,
    inherits: "",
  }),
  permessage_deflate: attribute(flag, "off", {
    doc: "Compresses messages of WebSocket for clients that offer it. Costs CPU, and memory for each connection.",
    protocol: WEBSOCKET,
    named: WEBSOCKET,
  }),
  max_request_line_length: attribute(integer({ min: 1 }), "8000", {
    doc: "The longest first line of a request.",
    unit: "bytes",
    protocol: NONE,
    named: WITH_HEADERS,
  }),
  max_header_value_length: attribute(integer({ min: 1 }), "4096", {
    doc: "The longest value of a header of a request.",
    unit: "bytes",
    protocol: NONE,
    named: WITH_HEADERS,
  }),
  http_modules: attribute(wordList, "[]", {
    doc: "What this listener serves; an empty list stands for http_modules.",
    protocol: NONE,
    named: HTTP,
    inherits: "",
  }),
  config_mod: attribute(word, "vmq_http_config", {
    doc: "The module that configures the listener.",
    protocol: NONE,
    named: HTTP,
    status: BEAM,
  }),
  config_fun: attribute(word, "config", {
    doc: "The function that configures the listener.",
    protocol: NONE,
    named: HTTP,
    status: BEAM,
  }),
  high_watermark: watermark("From how much on writing to a node waits.", "8192"),
  low_watermark: watermark("From how little on writing to a node goes on.", "4096"),
  high_msgq_watermark: watermark("From how many messages on sending to a node waits.", "8192"),
  low_msgq_watermark: watermark("From how few messages on sending to a node goes on.", "4096"),
};

/** The versions of TLS. */
export const tlsVersions = listOf("tlsv1", "tlsv1.1", "tlsv1.2", "tlsv1.3");
