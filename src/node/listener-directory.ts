import type { ListenerConfiguration, TlsConfiguration } from "../config/listeners.ts";
import { type ListenerRequest, requestedListener } from "../config/requested-listener.ts";
import type { ListenerKind } from "../config/schema/listener/kind.ts";
import type { Listener } from "../listener/listener.ts";
import { TlsError } from "../listener/tls/material-file.ts";
import { PluginError } from "../plugin/plugin.ts";
import type { ListenerRules } from "../session/settings.ts";
import type { NodeParts } from "./running-node.ts";
import type { SavedListeners } from "./saved-listeners.ts";

const withTls: readonly ListenerKind[] = ["ssl", "wss", "vmqs", "https"];

/** A listener of the node, with what it was made from. */
export interface ListenerEntry {
  readonly listener: Listener;
  /** As commands and plugins name it: mqtt, http. */
  readonly type: string;
  /** An IP address, or `local:/path`. */
  readonly address: string;
  /** Null when it does not speak MQTT. */
  readonly rules: ListenerRules | null;
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
  /** Undefined for listeners that do not speak MQTT. */
  readonly mqtt:
    | { readonly allowedProtocolVersions: readonly number[]; readonly allowAnonymousOverride: boolean }
    | undefined;
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

/** Why something was not done: a short word for scripts, and a sentence where there is more to say. */
export type ListenerFailure = { readonly reason: string; readonly text?: string } | undefined;

/** A listener that a command asks for; see `ListenerRequest`. */
export interface ListenerStart extends Omit<ListenerRequest, "attributes"> {
  readonly options: ReadonlyMap<string, string>;
  /** It is to be there after a restart. */
  readonly save: boolean;
}

/** The listeners of a node, for commands. */
export interface ListenerDirectory {
  listeners(): Iterable<ListenerDescription>;
  start(request: ListenerStart): Promise<ListenerFailure>;
  stop(address: string, port: number, kill: boolean): ListenerFailure;
  restart(address: string, port: number): Promise<ListenerFailure>;
  delete(address: string, port: number): ListenerFailure;
}

/** What the directory works on. */
interface ListenersOfNode {
  readonly entries: readonly ListenerEntry[];
  find(address: string, port: number): ListenerEntry | undefined;
  start(listener: ListenerConfiguration): Promise<ListenerEntry>;
  remove(entry: ListenerEntry): void;
  readonly saved: SavedListeners;
}

export function listenerDirectory(
  listeners: ListenersOfNode,
  { configuration, log }: Pick<NodeParts, "configuration" | "log">,
): ListenerDirectory {
  const find = (address: string, port: number): ListenerEntry | undefined =>
    listeners.find(withoutBrackets(address), port);
  const remove = (address: string, port: number): ListenerFailure => {
    const entry = find(address, port);
    if (entry === undefined) return unknown(address, port);
    listeners.remove(entry);
    try {
      listeners.saved.remove(withoutBrackets(address), port);
      return undefined;
    } catch (error) {
      return failure(error);
    }
  };
  return {
    listeners: () => listeners.entries.map(describe),
    async start({ options, save, ...request }) {
      if (find(request.address, request.port) !== undefined)
        return { reason: "already_started", text: `${request.address}:${request.port} has a listener` };
      const asked = { ...request, address: withoutBrackets(request.address), attributes: options };
      const wanted = requestedListener(configuration, asked);
      if (!wanted.ok) return { reason: "invalid_options", text: wanted.problems.join("; ") };
      try {
        const { listener } = await listeners.start(wanted.listener);
        // Of port 0 the one that it got.
        if (save) listeners.saved.add({ ...asked, port: listener.port });
        return undefined;
      } catch (error) {
        return failure(error);
      }
    },
    stop(address, port, kill) {
      if (kill) return remove(address, port);
      const entry = find(address, port);
      if (entry === undefined) return unknown(address, port);
      if (entry.listener.listening) {
        entry.listener.stopAccepting();
        log.info("listener", `listener ${entry.listener.name} accepts no more connections`);
      }
      return undefined;
    },
    async restart(address, port) {
      const entry = find(address, port);
      if (entry === undefined) return unknown(address, port);
      if (entry.listener.listening) return undefined;
      try {
        await entry.listener.listen();
        log.info("listener", `listener ${entry.listener.name} accepts connections again`);
        return undefined;
      } catch (error) {
        return failure(error);
      }
    },
    delete: remove,
  };
}

function withoutBrackets(address: string): string {
  return address.startsWith("[") && address.endsWith("]") ? address.slice(1, -1) : address;
}

function unknown(address: string, port: number): ListenerFailure {
  return { reason: "not_found", text: `there is no listener on ${address}:${port}` };
}

/** The word is the code of a system call or of a plugin list, as it is in VerneMQ. */
function failure(error: unknown): ListenerFailure {
  if (!(error instanceof Error)) return { reason: String(error) };
  if (error instanceof TlsError) return { reason: "invalid_options", text: error.message };
  const code = "code" in error && typeof error.code === "string" ? error.code.toLowerCase() : undefined;
  const word = error instanceof PluginError ? error.reason : code;
  return word === undefined ? { reason: error.message } : { reason: word, text: error.message };
}

function describe({ listener, type, address, rules, configuration }: ListenerEntry): ListenerDescription {
  const { maxConnections } = configuration;
  return {
    type,
    status: listener.listening ? "running" : "suspended",
    address,
    // The real one when port 0 was configured.
    port: listener.port,
    mountpoint: rules?.mountpoint ?? "",
    maxConnections: Number.isFinite(maxConnections) ? maxConnections : "infinity",
    activeConnections: listener.active,
    allConnections: listener.accepted,
    mqtt: rules === null ? undefined : describeMqtt(rules),
    tls: withTls.includes(configuration.kind) ? describeTls(configuration.tls) : undefined,
  };
}

function describeMqtt({ allowedProtocolVersions, allowAnonymousOverride }: ListenerRules) {
  return { allowedProtocolVersions: [...allowedProtocolVersions], allowAnonymousOverride };
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
