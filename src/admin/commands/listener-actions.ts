import type { Command, Flag, Invocation, Key } from "../command.ts";
import { alert, type Element, text } from "../element.ts";
import type { ListenerDirectory, ListenerFailure, ListenerStart } from "../ports.ts";

const KEYS: readonly Key[] = [
  { name: "address", value: "address" },
  { name: "port", value: "port", accepts: (value) => /^\d{1,5}$/.test(value) && Number(value) <= 65_535 },
];

/** Options with a value: name, how the value is named, help. */
const VALUES = [
  ["max_connections", "number", "how many connections at the same time, or infinity"],
  ["nr_of_acceptors", "number", "accepted for compatibility"],
  ["allowed_protocol_versions", "list", "the versions of MQTT, such as 3,4,5"],
  ["auth_plugins", "[plugin,...]", "the plugins that are asked who may connect"],
  ["authz_plugins", "[plugin,...]", "the plugins that are asked what clients may do"],
  ["http_modules", "[module,...]", "what a listener for HTTP serves"],
  ["config_mod", "module", "accepted for compatibility"],
  ["config_fun", "function", "accepted for compatibility"],
  ["unix_socket_mode", "mode", "the permissions of a Unix socket, such as 660"],
  ["proxy_xff_trusted_intermediate", "address;...", "the proxies whose X-Forwarded-For is believed"],
  ["proxy_xff_cn_header", "header", "the header with the common name of the client's certificate"],
  [
    "tls_handshake_timeout",
    "milliseconds",
    "how long the beginning of a TLS connection may take, or infinity",
  ],
  ["cafile", "file", "the authorities that may vouch for clients (PEM)"],
  ["certfile", "file", "the certificate (PEM)"],
  ["keyfile", "file", "the key of the certificate (PEM)"],
  ["keypasswd", "password", "the password of the key"],
  ["ciphers", "list", "the ciphers, separated by colons"],
  ["eccs", "[curve,...]", "the elliptic curves"],
  ["crlfile", "file", "the certificates that have been revoked (PEM)"],
  ["depth", "number", "how many certificates may lie between a client's and the authority's"],
  ["tls_version", "list", "the versions of TLS, such as tlsv1.2,tlsv1.3"],
  ["ocspfile", "file", "what the authority answers about the certificate (DER)"],
  ["pskfile", "file", "the pre-shared keys"],
  ["psk_identity_hint", "hint", "the hint for clients by which they choose their key"],
] as const;

/** Options that are on or off: without a value, or with true or on, and false or off. */
const SWITCHES = [
  ["allow_anonymous_override", "lets every client in"],
  ["proxy_protocol", "expects a header of the PROXY protocol"],
  ["proxy_protocol_use_cn_as_username", "takes the common name that a proxy tells as user name"],
  ["proxy_xff_support", "believes X-Forwarded-For of trusted proxies"],
  ["proxy_xff_use_cn_as_username", "takes the common name of such a header as user name"],
  ["require_certificate", "refuses clients without a valid certificate"],
  ["use_identity_as_username", "takes the common name of a client's certificate as user name"],
  ["forward_connection_opts", "tells plugins about the listener"],
  ["psk_support", "lets clients in that know a pre-shared key"],
] as const;

const SWITCH_TEXTS: ReadonlyMap<string | undefined, string> = new Map([
  [undefined, "on"],
  ["true", "on"],
  ["on", "on"],
  ["false", "off"],
  ["off", "off"],
]);

const START_FLAGS: readonly Flag[] = [
  { name: "mountpoint", short: "m", value: "mountpoint", help: "the topic tree of its clients" },
  { name: "save", help: "starts it again after a restart of the node, until it is deleted" },
  { name: "ssl", help: "speaks TLS" },
  { name: "websocket", help: "speaks WebSocket; together with --ssl over TLS" },
  { name: "http", help: "serves HTTP; together with --ssl HTTPS" },
  ...VALUES.map(([name, value, help]) => ({ name, value, help })),
  ...SWITCHES.map(([name, help]) => ({
    name,
    value: "true|false",
    help,
    accepts: (value: string) => SWITCH_TEXTS.has(value),
  })),
];

