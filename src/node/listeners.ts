import { join } from "node:path";
import type { Configuration } from "../config/configuration.ts";
import { type ListenerConfiguration, resolveListeners } from "../config/listeners.ts";
import { type ListenerRequest, requestedListener } from "../config/requested-listener.ts";
import { listenerStatus } from "../config/schema/listener/kind.ts";
import type { Address } from "../config/type/address.ts";
import { HttpListener } from "../http/http-listener.ts";
import type { NodeView } from "../http/node-view.ts";
import { blockEpoch } from "../listener/block-pool.ts";
import { ConnectionGuard } from "../listener/connection-guard.ts";
import { mqttKind } from "../listener/kinds.ts";
import { type ListenerLimits, type ListenerServices, MqttListener } from "../listener/mqtt-listener.ts";
import { TlsDirectory } from "../listener/tls/tls-directory.ts";
import { Publication } from "../mqtt/publication.ts";
import { ReasonCode } from "../mqtt/reason-code.ts";
import type { ConnectRefusal } from "../session/connect-gate.ts";
import { FlappingDetector } from "../session/flapping.ts";
import { procedures } from "../session/procedures.ts";
import { PublishWriter } from "../session/publish-writer.ts";
import { Session } from "../session/session.ts";
import type { SessionServices } from "../session/session-services.ts";
import type { ListenerRules, SessionSettings } from "../session/settings.ts";
import { TurnBudget } from "../session/turn-budget.ts";
import { HttpListeners } from "./http-listeners.ts";
import type { ListenerEntry } from "./listener-directory.ts";
import type { LoadMonitor } from "./load-monitor.ts";
import { openFailure } from "./open-failure.ts";
import { flappingRules, guardLimits, httpGuardLimits, protectionKeys } from "./protection.ts";
import type { NodeParts } from "./running-node.ts";
import { SavedListeners } from "./saved-listeners.ts";
import type { Current } from "./session-settings.ts";
import { servedBy, sharesPort } from "./shared-addresses.ts";
import { StartError } from "./start-error.ts";

/** How long clients get to take the last bytes when the node stops, milliseconds. */
const GOODBYE = 1_000;
/** What a WebSocket message may be larger than one packet: clients may send several packets in one, bytes. */
const SEVERAL_PACKETS = 1024 * 1024;
/** What listeners of a kind speak, as the log says it; all others speak plain MQTT. */
const SPOKEN: ReadonlyMap<string, string> = new Map([
  ["ssl", "MQTT over TLS"],
  ["ws", "MQTT over WebSocket"],
  ["wss", "MQTT over WebSocket with TLS"],
  ["http", "HTTP"],
  ["https", "HTTPS"],
]);
const STOPPING: ConnectRefusal = {
  reasonCode: ReasonCode.ServerUnavailable,
  overload: false,
  text: "the broker is shutting down",
};

/** The listeners of a node: made from their configuration, opened and closed. */
export class Listeners {
  /** Those with TLS that are open. */
  readonly tls = new TlsDirectory();
  readonly #parts: NodeParts;
  readonly #services: ListenerServices;
  readonly guard: ConnectionGuard;
  /** Those that were started by command and are to be kept. */
  readonly saved: SavedListeners;
  readonly #shared: Omit<SessionServices, "listener" | "chains">;
  readonly #entries: ListenerEntry[] = [];
  readonly #http: HttpListeners;
  #stopping = false;

