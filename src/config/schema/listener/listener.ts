import {
  later,
  type Option,
  type OptionFacts,
  option,
  optional,
  type Status,
  type Visibility,
} from "../../option.ts";
import { ipAddress, ipOrUnixAddress } from "../../type/address.ts";
import { integer } from "../../type/number.ts";
import { file } from "../../type/path.ts";
import { character, enumeration, string } from "../../type/text.ts";
import type { Attribute } from "./attribute.ts";
import { generalAttributes } from "./attributes.ts";
import { type ListenerKind, listenerKinds, listenerStatus } from "./kind.ts";
import { tlsAttributes } from "./tls-attributes.ts";

/** Every attribute of listeners that may be set on more than one level or for more than one kind. */
export const listenerAttributes = { ...generalAttributes, ...tlsAttributes };

const titles: Readonly<Record<ListenerKind, string>> = {
  tcp: "MQTT over TCP",
  ssl: "MQTT over TLS",
  ws: "MQTT over WebSocket",
  wss: "MQTT over WebSocket with TLS",
  vmq: "traffic between nodes",
  vmqs: "traffic between nodes over TLS",
  http: "HTTP",
  https: "HTTP over TLS",
};

/** The addresses of listeners of these kinds that are named without one. */
const defaultAddresses: ReadonlyMap<ListenerKind, string> = new Map([
  ["vmq", "0.0.0.0:44053"],
  ["vmqs", "0.0.0.0:44054"],
  ["http", "127.0.0.1:8888"],
  ["https", "127.0.0.1:8889"],
]);

const exampleAddresses: Readonly<Record<ListenerKind, string>> = {
  tcp: "127.0.0.1:1883",
  ssl: "127.0.0.1:8883",
  ws: "127.0.0.1:8080",
  wss: "127.0.0.1:8443",
  vmq: "0.0.0.0:44053",
  vmqs: "0.0.0.0:44054",
  http: "127.0.0.1:8888",
  https: "127.0.0.1:8889",
};

/** Kinds that listen on IP addresses only: other nodes connect to them. */
const IP_ONLY: readonly ListenerKind[] = ["vmq", "vmqs"];

/** The live line of the shipped file, for kinds that have one. */
const shippedAddresses: ReadonlyMap<ListenerKind, OptionFacts["shipped"]> = new Map([
  [
    "tcp",
    {
      name: "default",
      value: "127.0.0.1:1883",
      why: "Only clients on this machine reach it; use 0.0.0.0:1883 for all.",
    },
  ],
  [
    "http",
    {
      name: "default",
      value: "127.0.0.1:8888",
      why: "Health checks and metrics, for programs on this machine.",
    },
  ],
]);

function address(kind: ListenerKind): Option<unknown> {
  const doc = `The address and port of a listener for ${titles[kind]}. Its name is free; options of this listener follow the name.`;
  const unix = !IP_ONLY.includes(kind);
  const type = unix ? ipOrUnixAddress : ipAddress;
  const shipped = shippedAddresses.get(kind);
  const facts: OptionFacts = {
    doc: unix ? `${doc} local:/path/to/socket:0 listens on a Unix socket.` : doc,
    example: exampleAddresses[kind],
    status: listenerStatus(kind),
    visibility: shipped === undefined ? "commented" : "live",
    ...(shipped && { shipped }),
  };
  const known = defaultAddresses.get(kind);
  return known === undefined ? optional(type, facts) : option(type, known, facts);
}

/** An attribute's own status, unless listeners of the kind do not work yet. */
function statusFor(attribute: Attribute<unknown>, kind: ListenerKind): Status {
  const own = attribute.status ?? { kind: "works" };
  return own.kind === "works" ? listenerStatus(kind) : own;
}

const LIVE: { readonly visibility: Visibility } = { visibility: "live" };
const COMMENTED: { readonly visibility: Visibility } = { visibility: "commented" };

function* optionsOf(
  name: string,
  attribute: Attribute<unknown>,
): Generator<readonly [string, Option<unknown>]> {
  const { type, doc, unit, secret, example, shipped, visibility, commentedFor, status } = attribute;
  const facts = {
    doc,
    ...(unit && { unit }),
    ...(secret && { secret }),
    ...(example && { example }),
    ...(status && { status }),
    usual: [attribute.default, attribute.inherits].filter((text) => text !== undefined),
  };
  if (attribute.global) {
    yield [
      `listener.${name}`,
      option(type, attribute.default ?? "", { ...facts, visibility: visibility ?? "hidden" }),
    ];
  }
  for (const kind of attribute.protocol) {
    const shown = visibility === "commented" && commentedFor?.includes(kind);
    const levelFacts = {
      ...facts,
      status: statusFor(attribute, kind),
      ...(shipped && { shipped, ...LIVE }),
      ...(shown && COMMENTED),
    };
    const inherited = attribute.global || attribute.default === undefined;
    yield [
      `listener.${kind}.${name}`,
      inherited ? optional(type, levelFacts) : option(type, attribute.default ?? "", levelFacts),
    ];
  }
  for (const kind of attribute.named) {
    const shown = attribute.protocol.length === 0 && commentedFor?.includes(kind);
    yield [
      `listener.${kind}.$name.${name}`,
      optional(type, {
        ...facts,
        status: statusFor(attribute, kind),
        ...(shown && { ...COMMENTED, example: example ?? attribute.default ?? "" }),
      }),
    ];
  }
}

