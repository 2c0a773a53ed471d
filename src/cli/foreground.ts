import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Admin } from "../admin/admin.ts";
import { AlreadyRunningError, ControlServer } from "../admin/control-server.ts";
import { createAdmin } from "../admin/node-admin.ts";
import type { AdminPorts } from "../admin/ports.ts";
import { type LoadResult, loadConfiguration } from "../config/load.ts";
import type { Overlay } from "../config/overlay.ts";
import { VERSION } from "../config/version.ts";
import { developmentNotice } from "./development-notice.ts";
import { HealthWatch } from "./health-watch.ts";
import { configuredName } from "./node-name.ts";
import type { Places } from "./places.ts";
import { printReload } from "./reload.ts";
import { isStartFailure, type RunningNode, type StartNode } from "./running-node.ts";
import { noServiceManager, type ServiceManager } from "./service-manager.ts";
import type { SignalSource } from "./signals.ts";

export interface ForegroundOptions {
  readonly places: Places;
  readonly startNode: StartNode;
  readonly signals: SignalSource;
  readonly stdout: (text: string) => void;
  readonly stderr: (text: string) => void;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** What a container's environment adds to the configuration. */
  readonly overlay?: Overlay | undefined;
  readonly serviceManager?: ServiceManager;
  /** How long a node that is still starting gets when it is told to stop, milliseconds. Default: 3,000. */
  readonly startGraceMs?: number;
  /** Takes the place of standard output for log lines. */
  readonly writeLog?: (text: string) => void;
  /** The node is one with a prompt. Called once it serves; `stop` ends it. What it returns is called when the node has stopped. */
  readonly onServing?: (admin: Admin, node: string, stop: () => void) => () => void;
}

/** How long a node that is still starting gets when it is told to stop, milliseconds. */
const START_GRACE_MS = 3_000;

/** What a start comes to; undefined when it takes its time after the node was told to stop. */
async function unlessStopped(
  starting: Promise<RunningNode>,
  stopped: Promise<string>,
  graceMs: number,
): Promise<RunningNode | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    const wait = (): void => {
      timer = setTimeout(() => resolve(undefined), graceMs);
    };
    stopped.then(wait, wait);
  });
  try {
    return await Promise.race([starting, late]);
  } finally {
    clearTimeout(timer);
    // Nobody waits for it any more.
    starting.catch(() => undefined);
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Runs a node until it is told to stop. Resolves to the exit status of the process. */
export async function runForeground(options: ForegroundOptions): Promise<number> {
  const { serviceManager = noServiceManager } = options;
  try {
    return await controlled(options, serviceManager);
  } finally {
    serviceManager.close();
  }
}

async function controlled(options: ForegroundOptions, serviceManager: ServiceManager): Promise<number> {
  const { places, stderr } = options;
  const stopped = Promise.withResolvers<string>();
  const loaded = loadConfiguration({ ...places, env: options.env, overlay: options.overlay });
  let control: ControlServer;
  try {
    control = await ControlServer.open({
      runDirectory: places.directories.run,
      node: configuredName(loaded),
      version: VERSION,
      onStop: () => stopped.resolve("vernemq stop"),
    });
  } catch (error) {
    if (error instanceof AlreadyRunningError && options.onServing !== undefined) {
      stderr("Node is already running - use 'vernemq attach' instead\n");
    } else if (error instanceof AlreadyRunningError) {
      stderr(`Node is already running! (${error.info.node}, process id ${error.info.pid})\n`);
    } else stderr(`Unable to access ${places.directories.run}: ${reasonOf(error)}\n`);
    return 1;
  }
  const release = options.signals.onStop((signal) => stopped.resolve(signal));
  serviceManager.status("loading what is stored");
  try {
    return await serve(options, loaded, control, stopped.promise, serviceManager);
  } finally {
    release();
    await control.close();
  }
}

async function serve(
  options: ForegroundOptions,
  loaded: LoadResult,
  control: ControlServer,
  stopped: Promise<string>,
  serviceManager: ServiceManager,
): Promise<number> {
  const { places, stderr } = options;
  let node: RunningNode;
  try {
    const starting = options.startNode({
      ...places,
      env: options.env,
      overlay: options.overlay,
      loaded,
      ...(options.writeLog && { writeLog: options.writeLog }),
    });
    const started = await unlessStopped(starting, stopped, options.startGraceMs ?? START_GRACE_MS);
    if (started === undefined) {
      stderr("The node was told to stop while it was starting, and ends as it is; nothing is lost by that\n");
      return 0;
    }
    node = started;
  } catch (error) {
    if (isStartFailure(error)) for (const line of error.lines) stderr(`${line}\n`);
    else stderr(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    return 1;
  }
  const releaseReopen = options.signals.onReopen(() => {
    node.log.reopen();
    node.log.info("log_reopened", "the log files have been opened again");
  });
  const releaseCrash = options.signals.onCrash((error) => {
    node.log.crash("node_crashed", "the node ends because of an unexpected failure", error);
    node.log.flushSync();
  });
  const pidFile = join(places.directories.run, "vernemq.pid");
  let status = 0;
  let leave = (): void => {};
  let health: HealthWatch | undefined;
  try {
    writePid(pidFile);
    const admin = createAdmin(node.ports);
    control.serve({ name: node.ports.node.name, admin, reload: (output) => printReload(node, output) });
    health = new HealthWatch({ manager: serviceManager, describe: () => describeNode(node.ports) });
    serviceManager.ready();
    if (options.env.VERNEMQ_DEVELOPMENT === "1") {
      options.stdout(developmentNotice(node.ports.listeners.listeners(), places));
    }
    const wanted = Promise.withResolvers<string>();
    leave =
      options.onServing?.(admin, node.ports.node.name, () => wanted.resolve("the console was closed")) ??
      leave;
    const reason = await Promise.race([stopped, wanted.promise]);
    control.stopping();
    serviceManager.stopping();
    serviceManager.status(`stopping: ${reason}`);
    await node.stop(reason);
  } catch (error) {
    stderr(`The node ended: ${reasonOf(error)}\n`);
    status = 1;
    await node.stop("failure").catch(() => undefined);
  } finally {
    // Up to here it is still fed: a store that takes its time to close is no hang.
    health?.stop();
    rmSync(pidFile, { force: true });
    leave();
    releaseReopen();
    releaseCrash();
    await node.log.close();
  }
  return status;
}

function writePid(file: string): void {
  try {
    writeFileSync(file, `${process.pid}\n`);
  } catch (error) {
    throw new Error(`${file} cannot be written: ${reasonOf(error)}`);
  }
}

/**
 * The status line for the service manager. A node that refuses new clients, or whose store refuses writes, says so and
 * goes on being alive: a restart would not help it, and would cost those who are connected.
 */
function describeNode({ listeners, metrics, health }: AdminPorts): string {
  const places = Array.from(listeners.listeners())
    .filter(({ status, mqtt }) => status === "running" && mqtt !== undefined)
    .map(({ address, port }) => (port === 0 ? address : `${address}:${port}`));
  const online = metrics.total("total_active_connections");
  const served = `${online} clients connected; listening on ${places.join(", ") || "nothing"}`;
  return health.healthy ? served : `not well: ${health.problems.join("; ")}; ${served}`;
}