  constructor(parts: NodeParts, settings: Current<SessionSettings>, load: LoadMonitor) {
    const { metrics, wheel, log, registry, store, clock, mountpoints, configuration } = parts;
    const { counters } = metrics;
    this.#parts = parts;
    const limits = listenerLimits(configuration);
    this.saved = new SavedListeners(join(configuration.directories.data, "listeners.json"));
    const now = (): number => clock.monotonic();
    this.guard = new ConnectionGuard(guardLimits(configuration), counters, now);
    const flapping = new FlappingDetector(flappingRules(configuration), now);
    const services = { counters, wheel, clock, log, tls: this.tls };
    this.#services = { ...services, limits, guard: this.guard };
    // Counted apart, so that clients of MQTT never keep a health check out.
    const httpGuard = new ConnectionGuard(httpGuardLimits(configuration), counters, now);
    const socketOptions = configuration.get("tcp_listen_options");
    this.#http = new HttpListeners({ ...services, guard: httpGuard }, this.#view(), socketOptions);
    this.#shared = {
      settings,
      registry,
      store,
      counters,
      clock,
      wheel,
      log,
      writer: new PublishWriter(blockEpoch),
      publication: new Publication(),
      mountpoint: (name) => mountpoints.of(name),
      gate: { refusal: () => (this.#stopping ? STOPPING : load.refusal) },
      newcomers: this.guard,
      flapping,
      turn: new TurnBudget(),
      maxConnectSize: configuration.live("protection.max_connect_size"),
    };
    configuration.onChange(protectionKeys.guard, () => {
      const counted = this.guard.byAddress;
      this.guard.limit(guardLimits(configuration));
      httpGuard.limit(httpGuardLimits(configuration));
      if (!counted && this.guard.byAddress)
        for (const { listener } of this.#entries) listener.countAddresses();
    });
    configuration.onChange(protectionKeys.flapping, () => flapping.change(flappingRules(configuration)));
  }

  get entries(): readonly ListenerEntry[] {
    return this.#entries;
  }

  /**
   * Opens all listeners of the configuration. One that cannot be opened stops the start: half a broker would be found
   * out too late. Rejects with a `StartError`.
   */
  async open(): Promise<void> {
    const configured = resolveListeners(this.#parts.configuration);
    const problems: string[] = [];
    for (const listener of configured) {
      if (listenerStatus(listener.kind).kind !== "works") continue;
      const other = servedBy(listener, configured);
      if (other !== undefined) {
        this.#parts.log.info(
          "listener",
          `listener.${listener.kind}.${listener.name} is not opened: listener.${other.kind}.${other.name} has its address and the same options`,
        );
        continue;
      }
      try {
        this.#entries.push(await this.#make(listener, configured));
      } catch (error) {
        problems.push(...openFailure(this.#parts.configuration, listener, error));
      }
    }
    // No port is opened before everything behind all of them is in order.
    for (const { listener, configuration } of this.#entries) {
      try {
        await listener.prepare();
      } catch (error) {
        problems.push(...openFailure(this.#parts.configuration, configuration, error));
      }
    }
    // Those for HTTP first: nobody speaks MQTT to a broker that then ends because a port of theirs is taken.
    for (const speaksMqtt of [false, true]) {
      if (problems.length > 0) break;
      for (const entry of this.#entries) {
        if ((entry.rules !== null) !== speaksMqtt) continue;
        try {
          await this.#listen(entry);
        } catch (error) {
          problems.push(...openFailure(this.#parts.configuration, entry.configuration, error));
        }
      }
    }
    if (problems.length > 0) {
      for (const { listener } of this.#entries) listener.close();
      throw new StartError(problems);
    }
    await this.#openSaved();
    if (!this.#entries.some(({ rules }) => rules !== null)) {
      const example = "listener.tcp.default = 127.0.0.1:1883";
      this.#parts.log.warning(
        "listener",
        `no MQTT listener is configured, so nobody can connect; for one add: ${example}`,
      );
    }
  }

  /** Those of the last run that were to be kept. The start does not depend on them. */
  async #openSaved(): Promise<void> {
    const { configuration, log } = this.#parts;
    let requests: readonly ListenerRequest[] = [];
    try {
      requests = this.saved.read();
    } catch (error) {
      log.error(
        "listener",
        `listeners that were started by command are not started again: ${reasonOf(error)}`,
      );
    }
    for (const request of requests) {
      if (this.find(request.address, request.port) !== undefined) continue;
      try {
        const wanted = requestedListener(configuration, request);
        if (!wanted.ok) throw new Error(wanted.problems.join("; "));
        await this.start(wanted.listener);
      } catch (error) {
        const where = `${request.address}:${request.port}`;
        log.error(
          "listener",
          `the saved ${request.kind} listener on ${where} is not started: ${reasonOf(error)}`,
        );
      }
    }
  }

  /** Starts one more listener. Rejects with the reason why it cannot be. */
  async start(listener: ListenerConfiguration): Promise<ListenerEntry> {
    const all = [listener, ...this.#entries.map(({ configuration }) => configuration)];
    const entry = await this.#make(listener, all);
    try {
      await this.#listen(entry);
    } catch (error) {
      entry.listener.close();
      throw error;
    }
    this.#entries.push(entry);
    return entry;
  }

  /** Undefined: there is none on that address. */
  find(address: string, port: number): ListenerEntry | undefined {
    return this.#entries.find((entry) => entry.address === address && entry.listener.port === port);
  }

  /** Ends a listener and the connections it has; MQTT 5 clients are told. */
  remove(entry: ListenerEntry): void {
    const { listener, rules } = entry;
    const at = this.#entries.indexOf(entry);
    if (at >= 0) this.#entries.splice(at, 1);
    listener.close();
    for (const { handle } of this.#parts.registry.all()) {
      if (rules !== null && handle instanceof Session && handle.services.listener === rules) {
        handle.close(ReasonCode.AdministrativeAction, "its listener was removed");
      }
    }
    setTimeout(() => listener.destroyAll(), GOODBYE).unref();
    this.#parts.log.info("listener", `listener ${listener.name} was removed`);
  }

  /** The node goes down: nothing is accepted any more, and no CONNECT either. */
  stopAccepting(): void {
    this.#stopping = true;
    for (const { listener } of this.#entries) {
      if (listener instanceof HttpListener) listener.retire();
      else listener.stopAccepting();
    }
  }

  /** Gives clients a moment to take the last bytes, then cuts them off. */
  async close(): Promise<void> {
    const deadline = performance.now() + GOODBYE;
    while (performance.now() < deadline && this.#entries.some(({ listener }) => listener.active > 0)) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    for (const { listener } of this.#entries) {
      listener.close();
      listener.destroyAll();
    }
  }

  async #listen({ listener, address, configuration }: ListenerEntry): Promise<void> {
    await listener.listen();
    const port = listener.address.kind === "unix" ? "" : `:${listener.port}`;
    const spoken = SPOKEN.get(configuration.kind) ?? "MQTT";
    this.#parts.log.info("listener", `listening for ${spoken} on ${address}${port} (${listener.name})`);
  }

  async #make(
    listener: ListenerConfiguration,
    all: readonly ListenerConfiguration[],
  ): Promise<ListenerEntry> {
    const ipv6Only = sharesPort(listener.address, all);
    const address = addressText(listener.address);
    const http = await this.#http.make(listener, ipv6Only);
    if (http !== undefined)
      return { listener: http, type: listener.kind, address, rules: null, configuration: listener };
    const kind = mqttKind(listener.kind);
    if (kind === undefined) throw new Error(`this version has no ${listener.kind} listeners`);
    const { configuration, plugins } = this.#parts;
    const rules = listenerRules(listener, kind.type);
    const { authPlugins, authzPlugins } = listener;
    const chains = plugins.chainsFor({
      type: rules.type,
      ...(authPlugins === undefined ? {} : { authPlugins }),
      ...(authzPlugins === undefined ? {} : { authzPlugins }),
    });
    const services: SessionServices = { ...this.#shared, listener: rules, chains };
    const made = new MqttListener(
      {
        name: listener.name,
        kind: listener.kind,
        address: listener.address,
        ipv6Only,
        unixSocketMode: listener.unixSocketMode,
        socketOptions: configuration.get("tcp_listen_options"),
        maxConnections: listener.maxConnections,
        writeLimit: configuration.get("max_write_buffer"),
        direct: configuration.get("static_read_buffer"),
        plain: kind.plain,
        stages: await kind.stages(listener, this.#services),
      },
      (connection) => new Session(services, connection, procedures),
      this.#services,
    );
    return { listener: made, type: kind.type, address, rules, configuration: listener };
  }

  /** What HTTP modules see of the node. */
  #view(): NodeView {
    const { name, health, metrics, configuration, members } = this.#parts;
    const entries = this.#entries;
    return {
      name,
      health,
      metrics,
      metricPrefix: configuration.get("prometheus_namespace"),
      members,
      listeners: () => entries.map(({ type, listener }) => ({ type, running: listener.listening })),
    };
  }
}

function addressText(address: Address): string {
  return address.kind === "ip" ? address.host : `local:${address.path}`;
}

function listenerRules(listener: ListenerConfiguration, type: string): ListenerRules {
  const { address } = listener;
  return {
    type,
    kind: listener.kind,
    name: listener.name,
    address: addressText(address),
    port: address.kind === "ip" ? address.port : 0,
    mountpoint: listener.mountpoint,
    allowedProtocolVersions: listener.allowedProtocolVersions,
    allowAnonymousOverride: listener.allowAnonymousOverride,
    maxConnectionLifetimeSeconds: listener.maxConnectionLifetimeSeconds,
    forwardConnectionOptions: listener.forwardConnectionOptions,
  };
}

/** With `max_message_size` no message has to be larger than what brings several packets of that size. */
function listenerLimits(configuration: Configuration): ListenerLimits {
  return {
    get webSocketMessage() {
      const largest = configuration.get("max_message_size");
      const frame = configuration.get("max_ws_frame_size");
      return largest === 0 ? frame : Math.min(frame, largest + SEVERAL_PACKETS);
    },
  };
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
