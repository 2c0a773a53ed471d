import type { Configuration } from "./configuration.ts";
import { joinKey } from "./key.ts";
import { findKey } from "./key-index.ts";
import type { Attribute } from "./schema/listener/attribute.ts";
import { type ListenerKind, listenerKinds } from "./schema/listener/kind.ts";
import { listenerAttributes } from "./schema/listener/listener.ts";
import { type Address, ipOrUnixAddress } from "./type/address.ts";
import type { BufferSizes, ProtocolVersion } from "./type/list.ts";

/** A certificate with its key. Files are absolute paths; the empty text means none. */
export interface CertificateConfiguration {
  readonly certificateFile: string;
  readonly keyFile: string;
  readonly keyPassword: string;
  /** What is stapled to the certificate, DER. */
  readonly ocspFile: string;
}

/** A further certificate of a listener, for the host names that stand in it. */
export interface ServerNameConfiguration extends CertificateConfiguration {
  readonly name: string;
}

/** The TLS attributes of a listener. Files are absolute paths; the empty text and the empty list mean none. */
export interface TlsConfiguration extends CertificateConfiguration {
  readonly caFile: string;
  readonly crlFile: string;
  /** 0 for never. */
  readonly crlRefreshMilliseconds: number;
  readonly ciphers: readonly string[];
  readonly curves: readonly string[];
  readonly versions: readonly ("tlsv1" | "tlsv1.1" | "tlsv1.2" | "tlsv1.3")[];
  /** How many certificates may lie between a client's certificate and the authority's. */
  readonly depth: number;
  readonly requireCertificate: boolean;
  readonly useIdentityAsUsername: boolean;
  /** Infinity for none. */
  readonly handshakeTimeoutMilliseconds: number;
  readonly pskSupport: boolean;
  readonly pskIdentityHint: string;
  readonly pskFile: string;
  readonly pskSeparator: string;
  readonly sni: readonly ServerNameConfiguration[];
}

/** What the PROXY protocol and headers of proxies are believed for. */
export interface ProxyConfiguration {
  readonly proxyProtocol: boolean;
  readonly useCommonNameAsUsername: boolean;
  readonly forwardedFor: boolean;
  readonly trustedIntermediates: readonly string[];
  readonly useForwardedCommonNameAsUsername: boolean;
  readonly commonNameHeader: string;
}

/** A module of the HTTP interface, as a listener is to serve it. */
export interface HttpModuleConfiguration {
  readonly name: string;
  /** Whom it serves: everyone, or those with an API key. */
  readonly auth: "apikey" | "noauth";
  /** It stands in the configuration, not just in the default. */
  readonly wished: boolean;
}

/** A listener with all its attributes, each from the nearest level at which it is set. */
export interface ListenerConfiguration {
  readonly kind: ListenerKind;
  readonly name: string;
  readonly address: Address;
  /** Infinity for no limit. */
  readonly maxConnections: number;
  /** 0 for no limit. */
  readonly maxConnectionLifetimeSeconds: number;
  /** The empty text for the tree without a name. */
  readonly mountpoint: string;
  readonly allowedProtocolVersions: ReadonlySet<ProtocolVersion>;
  readonly allowAnonymousOverride: boolean;
  /** The chain of this listener; undefined for all enabled plugins. */
  readonly authPlugins: readonly string[] | undefined;
  /** The chain of this listener; undefined for all enabled plugins. */
  readonly authzPlugins: readonly string[] | undefined;
  readonly forwardConnectionOptions: boolean;
  readonly bufferSizes: BufferSizes | undefined;
  /** Permission bits; undefined: as the umask of the process says. */
  readonly unixSocketMode: number | undefined;
  readonly proxy: ProxyConfiguration;
  readonly tls: TlsConfiguration;
  /** Messages of WebSocket are compressed for clients that offer it. */
  readonly permessageDeflate: boolean;
  readonly maxRequestLineLength: number;
  readonly maxHeaderValueLength: number;
  /** What is served over HTTP; empty for other kinds. */
  readonly httpModules: readonly HttpModuleConfiguration[];
}

type AttributeValues = {
  readonly [A in keyof typeof listenerAttributes]: (typeof listenerAttributes)[A] extends Attribute<infer T>
    ? T
    : never;
};

const attributes: { readonly [A in keyof AttributeValues]: Attribute<AttributeValues[A]> } =
  listenerAttributes;

const NOTHING_GIVEN: ReadonlyMap<string, string> = new Map();