/** Options of the HTTP modules of one listener, which have no other level. */
function httpModuleOptions(kind: "http" | "https"): Readonly<Record<string, Option<unknown>>> {
  const prefix = `listener.${kind}.$name`;
  const status = listenerStatus(kind);
  const publish = later("publishing over HTTP");
  return {
    [`${prefix}.http_module.$module.auth.mode`]: optional(enumeration("apikey", "noauth"), {
      doc: "Whether a module of this listener asks for an API key (apikey) or serves everyone (noauth). This version has no API keys: it does not serve a module that asks for one.",
      status,
    }),
    [`${prefix}.http_modules.vmq_http_pub.mountpoint`]: optional(string, {
      doc: "The mountpoint that is published to over this listener.",
      status: publish,
    }),
    [`${prefix}.http_modules.vmq_http_pub.mqtt_auth.mode`]: optional(
      enumeration("on-behalf-of", "predefined"),
      {
        doc: "Whose rights are asked for when this listener publishes.",
        status: publish,
      },
    ),
    [`${prefix}.http_modules.vmq_http_pub.mqtt_auth.auth_plugin`]: optional(string, {
      doc: "The plugins that are asked when this listener publishes.",
      status: publish,
    }),
    [`${prefix}.http_modules.vmq_http_pub.mqtt_auth.user`]: optional(string, {
      doc: "The configured user of this listener.",
      status: publish,
    }),
    [`${prefix}.http_modules.vmq_http_pub.mqtt_auth.password`]: optional(string, {
      doc: "That user's password.",
      secret: true,
      status: publish,
    }),
    [`${prefix}.http_modules.vmq_http_pub.mqtt_auth.client_id`]: optional(string, {
      doc: "That user's client id.",
      status: publish,
    }),
  };
}

/** Kinds that may have a certificate for each of several server names. */
const WITH_SERVER_NAMES: readonly ListenerKind[] = ["ssl", "wss", "https"];

/** Options of further certificates, which have no other level. */
function serverNameOptions(kind: ListenerKind): Readonly<Record<string, Option<unknown>>> {
  const prefix = `listener.${kind}.$name.sni.$certificate`;
  const status = listenerStatus(kind);
  return {
    [`${prefix}.certfile`]: optional(file, {
      doc: "A further certificate with its chain, as a PEM file, for clients that ask for one of its host names.",
      status,
    }),
    [`${prefix}.keyfile`]: optional(file, { doc: "The key of this certificate, as a PEM file.", status }),
    [`${prefix}.keypasswd`]: optional(string, { doc: "The password of this key.", secret: true, status }),
    [`${prefix}.ocspfile`]: optional(file, {
      doc: "What the authority answers about this certificate (OCSP), as a DER file.",
      status,
    }),
  };
}

/** Options of listeners that have one level only. */
export const singleListenerOptions = {
  "listener.ssl.pskfile": option(file, "./etc/vmq.psk", {
    doc: "The file with pre-shared keys: a line for each, with the identity, the separator and the key as plain text.",
    visibility: "live",
    status: listenerStatus("ssl"),
  }),
  "listener.ssl.pskfile_separator": option(character, ":", {
    doc: "What stands between identity and key in that file.",
    visibility: "commented",
    status: listenerStatus("ssl"),
  }),
  crl_refresh_interval: option(integer({ min: 0 }), "60000", {
    doc: "How often files of revoked certificates are looked at for changes; 0 never.",
    unit: "milliseconds",
    status: listenerStatus("ssl"),
  }),
};

function allListenerOptions(): Readonly<Record<string, Option<unknown>>> {
  const all: Record<string, Option<unknown>> = {};
  for (const kind of listenerKinds) all[`listener.${kind}.$name`] = address(kind);
  for (const [name, attribute] of Object.entries(listenerAttributes)) {
    for (const [key, entry] of optionsOf(name, attribute)) all[key] = entry;
  }
  for (const kind of WITH_SERVER_NAMES) Object.assign(all, serverNameOptions(kind));
  return { ...all, ...singleListenerOptions, ...httpModuleOptions("http"), ...httpModuleOptions("https") };
}

/** All options of listeners. */
export const listenerOptions: Readonly<Record<string, Option<unknown>>> = allListenerOptions();
