import type { ListenerConfiguration } from "../config/listeners.ts";
import type { MqttListener } from "../listener/mqtt-listener.ts";
import type { ListenerRules } from "../session/settings.ts";

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
  readonly tls: undefined;
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
    tls: undefined,
  };
}
