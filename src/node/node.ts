import { systemClock } from "../clock/clock.ts";
import { TimerWheel } from "../clock/timer-wheel.ts";
import { errorLines } from "../config/commands.ts";
import type { LoadRequest } from "../config/load.ts";
import { runtimeSettings } from "../config/runtime-settings.ts";
import { VERSION } from "../config/version.ts";
import { makeDirectory } from "../files/make-directory.ts";
import { createLogger, type RootLogger } from "../log/logger.ts";
import type { Counters } from "../metrics/counters.ts";
import { Metrics } from "../metrics/metrics.ts";
import { Registry } from "../registry/registry.ts";
import { RetainedSweeper } from "../retained/retained-sweeper.ts";
import { Session } from "../session/session.ts";
import { openStore } from "../store/open-store.ts";
import { collectGarbage } from "./collect-garbage.ts";
import { Health } from "./health.ts";
import { listenerDirectory } from "./listener-directory.ts";
import { Listeners } from "./listeners.ts";
import { LoadMonitor } from "./load-monitor.ts";
import { loadStored } from "./loader.ts";
import { logOptions, syslogOf } from "./log-options.ts";
import { provideMetrics } from "./measured-metrics.ts";
import { memoryUse } from "./memory-use.ts";
import { Mountpoints } from "./mountpoints.ts";
import { pluginDirectory } from "./plugin-directory.ts";
import { createPlugins } from "./plugins.ts";
import { loadLimits, protectionKeys } from "./protection.ts";
import { queueEvents, registryEvents } from "./queue-events.ts";
import { reloader } from "./reload.ts";
import { retainedDirectory } from "./retained-directory.ts";
import type { NodeParts, StartOptions } from "./running-node.ts";
import { sessionDirectory } from "./session-directory.ts";
import { sessionSettings } from "./session-settings.ts";
import { StartError } from "./start-error.ts";
import { storeOptions } from "./store-options.ts";
import { StorePresence } from "./store-presence.ts";
import { allErrors, inspectSurroundings } from "./surroundings/surroundings.ts";
import { Systree } from "./systree.ts";
import { certificateSeconds, tlsView } from "./tls-directory.ts";

/** The grain of time-outs, milliseconds. */
const TICK = 100;

/** Starts a node and resolves when it serves. Rejects with a `StartError` for what its user can mend. */
export async function startNode(options: StartOptions) {
  const { confFile, env, directories: installed, given, overlay, loaded, writeLog } = options;
  const request: LoadRequest = { confFile, env, directories: installed, given, overlay };
  const errors = allErrors(loaded, await inspectSurroundings(loaded));
  if (!loaded.ok || errors.length > 0) throw new StartError(errorLines(errors));
  const { configuration, warnings } = loaded;
  const { directories } = configuration;
  for (const directory of [directories.data, directories.log]) {
    try {
      makeDirectory(directory, 0o750);
    } catch (error) {
      throw new StartError([`error: the directory ${directory} cannot be made: ${reasonOf(error)}`]);
    }
  }
  const syslog = await syslogOf(configuration, env);
  const background = env.VERNEMQ_BACKGROUND === "1";
  const log = createLogger(logOptions(configuration, { writeLog, background }), systemClock, syslog);
  if (background && configuration.get("log.console") === "console")
    log.info(
      "start",
      "log.console = console: in the background nobody would see the lines, so they are here",
    );
  for (const { text } of warnings) log.warning("configuration", text);
  const metrics = new Metrics();
  const { counters } = metrics;
  const clock = systemClock;
  const wheel = new TimerWheel(clock, TICK, (error) => log.crash("timer", "a timer failed", error));
  const health = new Health();
  const storeDirectory = configuration.get("vmq_generic_msg_store.store_dir");
  const store = await openMessageStore(storeDirectory, configuration, log, counters, health);
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
    configuration.onChange("persistent_client_expiration", () => registry.expirationChanged());
    const report = await loadStored(store, mountpoints, registry, settings.value.queueLimits, clock, log);
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
      health,
      name: configuration.get("nodename"),
      members: () => [{ name: parts.name, running: true }],
    };
    const load = new LoadMonitor(loadLimits(configuration), {
      clock,
      wheel,
      health,
      log,
      memory: memoryUse,
      collectGarbage,
    });
    configuration.onChange(protectionKeys.load, () => load.limit(loadLimits(configuration)));
    const listeners = new Listeners(parts, settings, load);
    const stopMetrics = provideMetrics(parts, {
      entries: () => listeners.entries,
      guard: listeners.guard,
      lag: () => load.lag,
    });
    metrics.provideSeries("tls_certificate_seconds_left", () =>
      certificateSeconds(listeners.tls, clock.now()),
    );
    wheel.start();
    const sweeper = new RetainedSweeper(
      mountpoints.retained,
      wheel,
      configuration.get("expire_retain_cache"),
    );
    sweeper.start();
    const systree = new Systree(parts);
    systree.start();
    load.start();
    const presence = new StorePresence(storeDirectory, wheel, health, log);
    await presence.start();
    await listeners.open();
    log.info("start", `node ${parts.name} (version ${VERSION}) is ready`);
    const stop = async (reason: string): Promise<void> => {
      log.info("stop", `node ${parts.name} stops: ${reason}`);
      health.report("node", "it is shutting down");
      listeners.stopAccepting();
      systree.stop();
      load.stop();
      sweeper.stop();
      for (const subscriber of registry.all()) {
        if (subscriber.handle instanceof Session) subscriber.handle.shutDown();
      }
      await listeners.close();
      await plugins.manager.stop();
      presence.stop();
      await store.close();
      stopMetrics();
      wheel.stop();
      log.info("stop", "stopped");
    };
    return {
      log,
      stop,
      reload: reloader({ request, configuration, log, parts: [plugins.manager, listeners.tls] }),
      ports: {
        node: { name: parts.name, version: VERSION, members: parts.members },
        sessions: sessionDirectory(parts),
        listeners: listenerDirectory(listeners, parts),
        retained: retainedDirectory(parts),
        plugins: pluginDirectory(parts),
        configuration: runtimeSettings(configuration),
        metrics,
        tls: tlsView(listeners.tls),
        health,
      },
    };
  } catch (error) {
    await store.close();
    await log.close();
    throw error;
  }
}

async function openMessageStore(
  directory: string,
  configuration: Parameters<typeof storeOptions>[0],
  log: RootLogger,
  counters: Counters,
  health: Health,
): Promise<Awaited<ReturnType<typeof openStore>>> {
  try {
    return await openStore(directory, storeOptions(configuration), {
      log,
      counters,
      onHealth: (problem) => {
        health.report("store", problem);
        if (problem === null) log.info("store", "the message store takes writes again");
        else
          log.critical("store", `the message store refuses writes: ${problem}; QoS 1 and 2 publishers wait`);
      },
    });
  } catch (error) {
    await log.close();
    throw new StartError([`error: ${reasonOf(error)}`]);
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
