import { mkdirSync } from "node:fs";
import { systemClock } from "../clock/clock.ts";
import { TimerWheel } from "../clock/timer-wheel.ts";
import { reportLines } from "../config/commands.ts";
import { type ListenerConfiguration, resolveListeners } from "../config/listeners.ts";
import { loadConfiguration } from "../config/load.ts";
import { runtimeSettings } from "../config/runtime-settings.ts";
import { VERSION } from "../config/version.ts";
import { blockEpoch } from "../listener/block-pool.ts";
import { TcpListener } from "../listener/tcp-listener.ts";
import { createLogger, type RootLogger } from "../log/logger.ts";
import type { Counters } from "../metrics/counters.ts";
import { Metrics } from "../metrics/metrics.ts";
import { Publication } from "../mqtt/publication.ts";
import { Registry } from "../registry/registry.ts";
import { RetainedSweeper } from "../retained/retained-sweeper.ts";
import { procedures } from "../session/procedures.ts";
import { PublishWriter } from "../session/publish-writer.ts";
import { Session } from "../session/session.ts";
import type { SessionServices } from "../session/session-services.ts";
import type { ListenerRules } from "../session/settings.ts";
import { openStore } from "../store/open-store.ts";
import { type ListenerEntry, listenerDirectory } from "./listener-directory.ts";
import { loadStored } from "./loader.ts";
import { logOptions } from "./log-options.ts";
import { provideMetrics } from "./measured-metrics.ts";
import { Mountpoints } from "./mountpoints.ts";
import { pluginDirectory } from "./plugin-directory.ts";
import { createPlugins } from "./plugins.ts";
import { queueEvents, registryEvents } from "./queue-events.ts";
import { retainedDirectory } from "./retained-directory.ts";
import type { NodeParts, StartOptions } from "./running-node.ts";
import { sessionDirectory } from "./session-directory.ts";
import { sessionSettings } from "./session-settings.ts";
import { StartError } from "./start-error.ts";
import { storeOptions } from "./store-options.ts";
import { Systree } from "./systree.ts";

/** The grain of time-outs, milliseconds. */
const TICK = 100;
/** How long clients get to take the last bytes when the node stops, milliseconds. */
const GOODBYE = 1_000;

/** Starts a node and resolves when it serves. Rejects with a `StartError` for what its user can mend. */
export async function startNode(options: StartOptions) {
  const loaded = loadConfiguration({
    confFile: options.confFile,
    env: options.env,
    directories: options.directories,
    given: options.given,
  });
  if (!loaded.ok) throw new StartError(reportLines(loaded));
  const { configuration, warnings } = loaded;
  const { directories } = configuration;
  try {
    for (const directory of [directories.data, directories.log])
      mkdirSync(directory, { recursive: true, mode: 0o750 });
  } catch (error) {
    throw new StartError([`error: the data or log directory cannot be used: ${reasonOf(error)}`]);
  }
  const log = createLogger(logOptions(configuration, options.writeLog), systemClock);
  for (const { text } of warnings) log.warning("configuration", text);
  const metrics = new Metrics();
  const { counters } = metrics;
  const clock = systemClock;
  const failed = Promise.withResolvers<never>();
  const wheel = new TimerWheel(clock, TICK, (error) => log.crash("timer", "a timer failed", error));
  const store = await openMessageStore(
    configuration.get("vmq_generic_msg_store.store_dir"),
    configuration,
    log,
    counters,
  );
  try {
    const settings = sessionSettings(configuration);
    const plugins = createPlugins(configuration, log);
    await plugins.start();
    const { chains } = plugins.manager;
    const mountpoints = new Mountpoints({
      store,
      clock,
      wheel,
      counters,
      log,
      events: queueEvents(chains),
      configuration,
    });
    const registry = new Registry(store, wheel, clock, counters, log, registryEvents(chains), {
      get value() {
        const { persistentClientExpirationSeconds, suppressLastWillOnTakeover } = settings.value;
        return { persistentClientExpirationSeconds, suppressLastWillOnTakeover };
      },
    });
    const report = await loadStored(store, mountpoints, registry, settings.value.queueLimits, log);
    log.info("start", `loaded ${report.sessions} sessions and ${report.retained} retained messages`);
    const parts: NodeParts = {
      configuration,
      log,
      metrics,
      clock,
      wheel,
      store,
      registry,
      mountpoints,
      plugins: plugins.manager,
      name: configuration.get("nodename"),
    };
    const writer = new PublishWriter(blockEpoch);
    const publication = new Publication();
    const state = { stopping: false };
    const entries: ListenerEntry[] = [];
    for (const listener of resolveListeners(configuration)) {
      if (listener.kind !== "tcp") continue;
      const rules = listenerRules(listener);
      const services: SessionServices = {
        settings,
        listener: rules,
        chains: plugins.manager.chainsFor({
          type: rules.type,
          ...(listener.authPlugins === undefined ? {} : { authPlugins: listener.authPlugins }),
          ...(listener.authzPlugins === undefined ? {} : { authzPlugins: listener.authzPlugins }),
        }),
        registry,
        store,
        counters,
        clock,
        wheel,
        log,
        writer,
        publication,
        mountpoint: (name) => mountpoints.of(name),
        get stopping() {
          return state.stopping;
        },
      };
      const { address } = listener;
      const tcp = new TcpListener(
        {
          name: listener.name,
          address,
          maxConnections: listener.maxConnections,
          writeLimit: configuration.get("max_write_buffer"),
          staticRead: configuration.get("static_read_buffer"),
        },
        (connection) => new Session(services, connection, procedures),
        counters,
        log,
      );
      entries.push({ listener: tcp, rules, configuration: listener });
    }
    const stopMetrics = provideMetrics(parts, entries);
    wheel.start();
    const sweeper = new RetainedSweeper(
      mountpoints.retained,
      wheel,
      configuration.get("expire_retain_cache"),
    );
    sweeper.start();
    const systree = new Systree(parts);
    systree.start();
    await listenAll(entries, log);
    if (entries.length === 0) {
      const example = "listener.tcp.default = 127.0.0.1:1883";
      log.warning(
        "listener",
        `no MQTT listener is configured, so nobody can connect; for one add: ${example}`,
      );
    }
    log.info("start", `node ${parts.name} (version ${VERSION}) is ready`);
    const stop = async (reason: string): Promise<void> => {
      log.info("stop", `node ${parts.name} stops: ${reason}`);
      state.stopping = true;
      for (const { listener } of entries) listener.stopAccepting();
      systree.stop();
      sweeper.stop();
      for (const subscriber of registry.all()) {
        if (subscriber.handle instanceof Session) subscriber.handle.shutDown();
      }
      await goodbye(entries);
      await plugins.manager.stop();
      await store.close();
      stopMetrics();
      wheel.stop();
      log.info("stop", "stopped");
    };
    return {
      log,
      stop,
      failed: failed.promise,
      ports: {
        node: { name: parts.name, version: VERSION, members: () => [{ name: parts.name, running: true }] },
        sessions: sessionDirectory(parts),
        listeners: listenerDirectory(entries),
        retained: retainedDirectory(parts),
        plugins: pluginDirectory(parts),
        configuration: runtimeSettings(configuration),
        metrics,
      },
    };
  } catch (error) {
    await store.close();
    throw error;
  }
}

