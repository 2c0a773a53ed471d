import type { Metrics } from "../metrics/metrics.ts";

/*
 * What the admin commands need from a node, and nothing more. The node provides objects of these shapes.
 */

/** One subscription of a session. */
export interface SubscriptionInfo {
  /** The filter, `$share/group/...` for a shared one. */
  readonly topic: string;
  readonly qos: number;
  /** Retain as published. */
  readonly rap: boolean;
  readonly noLocal: boolean;
}

/** One message stored for a session. */
export interface StoredMessageInfo {
  /** Names the message in the store, any text. */
  readonly reference: string;
  readonly qos: number;
  readonly topic: string;
  readonly dup: boolean;
  readonly payload: Uint8Array;
}

/** The connection of a session that is online. */
export interface ConnectionInfo {
  /** Names the connection within this node, any text. */
  readonly id: string;
  readonly user: string | undefined;
  readonly peerHost: string;
  readonly peerPort: number;
  /** Protocol level of CONNECT: 3, 4, 5, 131 or 132. */
  readonly protocol: number;
  /** Messages on their way to the client and not acknowledged yet. */
  readonly waitingAcks: number;
  /** Epoch milliseconds. */
  readonly startedAt: number;
}

/** One session, online or offline. */
export interface SessionInfo {
  readonly node: string;
  readonly mountpoint: string;
  readonly clientId: string;
  /** Names the queue within this node, any text. */
  readonly queueId: string;
  readonly state: "online" | "wait_for_offline" | "drain" | "offline";
  readonly deliverMode: "fanout" | "balance";
  readonly offlineMessages: number;
  readonly onlineMessages: number;
  readonly cleanSession: boolean;
  /** A client inside of the broker (a bridge). */
  readonly isPlugin: boolean;
  /** Epoch milliseconds. */
  readonly queueStartedAt: number;
  readonly connection: ConnectionInfo | undefined;
  subscriptions(): Iterable<SubscriptionInfo>;
  messages(): Iterable<StoredMessageInfo> | AsyncIterable<StoredMessageInfo>;
}

export interface SessionDirectory {
  /** All sessions, made one by one as the iterator is pulled; sessions may come and go meanwhile. */
  sessions(): Iterable<SessionInfo>;
  /** The sessions of one client id, one per mountpoint. */
  find(clientId: string): Iterable<SessionInfo>;
  /**
   * Disconnects (0x98 for MQTT 5). With `cleanup` the session, its subscriptions and messages are removed, online
   * or not. Resolves when it is done, true if there was such a session.
   */
  disconnect(mountpoint: string, clientId: string, cleanup: boolean): Promise<boolean>;
  /**
   * Asks auth_on_subscribe again for every subscription of the session with that username and removes those that
   * are refused. Resolves to true when something was removed.
   */
  reauthorize(mountpoint: string, clientId: string, username: string): Promise<boolean>;
}

export interface TlsInfo {
  readonly version: string;
  readonly certfile: string;
  readonly cafile: string;
  readonly keyfile: string;
  readonly requireCertificate: boolean;
  readonly useIdentityAsUsername: boolean;
  readonly pskSupport: boolean;
  readonly pskfile: string;
}

export interface ListenerInfo {
  /** mqtt, mqtts, mqttws, mqttwss, vmq, vmqs, http or https. */
  readonly type: string;
  readonly status: "running" | "suspended";
  /** IP address or `local:/path`. */
  readonly address: string;
  readonly port: number;
  readonly mountpoint: string;
  readonly maxConnections: number | "infinity";
  readonly activeConnections: number;
  /** Connections since the listener started. */
  readonly allConnections: number;
  /** Undefined for listeners that do not speak MQTT. */
  readonly mqtt:
    | { readonly allowedProtocolVersions: readonly number[]; readonly allowAnonymousOverride: boolean }
    | undefined;
  readonly tls: TlsInfo | undefined;
}

/** A listener that is asked for. */
export interface ListenerStart {
  readonly kind: "tcp" | "ssl" | "ws" | "wss" | "http" | "https";
  /** An IP address, or `local:/path` for a Unix socket. */
  readonly address: string;
  /** 0 for a Unix socket. */
  readonly port: number;
  /** Option texts as behind `listener.KIND.NAME.` in vernemq.conf. */
  readonly options: ReadonlyMap<string, string>;
  /** It is to be there after a restart. */
  readonly save: boolean;
}

