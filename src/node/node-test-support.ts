import type { TestContext } from "node:test";
import { ManualClock } from "../clock/clock.ts";
import { TimerWheel } from "../clock/timer-wheel.ts";
import type { Configuration } from "../config/configuration.ts";
import { load } from "../config/load-test-support.ts";
import { createLogger } from "../log/logger.ts";
import { Metrics } from "../metrics/metrics.ts";
import { decodeFrames, type PacketHandler } from "../mqtt/frame-decoder.ts";
import type { Connect } from "../mqtt/packet.ts";
import { Publication } from "../mqtt/publication.ts";
import { PluginManager } from "../plugin/manager.ts";
import type { Plugin } from "../plugin/plugin.ts";
import { createPluginRuntime } from "../plugin/runtime.ts";
import { Registry } from "../registry/registry.ts";
import { NEVER } from "../registry/subscriber.ts";
import { subscriptionOptions } from "../routing/subscription-options.ts";
import { FlappingDetector, type FlappingRules } from "../session/flapping.ts";
import type { Peer } from "../session/peer.ts";
import { procedures } from "../session/procedures.ts";
import { PublishWriter } from "../session/publish-writer.ts";
import { Session } from "../session/session.ts";
import type { ListenerRules } from "../session/settings.ts";
import type { Transport } from "../session/transport.ts";
import { TurnBudget } from "../session/turn-budget.ts";
import { type MemoryStoreOptions, openMemoryStore } from "../store/memory-store-test-support.ts";
import { Health } from "./health.ts";
import { logOptions } from "./log-options.ts";
import { Mountpoints } from "./mountpoints.ts";
import { queueEvents, registryEvents } from "./queue-events.ts";
import type { NodeParts } from "./running-node.ts";
import { sessionSettings } from "./session-settings.ts";

/** Changes whenever what a transport was sent may be overwritten. */
let blockEpoch = 0;

/** The client side of a session under test. */
export class TestTransport implements Transport {
  block = Buffer.alloc(64 * 1024);
  writable = true;
  ended = false;
  paused = false;
  /** Who gets what is fed. */
  handler: PacketHandler | null = null;
  #kept = Buffer.alloc(0);
  peer: Peer = { address: "192.0.2.7", port: 40_000, identity: null, certificate: null };
  #used = 0;