/** Where, or the alert that says what is missing. */
function placeOf({ keys }: Invocation): { readonly address: string; readonly port: number } | undefined {
  const address = keys.get("address");
  const port = keys.get("port");
  return address === undefined || port === undefined ? undefined : { address, port: Number(port) };
}

const MISSING = alert(
  "You have to provide both, address=<IP address> and port=<port> (or address=local:/path and port=0)",
);

function outcome(action: string, failure: ListenerFailure): Element[] {
  if (failure === undefined) return [text("Done")];
  const { reason, text: more } = failure;
  return [alert(`can't ${action} listener due to '${reason}'${more === undefined ? "" : `: ${more}`}`)];
}

function kindOf({ flags }: Invocation): ListenerStart["kind"] | undefined {
  const tls = flags.has("ssl");
  if (flags.has("http")) return flags.has("websocket") ? undefined : tls ? "https" : "http";
  if (flags.has("websocket")) return tls ? "wss" : "ws";
  return tls ? "ssl" : "tcp";
}

/** The options by their names in the configuration, or the flag that lacks its value. */
function optionsOf({ flags }: Invocation): ReadonlyMap<string, string> | { readonly missing: string } {
  const options = new Map<string, string>();
  for (const [name] of SWITCHES) {
    if (flags.has(name)) options.set(name, SWITCH_TEXTS.get(flags.get(name)) ?? "on");
  }
  for (const name of ["mountpoint", ...VALUES.map(([name]) => name)]) {
    if (!flags.has(name)) continue;
    const value = flags.get(name);
    if (value === undefined) return { missing: name };
    options.set(name, value);
  }
  return options;
}

/** `listener start address=A port=P`. */
export function listenerStart(directory: ListenerDirectory): Command {
  return {
    path: ["listener", "start"],
    summary: "Starts a listener, until the node stops, or with --save for good.",
    details: ["Options that are not given are those of vernemq.conf for all listeners of the kind."],
    keys: KEYS,
    flags: START_FLAGS,
    run: async (invocation): Promise<Element[]> => {
      const place = placeOf(invocation);
      if (place === undefined) return [MISSING];
      const kind = kindOf(invocation);
      if (kind === undefined) return [alert("A listener serves either HTTP or MQTT over WebSocket")];
      const options = optionsOf(invocation);
      if ("missing" in options) return [alert(`--${options.missing} needs a value`)];
      return outcome(
        "start",
        await directory.start({ kind, ...place, options, save: invocation.flags.has("save") }),
      );
    },
  };
}

/** `listener stop address=A port=P [--kill_sessions]`. */
export function listenerStop(directory: ListenerDirectory): Command {
  return {
    path: ["listener", "stop"],
    summary: "Lets a listener accept no more connections.",
    keys: KEYS,
    flags: [{ name: "kill_sessions", short: "k", help: "also closes its sessions and removes the listener" }],
    run: (invocation): Element[] => {
      const place = placeOf(invocation);
      if (place === undefined) return [MISSING];
      const kill = invocation.flags.has("kill_sessions");
      return outcome("stop", directory.stop(place.address, place.port, kill));
    },
  };
}

/** `listener restart address=A port=P`. */
export function listenerRestart(directory: ListenerDirectory): Command {
  return {
    path: ["listener", "restart"],
    summary: "Lets a stopped listener accept connections again.",
    keys: KEYS,
    run: async (invocation): Promise<Element[]> => {
      const place = placeOf(invocation);
      if (place === undefined) return [MISSING];
      return outcome("restart", await directory.restart(place.address, place.port));
    },
  };
}

/** `listener delete address=A port=P`. */
export function listenerDelete(directory: ListenerDirectory): Command {
  return {
    path: ["listener", "delete"],
    summary: "Removes a listener and closes its sessions.",
    keys: KEYS,
    run: (invocation): Element[] => {
      const place = placeOf(invocation);
      if (place === undefined) return [MISSING];
      return outcome("delete", directory.delete(place.address, place.port));
    },
  };
}
