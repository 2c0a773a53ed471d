import type { ListenerConfiguration, TlsConfiguration } from "../config/listeners.ts";
import type { ListenerKind } from "../config/schema/listener/kind.ts";
import type { MqttListener } from "../listener/mqtt-listener.ts";
import type { ListenerRules } from "../session/settings.ts";

const withTls: readonly ListenerKind[] = ["ssl", "wss", "vmqs", "https"];

/** A listener of the node, with what it was made from. */
export interface ListenerEntry {
  readonly listener: MqttListener;
  readonly rules: ListenerRules;
  readonly configuration: ListenerConfiguration;
}

/** A listener as `vmq-admin listener show` has it. */
export interface ListenerDescription {
  readonly type: string;
  readonly status: "running" | "suspended";
  readonly address: string;
  readonly port: number;
  readonly mountpoint: string;
  readonly maxConnections: number | "infinity";
  readonly activeConnections: number;
  readonly allConnections: number;
  readonly mqtt: {
    readonly allowedProtocolVersions: readonly number[];
    readonly allowAnonymousOverride: boolean;
  };
  readonly tls: TlsDescription | undefined;
}

/** The TLS settings of a listener, as commands show them. */
export interface TlsDescription {
  readonly version: string;
  readonly certfile: string;
  readonly cafile: string;
  readonly keyfile: string;
  readonly requireCertificate: boolean;
  readonly useIdentityAsUsername: boolean;
  readonly pskSupport: boolean;
  readonly pskfile: string;
}

/** The listeners of a node, for commands. */
export interface ListenerDirectory {
  listeners(): Iterable<ListenerDescription>;
}

export function listenerDirectory(listeners: {
  readonly entries: readonly ListenerEntry[];
}): ListenerDirectory {
  return { listeners: () => listeners.entries.map(describe) };
}

function describe({ listener, rules, configuration }: ListenerEntry): ListenerDescription {
  const { maxConnections } = configuration;
  return {
    type: rules.type,
    status: listener.listening ? "running" : "suspended",
    address: rules.address,
    // The real one when port 0 was configured.
    port: listener.port,
    mountpoint: rules.mountpoint,
    maxConnections: Number.isFinite(maxConnections) ? maxConnections : "infinity",
    activeConnections: listener.active,
    allConnections: listener.accepted,
    mqtt: {
      allowedProtocolVersions: [...rules.allowedProtocolVersions],
      allowAnonymousOverride: rules.allowAnonymousOverride,
    },
    tls: withTls.includes(configuration.kind) ? describeTls(configuration.tls) : undefined,
  };
}

function describeTls(tls: TlsConfiguration): TlsDescription {
  return {
    version: tls.versions.join(","),
    certfile: tls.certificateFile,
    cafile: tls.caFile,
    keyfile: tls.keyFile,
    requireCertificate: tls.requireCertificate,
    useIdentityAsUsername: tls.useIdentityAsUsername,
    pskSupport: tls.pskSupport,
    pskfile: tls.pskSupport ? tls.pskFile : "",
  };
}
