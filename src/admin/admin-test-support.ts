import { Metrics } from "../metrics/metrics.ts";
import type { AdminPorts, ConnectionInfo, SessionInfo } from "./ports.ts";

/** Ports of a node that exists in a test only. */
export interface FakePorts extends AdminPorts {
  readonly disconnected: string[];
  /** What the listeners were asked for. */
  readonly calls: unknown[];
  readonly settings: Map<string, string>;
  readonly enabled: Set<string>;
}

function connection(changes: Partial<ConnectionInfo> = {}): ConnectionInfo {
  return {
    id: "c1",
    user: undefined,
    peerHost: "127.0.0.1",
    peerPort: 58498,
    protocol: 4,
    waitingAcks: 0,
    startedAt: 1795335927850,
    ...changes,
  };
}

export function fakeSession(clientId: string, changes: Partial<SessionInfo> = {}): SessionInfo {
  return {
    node: "VerneMQ@127.0.0.1",
    mountpoint: "",
    clientId,
    queueId: "q1",
    state: "online",
    deliverMode: "fanout",
    offlineMessages: 0,
    onlineMessages: 0,
    cleanSession: true,
    isPlugin: false,
    queueStartedAt: 1795335927850,
    connection: connection(),
    subscriptions: () => [],
    messages: () => [],
    ...changes,
  };
}

const SESSIONS: readonly SessionInfo[] = [
  fakeSession("sys-watch", {
    subscriptions: () => [{ topic: "$SYS/#", qos: 0, rap: false, noLocal: false }],
  }),
  fakeSession("client-a", {
    connection: connection({ user: "alice", peerPort: 58508 }),
    subscriptions: () => [
      { topic: "alerts/#", qos: 2, rap: false, noLocal: false },
      { topic: "sensors/+/temp", qos: 1, rap: false, noLocal: false },
    ],
  }),
  fakeSession("client-c", {
    state: "offline",
    cleanSession: false,
    connection: undefined,
    offlineMessages: 2,
    subscriptions: () => [{ topic: "alerts/#", qos: 1, rap: false, noLocal: false }],
    messages: () => [
      { reference: "cmVmMQ==", qos: 1, topic: "alerts/1", dup: false, payload: Buffer.from("a1") },
      { reference: "cmVmMg==", qos: 1, topic: "alerts/2", dup: false, payload: Buffer.from([0xff, 0]) },
    ],
  }),
];

/** Ports with three sessions, two retained messages, one listener, two plugins and a certificate. */
export function fakePorts(sessions: Iterable<SessionInfo> = SESSIONS): FakePorts {
  const disconnected: string[] = [];
  const settings = new Map([
    ["max_inflight_messages", "20"],
    ["retry_interval", "20"],
    ["nodename", "VerneMQ@127.0.0.1"],
  ]);
  const enabled = new Set(["vmq_acl", "vmq_passwd"]);
  const calls: unknown[] = [];
  return {
    calls,
    disconnected,
    settings,
    enabled,
    node: {
      name: "VerneMQ@127.0.0.1",
      version: "0.1.0",
      members: () => [{ name: "VerneMQ@127.0.0.1", running: true }],
    },
    sessions: {
      sessions: () => sessions,
      find: (clientId) => [...sessions].filter((session) => session.clientId === clientId),
      disconnect: (mountpoint, clientId, cleanup) => {
        disconnected.push(`${mountpoint}/${clientId}/${cleanup}`);
        return Promise.resolve(true);
      },
      reauthorize: (_mountpoint, clientId) => Promise.resolve(clientId === "client-a"),
    },
    listeners: {
      listeners: () => [
        {
          type: "mqtt",
          status: "running",
          address: "127.0.0.1",
          port: 1883,
          mountpoint: "",
          maxConnections: 10000,
          activeConnections: 2,
          allConnections: 4,
          mqtt: { allowedProtocolVersions: [3, 4, 5], allowAnonymousOverride: false },
          tls: undefined,
        },
      ],
      start: (request) => {
        calls.push(request);
        return Promise.resolve(request.port === 1 ? { reason: "eacces", text: "not allowed" } : undefined);
      },
      stop: (...call) => {
        calls.push(["stop", ...call]);
        return call[1] === 1 ? { reason: "not_found" } : undefined;
      },
      restart: (...call) => {
        calls.push(["restart", ...call]);
        return Promise.resolve(undefined);
      },
      delete: (...call) => {
        calls.push(["delete", ...call]);
        return undefined;
      },
    },
    retained: {
      retained: (filter) =>
        [
          { mountpoint: "", topic: "retained/one", payload: Buffer.from("hello") },
          { mountpoint: "", topic: "retained/two", payload: Buffer.from('{"v":2}') },
        ].filter(({ topic }) => filter === undefined || topic === filter),
    },
    plugins: {
      plugins: () =>
        [...enabled].map((name) => ({
          name,
          type: "application" as const,
          hooks: [
            { hook: "change_config", module: name, function: "change_config", arity: 1, internal: true },
            ...["auth_on_publish", "auth_on_subscribe"].map((hook, index) => ({
              hook,
              module: name,
              function: hook,
              arity: 6 - index,
              internal: false,
            })),
          ],
        })),
      enable: (name) => {
        if (enabled.has(name)) return Promise.resolve("already_enabled");
        if (!name.startsWith("vmq_")) return Promise.resolve("plugin_not_found");
        enabled.add(name);
        return Promise.resolve(undefined);
      },
      disable: (name) => Promise.resolve(enabled.delete(name) ? undefined : "plugin_not_found"),
    },
    health: { healthy: true, problems: [] },
    configuration: {
      keys: () => settings.keys(),
      isKnown: (key) => settings.has(key),
      nearest: (key) => (key === "retry" ? ["retry_interval", "retry_x"] : []),
      isSettable: (key) => key !== "nodename",
      value: (key) => settings.get(key),
      describe: () => "The maximum number of messages\nthat may be in flight.",
      set: (changes) => {
        const refusals = [...changes].filter(([, value]) => !/^\d+$/.test(value));
        if (refusals.length === 0) for (const [key, value] of changes) settings.set(key, value);
        return refusals.map(([key, value]) => `${key}: "${value}" is no integer`);
      },
    },
    metrics: new Metrics(),
    tls: {
      certificates: () => [
        {
          file: "/etc/ssl/cert.pem",
          notBefore: Date.now() - 3_600_000,
          notAfter: Date.now() + 86_400_500,
          name: "localhost",
          issuer: "Test Root",
          alternativeNames: "DNS:localhost",
        },
      ],
      reload: () =>
        Promise.resolve(["listener.ssl.default: certfile /etc/ssl/cert.pem: the file is not PEM"]),
    },
  };
}