async function openMessageStore(
  directory: string,
  configuration: Parameters<typeof storeOptions>[0],
  log: RootLogger,
  counters: Counters,
): Promise<Awaited<ReturnType<typeof openStore>>> {
  try {
    return await openStore(directory, storeOptions(configuration), {
      log,
      counters,
      onHealth: (problem) => {
        if (problem === null) log.info("store", "the message store takes writes again");
        else
          log.critical("store", `the message store refuses writes: ${problem}; QoS 1 and 2 publishers wait`);
      },
    });
  } catch (error) {
    throw new StartError([`error: ${reasonOf(error)}`]);
  }
}

function listenerRules(listener: ListenerConfiguration): ListenerRules {
  const { address } = listener;
  return {
    type: "mqtt",
    name: listener.name,
    address: address.kind === "ip" ? address.host : `local:${address.path}`,
    port: address.kind === "ip" ? address.port : 0,
    mountpoint: listener.mountpoint,
    allowedProtocolVersions: listener.allowedProtocolVersions,
    allowAnonymousOverride: listener.allowAnonymousOverride,
    maxConnectionLifetimeSeconds: listener.maxConnectionLifetimeSeconds,
    forwardConnectionOptions: listener.forwardConnectionOptions,
  };
}

/** A listener that cannot be opened stops the start: half a broker would be found out too late. */
async function listenAll(entries: readonly ListenerEntry[], log: RootLogger): Promise<void> {
  const problems: string[] = [];
  for (const { listener, rules } of entries) {
    try {
      await listener.listen();
      log.info(
        "listener",
        `listening for MQTT on ${rules.address}:${listener.port} (${listener.options.name})`,
      );
    } catch (error) {
      problems.push(
        `error: listener.tcp.${rules.name} cannot listen on ${rules.address}:${rules.port}: ${reasonOf(error)}`,
      );
    }
  }
  if (problems.length === 0) return;
  for (const { listener } of entries) if (listener.listening) listener.stopAccepting();
  throw new StartError(problems);
}

/** Gives clients a moment to take the last bytes, then cuts them off. */
async function goodbye(entries: readonly ListenerEntry[]): Promise<void> {
  const deadline = performance.now() + GOODBYE;
  while (performance.now() < deadline && entries.some(({ listener }) => listener.active > 0)) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  for (const { listener } of entries) listener.destroyAll();
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
