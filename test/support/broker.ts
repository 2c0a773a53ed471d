/**
 * Starts brokers for the black-box tests: ours from the checkout, or Mosquitto, on a port of its own
 * with directories of its own. VERNEMQ_TEST_CONFIGURATION: lines of vernemq.conf for every broker of ours, with `;`
 * between them.
 */
import type { ChildProcess } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { askInfo } from "../../src/admin/control-client.ts";
import {
  ended,
  freePort,
  portOpen,
  removeDirectory,
  residentBytes,
  run,
  startProcess,
  temporaryDirectory,
} from "./processes.ts";
import { listenAddress, listenerKind, listenerLines } from "./transport.ts";

export const checkout = fileURLToPath(new URL("../..", import.meta.url));
const entry = join(checkout, "src", "main.ts");

export interface Directories {
  root: string;
  data: string;
  log: string;
  run: string;
  /** The configuration file. */
  conf: string;
}

export interface AdminResult {
  stdout: string;
  stderr: string;
  code: number;
}

export interface Broker {
  readonly kind: "vernemq" | "mosquitto";
  readonly port: number;
  /** Process id of the running broker. */
  readonly pid: number;
  readonly directories: Directories;
  /** SIGTERM; gives the exit status. Data stay until the test process ends. */
  stop(): Promise<number>;
  /** SIGKILL. */
  kill(): Promise<void>;
  /** Starts again on the same port and directories; stops it first if it runs. */
  restart(): Promise<void>;
  /** Everything it has written: standard output, standard error and its log files. */
  log(): string;
  /** Resolves when the log matches, throws after five seconds: log files are written behind the answers. */
  logged(pattern: RegExp): Promise<void>;
  /** `vmq-admin` with these arguments against this broker. */
  admin(argv: readonly string[]): Promise<AdminResult>;
  /** `vernemq` with these arguments, a command such as `ping`, for this broker. */
  command(argv: readonly string[]): Promise<AdminResult>;
  /** Resident memory in bytes. */
  memory(): number;
  /** Stops it (SIGKILL if need be) and removes its directories. */
  [Symbol.asyncDispose](): Promise<void>;
}

export interface BrokerOptions {
  /** Keys of vernemq.conf, or lines of it; added after the harness's own. */
  configuration?: Readonly<Record<string, string | number>> | readonly string[];
  /** Leave the directories in place for a look at them. */
  keepDirectories?: boolean;
  env?: Record<string, string>;
  port?: number;
  /** Milliseconds until the port must be open; 30,000 unless told otherwise. */
  startDeadlineMs?: number;
  /** Content of the ACL file; everything allowed unless told otherwise. */
  acl?: string;
  /** Another data directory than one of its own; it is not removed. */
  dataDirectory?: string;
  /** Leave protocol versions and length of client ids at the defaults of the schema. */
  schemaDefaults?: boolean;
}

function lines(configuration: BrokerOptions["configuration"]): string[] {
  if (configuration === undefined) return [];
  if (Array.isArray(configuration)) return configuration.map(String);
  return Object.entries(configuration).map(([key, value]) => `${key} = ${value}`);
}

interface Command {
  kind: Broker["kind"];
  command: string;
  argv: string[];
  env: Record<string, string>;
}

class RunningBroker implements Broker {
  readonly kind: Broker["kind"];
  readonly port: number;
  readonly directories: Directories;
  readonly #command: Command;
  readonly #options: BrokerOptions;
  #output = "";
  #child: ChildProcess | undefined;

  constructor(command: Command, port: number, directories: Directories, options: BrokerOptions) {
    this.kind = command.kind;
    this.port = port;
    this.directories = directories;
    this.#command = command;
    this.#options = options;
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  /** Ours is ready when all of its listeners are open. */
  async #ready(child: ChildProcess): Promise<void> {
    const deadlineMs = this.#options.startDeadlineMs ?? 30_000;
    const end = performance.now() + deadlineMs;
    await portOpen(this.port, child, deadlineMs);
    if (this.kind !== "vernemq") return;
    while ((await askInfo(this.directories.run))?.state === "starting") {
      if (performance.now() > end) throw new Error(`it is still starting after ${deadlineMs} ms`);
      await delay(5);
    }
    if (child.exitCode !== null) throw new Error(`it ended with status ${child.exitCode} while it started`);
  }

