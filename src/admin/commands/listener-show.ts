import type { Command } from "../command.ts";
import { type Cell, type Element, table } from "../element.ts";
import type { ListenerDirectory, ListenerInfo } from "../ports.ts";

type Column = readonly [name: string, read: (listener: ListenerInfo) => Cell];

const COLUMNS: readonly Column[] = [
  ["type", ({ type }) => type],
  ["status", ({ status }) => status],
  ["address", ({ address }) => address],
  ["port", ({ port }) => String(port)],
  ["mountpoint", ({ mountpoint }) => mountpoint],
  ["max_conns", ({ maxConnections }) => maxConnections],
  ["active_conns", ({ activeConnections }) => activeConnections],
  ["all_conns", ({ allConnections }) => allConnections],
];

const TLS_COLUMNS: readonly Column[] = [
  ["tls_version", ({ tls }) => tls?.version ?? ""],
  ["certfile", ({ tls }) => tls?.certfile ?? ""],
  ["cafile", ({ tls }) => tls?.cafile ?? ""],
  ["keyfile", ({ tls }) => tls?.keyfile ?? ""],
  ["require_certificate", ({ tls }) => tls?.requireCertificate ?? ""],
  ["use_identity_as_username", ({ tls }) => tls?.useIdentityAsUsername ?? ""],
  ["psk_support", ({ tls }) => tls?.pskSupport ?? ""],
  ["pskfile", ({ tls }) => tls?.pskfile ?? ""],
];

const PROTOCOLS: ReadonlyMap<number, string> = new Map([
  [3, "mqtt 3.1"],
  [4, "mqtt 3.1.1"],
  [5, "mqtt 5"],
  [131, "mqtt 3.1 (bridge)"],
  [132, "mqtt 3.1.1 (bridge)"],
]);

function protocolNames(versions: readonly number[]): string {
  return versions.map((version) => PROTOCOLS.get(version) ?? String(version)).join(", ");
}

const MQTT_COLUMNS: readonly Column[] = [
  ["allowed_protocol_versions", ({ mqtt }) => (mqtt ? protocolNames(mqtt.allowedProtocolVersions) : "")],
  ["allow_anonymous_override", ({ mqtt }) => mqtt?.allowAnonymousOverride ?? ""],
];

/** `listener show`. */
export function listenerShow(directory: ListenerDirectory): Command {
  return {
    path: ["listener", "show"],
    summary: "Shows the listeners.",
    flags: [
      { name: "tls", short: "t", help: "also shows their TLS settings" },
      { name: "mqtt", short: "m", help: "also shows their MQTT settings" },
    ],
    run: ({ flags }): Element[] => {
      const columns = [
        ...COLUMNS,
        ...(flags.has("tls") ? TLS_COLUMNS : []),
        ...(flags.has("mqtt") ? MQTT_COLUMNS : []),
      ];
      const rows = Array.from(directory.listeners(), (listener) => columns.map(([, read]) => read(listener)));
      return [
        table(
          columns.map(([name]) => name),
          rows,
        ),
      ];
    },
  };
}