/** Undefined when it went well, else a short word, and an explanation if there is more to say. */
export type ListenerFailure = { readonly reason: string; readonly text?: string } | undefined;

export interface ListenerDirectory {
  listeners(): Iterable<ListenerInfo>;
  /** Starts a listener, until the node ends or for good. */
  start(request: ListenerStart): Promise<ListenerFailure>;
  /** Accepts no more connections; with `kill` the listener is removed and its sessions are closed. */
  stop(address: string, port: number, kill: boolean): ListenerFailure;
  /** Accepts connections again. */
  restart(address: string, port: number): Promise<ListenerFailure>;
  /** Removes a listener and closes its sessions. */
  delete(address: string, port: number): ListenerFailure;
}

export interface CertificateInfo {
  /** The file it stands in. */
  readonly file: string;
  /** Epoch milliseconds. */
  readonly notBefore: number;
  /** Epoch milliseconds. */
  readonly notAfter: number;
  /** The common name of its subject. */
  readonly name: string;
  /** The common name of its issuer. */
  readonly issuer: string;
  /** Subject alternative names, separated by commas. */
  readonly alternativeNames: string;
}

export interface TlsPort {
  /** The certificates that running listeners use, each file once. */
  certificates(): Iterable<CertificateInfo>;
  /** Has all files read again; connections stay. Resolves to what could not be used, a line each. */
  reload(): Promise<readonly string[]>;
}

export interface RetainedInfo {
  readonly mountpoint: string;
  readonly topic: string;
  readonly payload: Uint8Array;
}

export interface RetainedDirectory {
  /**
   * Retained messages whose topic the MQTT filter matches, all with undefined; read as the iterator is pulled.
   * An invalid filter matches nothing.
   */
  retained(filter: string | undefined): Iterable<RetainedInfo> | AsyncIterable<RetainedInfo>;
}

export interface PluginHookInfo {
  readonly hook: string;
  readonly module: string;
  readonly function: string;
  readonly arity: number;
  /** Part of the broker's own workings, shown with --internal only. */
  readonly internal: boolean;
}

export interface PluginInfo {
  readonly name: string;
  readonly type: "application" | "module";
  readonly hooks: readonly PluginHookInfo[];
}

/** Undefined when it went well, else the reason as a short word (`already_enabled`, `plugin_not_found`). */
export type PluginFailure = string | undefined;

export interface PluginDirectory {
  plugins(): Iterable<PluginInfo>;
  enable(name: string, path: string | undefined): Promise<PluginFailure>;
  disable(name: string): Promise<PluginFailure>;
}

export interface ConfigurationPort {
  /** All keys without free words, and those that are set. */
  keys(): Iterable<string>;
  isKnown(key: string): boolean;
  /** Known keys that may have been meant by an unknown one. */
  nearest(key: string): readonly string[];
  isSettable(key: string): boolean;
  /** The current value as the file would have it, secrets masked; undefined: not set. */
  value(key: string): string | undefined;
  /** The documentation text of a key. */
  describe(key: string): string;
  /** Sets all or none. Returns one message per refused value; empty when all were set. */
  set(changes: ReadonlyMap<string, string>): readonly string[];
}

export interface MemberInfo {
  readonly name: string;
  readonly running: boolean;
}

export interface NodePort {
  readonly name: string;
  readonly version: string;
  members(): Iterable<MemberInfo>;
}

/** What is wrong with the node at present. */
export interface HealthPort {
  readonly healthy: boolean;
  /** One line each. */
  readonly problems: readonly string[];
}

/** Everything the commands need from a node. */
export interface AdminPorts {
  readonly node: NodePort;
  readonly sessions: SessionDirectory;
  readonly listeners: ListenerDirectory;
  readonly retained: RetainedDirectory;
  readonly plugins: PluginDirectory;
  readonly configuration: ConfigurationPort;
  readonly metrics: Metrics;
  readonly tls: TlsPort;
  readonly health: HealthPort;
}
