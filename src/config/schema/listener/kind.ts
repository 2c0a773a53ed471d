import { later, type Status } from "../../option.ts";

/** The kinds of listeners, by the word in their keys. */
export const listenerKinds: readonly ["tcp", "ssl", "ws", "wss", "vmq", "vmqs", "http", "https"] = [
  "tcp",
  "ssl",
  "ws",
  "wss",
  "vmq",
  "vmqs",
  "http",
  "https",
];

/** A kind of listener: MQTT (tcp, ssl, ws, wss), traffic between nodes (vmq, vmqs), or HTTP (http, https). */
export type ListenerKind = (typeof listenerKinds)[number];

const statuses: Readonly<Record<ListenerKind, Status>> = {
  tcp: { kind: "works" },
  ssl: { kind: "works" },
  ws: { kind: "works" },
  wss: { kind: "works" },
  vmq: later("the cluster"),
  vmqs: later("the cluster"),
  http: { kind: "works" },
  https: { kind: "works" },
};

/** Whether listeners of this kind work in this version. */
export function listenerStatus(kind: ListenerKind): Status {
  return statuses[kind];
}