  async start(): Promise<void> {
    const child = startProcess(this.#command.command, this.#command.argv, this.#command.env, (text) => {
      this.#output += text;
    });
    this.#child = child;
    try {
      await this.#ready(child);
    } catch (error) {
      child.kill("SIGKILL");
      const reason = error instanceof Error ? error.message : String(error);
      throw new Error(`${this.kind} did not start: ${reason}\n${this.log()}`);
    }
  }

  async stop(): Promise<number> {
    const child = this.#child;
    if (child === undefined) return 0;
    child.kill("SIGTERM");
    const timer = setTimeout(() => child.kill("SIGKILL"), 20_000);
    const status = await ended(child);
    clearTimeout(timer);
    this.#child = undefined;
    return status;
  }

  async kill(): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    child.kill("SIGKILL");
    await ended(child);
    this.#child = undefined;
  }

  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  log(): string {
    const parts = [this.#output];
    for (const name of readdirSync(this.directories.log).sort()) {
      parts.push(`--- ${name}\n${readFileSync(join(this.directories.log, name), "utf8")}`);
    }
    return parts.join("\n");
  }

  async logged(pattern: RegExp): Promise<void> {
    const end = performance.now() + 5_000;
    while (!pattern.test(this.log())) {
      if (performance.now() > end) throw new Error(`nothing in the log matches ${pattern}:\n${this.log()}`);
      await delay(20);
    }
  }

  async admin(argv: readonly string[]): Promise<AdminResult> {
    return await run(process.execPath, [entry, "vmq-admin", ...argv], {
      env: { VERNEMQ_RUN_DIR: this.directories.run },
    });
  }

  async command(argv: readonly string[]): Promise<AdminResult> {
    return await run(process.execPath, [entry, "vernemq", ...argv], {
      env: { VERNEMQ_CONF: this.directories.conf, VERNEMQ_RUN_DIR: this.directories.run },
    });
  }

  memory(): number {
    return residentBytes(this.pid);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (process.env.VERNEMQ_TEST_LOG === "1") process.stderr.write(this.log());
    await this.kill();
    if (this.#options.keepDirectories !== true) removeDirectory(this.directories.root);
  }
}

function makeDirectories(): Directories {
  const root = temporaryDirectory();
  const directories = {
    root,
    data: join(root, "data"),
    log: join(root, "log"),
    run: join(root, "run"),
    conf: join(root, "vernemq.conf"),
  };
  for (const directory of [directories.data, directories.log, directories.run]) mkdirSync(directory);
  return directories;
}

/** Starts our broker; resolves when all of its listeners are open. Throws with its log when it does not start. */
export async function startBroker(options: BrokerOptions = {}): Promise<Broker> {
  const directories = makeDirectories();
  const port = options.port ?? (await freePort());
  const acl = join(directories.root, "vmq.acl");
  const kind = listenerKind();
  writeFileSync(acl, options.acl ?? "topic #\n");
  writeFileSync(
    directories.conf,
    [
      `nodename = test-${port}@127.0.0.1`,
      "allow_anonymous = on",
      `listener.${kind}.default = ${listenAddress(port)}`,
      ...listenerLines(directories.root),
      ...(options.schemaDefaults === true
        ? []
        : [`listener.${kind}.allowed_protocol_versions = 3,4,5`, "max_client_id_size = 100"]),
      "plugins.vmq_passwd = off",
      "plugins.vmq_acl = on",
      `vmq_acl.acl_file = ${acl}`,
      "leveldb.maximum_memory = 64MB",
      "log.console = file",
      ...lines(options.configuration),
      ...(process.env.VERNEMQ_TEST_CONFIGURATION ?? "").split(";"),
      "",
    ].join("\n"),
  );
  const place = [
    ["--conf", directories.conf],
    ["--data-dir", options.dataDirectory ?? directories.data],
    ["--log-dir", directories.log],
    ["--run-dir", directories.run],
  ].flat();
  const broker = new RunningBroker(
    {
      kind: "vernemq",
      command: process.execPath,
      argv: [entry, "vernemq", "foreground", ...place],
      env: options.env ?? {},
    },
    port,
    directories,
    options,
  );
  await broker.start();
  return broker;
}

export interface MosquittoOptions extends Omit<BrokerOptions, "configuration" | "acl"> {
  /** Lines of mosquitto.conf, added after the harness's own. */
  configuration?: readonly string[];
  /** Keep sessions and messages over an orderly restart. */
  persistence?: boolean;
}

/** Path of the Mosquitto broker; its package puts it outside of most users' PATH. */
export const mosquittoPath = process.env.MOSQUITTO ?? "/usr/sbin/mosquitto";

/** Starts Mosquitto: the yardstick against which these tests themselves are checked. */
export async function startMosquitto(options: MosquittoOptions = {}): Promise<Broker> {
  const directories = makeDirectories();
  const port = options.port ?? (await freePort());
  directories.conf = join(directories.root, "mosquitto.conf");
  writeFileSync(
    directories.conf,
    [
      ...(process.getuid?.() === 0 ? ["user root"] : []),
      `persistence ${options.persistence === true}`,
      `persistence_location ${directories.data}/`,
      "max_inflight_messages 20",
      ...(options.configuration ?? []),
      `listener ${port} 127.0.0.1`,
      "allow_anonymous true",
      "",
    ].join("\n"),
  );
  const broker = new RunningBroker(
    {
      kind: "mosquitto",
      command: mosquittoPath,
      argv: ["-c", directories.conf, "-v"],
      env: options.env ?? {},
    },
    port,
    directories,
    options,
  );
  await broker.start();
  return broker;
}