const attributesByName: ReadonlyMap<string, Attribute<unknown>> = new Map(Object.entries(listenerAttributes));

/** An attribute by its name in keys. */
export function listenerAttribute(name: string): Attribute<unknown> | undefined {
  return attributesByName.get(name);
}

/** Reads the attributes of one listener. */
class Cascade {
  readonly #configuration: Configuration;
  readonly #kind: ListenerKind;
  readonly #name: string;
  readonly #given: ReadonlyMap<string, string>;

  constructor(
    configuration: Configuration,
    kind: ListenerKind,
    name: string,
    given: ReadonlyMap<string, string>,
  ) {
    this.#configuration = configuration;
    this.#kind = kind;
    this.#name = name;
    this.#given = given;
  }

  /** The value of the nearest level: what was given, the listener, its kind, all listeners, the default. */
  read<A extends keyof AttributeValues>(name: A): AttributeValues[A] {
    const attribute = attributes[name];
    const text =
      this.#given.get(name) ??
      this.#text(joinKey(["listener", this.#kind, this.#name, name]), attribute.inherits) ??
      this.#text(`listener.${this.#kind}.${name}`, attribute.inherits) ??
      this.#text(`listener.${name}`, undefined);
    const parsed = attribute.read(text, this.#configuration.context);
    if (!parsed.ok) throw new Error(`${name} of listener ${this.#kind} ${this.#name} ${parsed.problem}`);
    return parsed.value;
  }

  #text(key: string, inherits: string | undefined): string | undefined {
    const text = this.#configuration.setting(key)?.text;
    return text === inherits ? undefined : text;
  }
}

function tlsOf(
  configuration: Configuration,
  cascade: Cascade,
  kind: ListenerKind,
  name: string,
): TlsConfiguration {
  return {
    caFile: cascade.read("cafile"),
    certificateFile: cascade.read("certfile"),
    keyFile: cascade.read("keyfile"),
    keyPassword: cascade.read("keypasswd"),
    ocspFile: cascade.read("ocspfile"),
    crlFile: cascade.read("crlfile"),
    crlRefreshMilliseconds: configuration.get("crl_refresh_interval"),
    ciphers: cascade.read("ciphers"),
    curves: cascade.read("eccs"),
    versions: cascade.read("tls_version"),
    depth: cascade.read("depth"),
    requireCertificate: cascade.read("require_certificate"),
    useIdentityAsUsername: cascade.read("use_identity_as_username"),
    handshakeTimeoutMilliseconds: cascade.read("tls_handshake_timeout"),
    pskSupport: cascade.read("psk_support"),
    pskIdentityHint: cascade.read("psk_identity_hint"),
    pskFile: configuration.get("listener.ssl.pskfile"),
    pskSeparator: configuration.get("listener.ssl.pskfile_separator"),
    sni: serverNamesOf(configuration, kind, name),
  };
}

/** The further certificates of a listener, in the order of their names. */
function serverNamesOf(
  configuration: Configuration,
  kind: ListenerKind,
  name: string,
): readonly ServerNameConfiguration[] {
  const prefix = joinKey(["listener", kind, name, "sni"]);
  const pattern = `listener.${kind}.$name.sni.$certificate.`;
  const known = configuration
    .settings()
    .filter((setting) => setting.pattern.startsWith(pattern) && setting.names[0] === name);
  return [...new Set(known.map(({ names }) => names[1] ?? ""))].map((certificate) => {
    const text = (word: string): string =>
      configuration.setting(`${prefix}.${joinKey([certificate])}.${word}`)?.text ?? "";
    const path = (word: string): string => configuration.context.resolvePath(text(word));
    return {
      name: certificate,
      certificateFile: path("certfile"),
      keyFile: path("keyfile"),
      keyPassword: text("keypasswd"),
      ocspFile: path("ocspfile"),
    };
  });
}

function proxyOf(cascade: Cascade): ProxyConfiguration {
  return {
    proxyProtocol: cascade.read("proxy_protocol"),
    useCommonNameAsUsername: cascade.read("proxy_protocol_use_cn_as_username"),
    forwardedFor: cascade.read("proxy_xff_support"),
    trustedIntermediates: cascade.read("proxy_xff_trusted_intermediate"),
    useForwardedCommonNameAsUsername: cascade.read("proxy_xff_use_cn_as_username"),
    commonNameHeader: cascade.read("proxy_xff_cn_header"),
  };
}