  /** All that was sent. */
  get sent(): Buffer {
    return this.block.subarray(0, this.#used);
  }

  reserve(size: number): number {
    const at = this.#used;
    this.#used += size;
    if (this.#used > this.block.length) this.block = Buffer.concat([this.block, Buffer.alloc(this.#used)]);
    return at;
  }

  /** The bytes sent since the last call. */
  take(): Buffer {
    const bytes = Buffer.from(this.sent);
    this.#used = 0;
    blockEpoch++;
    return bytes;
  }

  /** Bytes come from the client: they are decoded unless reading pauses or stops. */
  feed(bytes: Uint8Array): void {
    this.#kept = Buffer.concat([this.#kept, bytes]);
    if (this.paused || this.ended || this.handler === null) return;
    const given = this.#kept;
    const consumed = decodeFrames(this.handler, given, 0, given.length);
    this.#kept = this.#kept.subarray(consumed);
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
    this.feed(Buffer.alloc(0));
  }

  end(): void {
    this.ended = true;
  }

  destroy(): void {
    this.ended = true;
  }
}

/** What a test of a node may want otherwise. */
export interface TestNodeOptions {
  readonly store?: MemoryStoreOptions;
  readonly rules?: Partial<ListenerRules>;
  readonly flapping?: FlappingRules;
  readonly clock?: ManualClock;
}

/** Lines of vernemq.conf for a node that writes no log. */
const QUIET = "log.console = off\nlog.error = off\nlog.crash = off\n";

/** The configuration of a node that writes no log. */
export function quietConfiguration(context: TestContext, text: string): Configuration {
  return load(context, `${QUIET}${text}`);
}

/** The parts of a node over a store in memory, without listeners, with a clock that stands still. */
export async function testNode(
  context: TestContext,
  configurationText: string,
  plugins: readonly Plugin[],
  options: TestNodeOptions = {},
) {
  const node = await assembleNode(quietConfiguration(context, configurationText), plugins, options);
  context.after(() => node.parts.store.close());
  return node;
}

/** The same with a configuration that may serve several; its store is closed by whoever asked for it. */
export async function assembleNode(
  configuration: Configuration,
  plugins: readonly Plugin[],
  options: TestNodeOptions = {},
) {
  const log = createLogger(logOptions(configuration));
  const { store, database } = await openMemoryStore(options.store);
  const { clock = new ManualClock() } = options;
  const turn = new TurnBudget();
  const wheel = new TimerWheel(clock, 100, (error) => {
    throw error;
  });
  const metrics = new Metrics();
  const { counters } = metrics;
  const manager = new PluginManager(plugins, createPluginRuntime(log));
  for (const { name } of plugins) await manager.enable(name);
  const events = queueEvents(manager.chains);
  const mountpoints = new Mountpoints({ store, clock, wheel, counters, log, events, configuration });
  const settings = sessionSettings(configuration);
  const registry = new Registry(store, wheel, clock, counters, log, registryEvents(manager.chains), settings);
  const parts: NodeParts = {
    name: "node@test",
    configuration,
    log,
    metrics,
    clock,
    wheel,
    store,
    registry,
    mountpoints,
    plugins: manager,
    health: new Health(),
    members: () => [],
  };
  const publication = new Publication();
  const writer = new PublishWriter(() => blockEpoch);

  /** A connection that has sent nothing yet. */
  function open(mountpoint = "") {
    const transport = new TestTransport();
    const session = new Session(
      {
        settings,
        listener: {
          type: "mqtt",
          kind: "tcp",
          name: "test",
          address: "127.0.0.1",
          port: 1883,
          mountpoint,
          allowedProtocolVersions: new Set([3, 4, 5, 131, 132]),
          allowAnonymousOverride: true,
          maxConnectionLifetimeSeconds: 0,
          forwardConnectionOptions: false,
          ...options.rules,
        },
        chains: manager.chains,
        registry,
        store,
        counters,
        clock,
        wheel,
        log,
        writer,
        publication,
        mountpoint: (name) => mountpoints.of(name),
        gate: { refusal: () => null },
        newcomers: { came: () => {}, went: () => {} },
        flapping: new FlappingDetector(options.flapping ?? null, () => clock.monotonic()),
        turn,
        maxConnectSize: configuration.live("protection.max_connect_size"),
      },
      transport,
      procedures,
    );
    transport.handler = session;
    return { session, transport };
  }

  /** A connected client; the session is kept for good unless it is `clean`. */
  async function connect(clientId: string, more: Partial<Connect> & { readonly mountpoint?: string } = {}) {
    const { mountpoint = "", ...packet } = more;
    const { session, transport } = open(mountpoint);
    const version = packet.version ?? 4;
    const clean = packet.clean ?? false;
    session.onPacket({
      kind: "connect",
      version,
      level: version,
      bridge: false,
      clean,
      keepAlive: 0,
      clientId,
      username: undefined,
      password: undefined,
      will: undefined,
      properties: version === 5 ? { sessionExpiryInterval: clean ? 0 : NEVER } : {},
      ...packet,
    });
    await new Promise<void>((resolve) => store.whenDurable(resolve));
    return { session, transport };
  }

  /** A subscription that no hook was asked about. */
  function subscribe(clientId: string, filter: string, qos = 1, mountpoint = ""): void {
    const subscriber = registry.find(mountpoint, clientId);
    if (subscriber === undefined) throw new Error(`${clientId} has no session`);
    registry.subscribe(subscriber, filter, subscriptionOptions(qos));
  }

  function publish(topic: string, payload: string, qos = 1, mountpoint = "", retain = false): void {
    const tree = mountpoints.of(mountpoint);
    const out = new Publication();
    out.topic = tree.topics.internText(topic);
    out.qos = qos;
    out.retain = retain;
    out.buffer = Buffer.from(payload);
    out.payloadEnd = out.buffer.length;
    tree.router.publish(out);
  }

  return {
    parts,
    clock,
    wheel,
    database,
    open,
    connect,
    subscribe,
    publish,
    committed: () => new Promise<void>((resolve) => store.whenDurable(resolve)),
  };
}