function httpModulesOf(
  configuration: Configuration,
  cascade: Cascade,
  kind: ListenerKind,
  name: string,
): readonly HttpModuleConfiguration[] {
  const own = cascade.read("http_modules");
  const wished = own.length > 0 || configuration.setting("http_modules") !== undefined;
  return (own.length > 0 ? own : configuration.get("http_modules")).map((module) => {
    const key = `${joinKey(["http_module", module])}.auth.mode`;
    const mode =
      configuration.setting(`${joinKey(["listener", kind, name])}.${key}`)?.text ??
      configuration.setting(key)?.text ??
      findKey(key)?.option.default;
    // Whatever is not clearly open is closed.
    return { name: module, auth: mode === "noauth" ? "noauth" : "apikey", wished };
  });
}

/** A listener with its attributes; those of `given` go before what is configured, and must have been checked. */
export function resolveListener(
  configuration: Configuration,
  kind: ListenerKind,
  name: string,
  address: Address,
  given: ReadonlyMap<string, string>,
): ListenerConfiguration {
  const cascade = new Cascade(configuration, kind, name, given);
  const mountpoint = cascade.read("mountpoint");
  const maxConnections = cascade.read("max_connections");
  return {
    kind,
    name,
    address,
    maxConnections: maxConnections < 0 ? Infinity : maxConnections,
    maxConnectionLifetimeSeconds: cascade.read("max_connection_lifetime"),
    mountpoint: mountpoint === "off" ? "" : mountpoint,
    allowedProtocolVersions: cascade.read("allowed_protocol_versions"),
    allowAnonymousOverride: cascade.read("allow_anonymous_override"),
    authPlugins: cascade.read("auth_plugins"),
    authzPlugins: cascade.read("authz_plugins"),
    forwardConnectionOptions: cascade.read("forward_connection_opts"),
    bufferSizes: cascade.read("buffer_sizes"),
    unixSocketMode: cascade.read("unix_socket_mode"),
    proxy: proxyOf(cascade),
    tls: tlsOf(configuration, cascade, kind, name),
    permessageDeflate: cascade.read("permessage_deflate"),
    maxRequestLineLength: cascade.read("max_request_line_length"),
    maxHeaderValueLength: cascade.read("max_header_value_length"),
    httpModules: kind === "http" || kind === "https" ? httpModulesOf(configuration, cascade, kind, name) : [],
  };
}

/**
 * Where the value of an attribute of a listener is written, by the name of the attribute: the key of the nearest level at
 * which it is set, else the listener itself.
 */
export function attributeKey(
  configuration: Configuration,
  { kind, name }: Pick<ListenerConfiguration, "kind" | "name">,
  attribute: string,
): string {
  const keys = attributeKeys({ kind, name }, attribute);
  return keys.find((key) => configuration.setting(key) !== undefined) ?? joinKey(["listener", kind, name]);
}

/** The keys that may set an attribute of a listener, the nearest one first. */
export function attributeKeys(
  { kind, name }: Pick<ListenerConfiguration, "kind" | "name">,
  attribute: string,
): readonly string[] {
  const listener = joinKey(["listener", kind, name]);
  return [`${listener}.${attribute}`, `listener.${kind}.${attribute}`, `listener.${attribute}`];
}

/** The names that any option of a kind of listener uses. */
function namesOf(configuration: Configuration, kind: ListenerKind): ReadonlySet<string> {
  const prefix = `listener.${kind}.$name`;
  const known = configuration
    .settings()
    .filter(({ pattern }) => pattern === prefix || pattern.startsWith(`${prefix}.`));
  return new Set(known.map(({ names }) => names[0] ?? ""));
}

/**
 * All listeners that the configuration opens, by kind and name. Kinds with a default address (vmq, vmqs, http,
 * https) are opened on it when an option names them without an address; other kinds need an address.
 */
export function resolveListeners(configuration: Configuration): readonly ListenerConfiguration[] {
  const listeners: ListenerConfiguration[] = [];
  for (const kind of listenerKinds) {
    for (const name of namesOf(configuration, kind)) {
      const key = joinKey(["listener", kind, name]);
      const text = configuration.setting(key)?.text ?? findKey(key)?.option.default;
      if (text === undefined) continue;
      const address = ipOrUnixAddress.parse(text, configuration.context);
      if (!address.ok) throw new Error(`the address of ${key} ${address.problem}`);
      listeners.push(resolveListener(configuration, kind, name, address.value, NOTHING_GIVEN));
    }
  }
  return listeners;
}
