/** The brokers a benchmark compares: ours, Mosquitto, the bare one, any command, or one that runs already. */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { checkout, mosquittoPath } from "../support/broker.ts";
import { Authority } from "../support/certificates.ts";
import { ended, freePort, portOpen, removeDirectory, temporaryDirectory } from "../support/processes.ts";
import { hasReference } from "./references.ts";
import type { Row } from "./rows.ts";

/** How a broker is started for one run; `directory` is fresh, or that of the run before on a restart. */
export interface BrokerSpec {
  name: string;
  host: string;
  port: number | undefined;
  /** Process id of a broker that runs already. */
  pid: number | undefined;
  /** Writes what it needs into the directory and gives the shell command; undefined: it runs already. */
  command: ((directory: string, port: number, row: Row) => string) | undefined;
  /** Whether it can do a row; undefined: all. */
  serves?: (row: Row) => boolean;
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function vernemqListener(directory: string, port: number, row: Row): string[] {
  const kind = row.webSocket === true ? (row.tls === true ? "wss" : "ws") : row.tls === true ? "ssl" : "tcp";
  const { cert, key } = certificate(directory, row);
  return [
    `listener.${kind}.default = 127.0.0.1:${port}`,
    `listener.${kind}.allowed_protocol_versions = 3,4,5`,
    ...(row.tls === true
      ? [
          `listener.${kind}.certfile = ${cert}`,
          `listener.${kind}.keyfile = ${key}`,
          `listener.${kind}.tls_version = tlsv1.2,tlsv1.3`,
        ]
      : []),
  ];
}

/** The certificate of a broker under test, with a key on the curve P-256; made where there is none yet. */
function certificate(directory: string, row: Row): { cert: string; key: string } {
  const files = {
    cert: join(directory, "pki", "localhost.pem"),
    key: join(directory, "pki", "localhost.key"),
  };
  if (row.tls === true && !existsSync(files.cert))
    Authority.root(join(directory, "pki"), "Benchmark").issue("localhost", { for: "server" });
  return files;
}

/** Our broker from the checkout; `flags` go to the runtime (for profiles). */
function vernemq(directory: string, port: number, row: Row): string {
  for (const name of ["data", "log", "run"]) mkdirSync(join(directory, name), { recursive: true });
  const acl = join(directory, "vmq.acl");
  writeFileSync(acl, "topic #\n");
  const conf = join(directory, "vernemq.conf");
  writeFileSync(
    conf,
    [
      `nodename = bench@127.0.0.1`,
      "allow_anonymous = on",
      ...vernemqListener(directory, port, row),
      "listener.max_connections = 200000",
      "max_client_id_size = 100",
      `max_inflight_messages = ${row.inflight ?? 1000}`,
      "max_online_messages = -1",
      "max_offline_messages = -1",
      "plugins.vmq_passwd = off",
      `vmq_acl.acl_file = ${acl}`,
      "",
    ].join("\n"),
  );
  // As scripts/vernemq has it.
  const flags = `--max-semi-space-size=16 --max-old-space-size-percentage=50 ${process.env.VERNEMQ_BENCH_NODE_FLAGS ?? ""}`;
  const place = `--conf ${quote(conf)} --data-dir ${quote(join(directory, "data"))} --log-dir ${quote(join(directory, "log"))} --run-dir ${quote(join(directory, "run"))}`;
  return `${quote(process.execPath)} ${flags} ${quote(join(checkout, "src", "main.ts"))} vernemq foreground ${place}`;
}

function mosquittoTransport(directory: string, row: Row): string[] {
  const { cert, key } = certificate(directory, row);
  return [
    ...(row.tls === true ? [`certfile ${cert}`, `keyfile ${key}`] : []),
    // With listeners for WebSocket alone, Mosquitto 2.0 ends with "Unable to start any listening sockets".
    ...(row.webSocket === true
      ? ["protocol websockets", `listener 0 ${join(directory, "mosquitto.sock")}`]
      : []),
  ];
}

function mosquitto(directory: string, port: number, row: Row): string {
  const conf = join(directory, "mosquitto.conf");
  writeFileSync(
    conf,
    [
      ...(process.getuid?.() === 0 ? ["user root"] : []),
      "set_tcp_nodelay true",
      "persistence false",
      "autosave_interval 0",
      `max_inflight_messages ${row.inflight ?? 1000}`,
      "max_queued_messages 0",
      "max_connections -1",
      `listener ${port} 127.0.0.1`,
      ...mosquittoTransport(directory, row),
      "allow_anonymous true",
      "",
    ].join("\n"),
  );
  return `${quote(mosquittoPath)} -c ${quote(conf)}`;
}

/** The bare broker: plain TCP, MQTT 3.1.1, for the rows that have a reference of it. */
function bare(_directory: string, port: number): string {
  const file = join(checkout, "test", "bench", "bare", "broker.ts");
  return `${quote(process.execPath)} --max-semi-space-size=16 ${quote(file)} ${port}`;
}

/**
 * Reads a broker from the command line: `vernemq`, `mosquitto`, `bare`, `NAME,COMMAND` with `{dir}` and `{port}`
 * in it, `NAME,HOST:PORT` or `NAME,HOST:PORT,PID` of one that runs. Throws on anything else.
 */
export function parseBroker(text: string): BrokerSpec {
  const base = { host: "127.0.0.1", port: undefined, pid: undefined };
  if (text === "vernemq") return { ...base, name: text, command: vernemq };
  if (text === "mosquitto") return { ...base, name: text, command: mosquitto };
  if (text === "bare")
    return { ...base, name: text, command: bare, serves: (row) => hasReference(row, "bare") };
  const running = /^([^,]+),([^,\s]+):(\d+)(?:,(\d+))?$/.exec(text);
  if (running !== null) {
    const [, name = "", host = "", port = "", pid] = running;
    return {
      name,
      host,
      port: Number(port),
      pid: pid === undefined ? undefined : Number(pid),
      command: undefined,
    };
  }
  const started = /^([^,]+),(.+)$/.exec(text);
  if (started === null)
    throw new Error(`--broker ${text}: not a known name, NAME,COMMAND or NAME,HOST:PORT[,PID]`);
  const [, name = "", command = ""] = started;
  return {
    ...base,
    name,
    command: (directory, port) => command.replaceAll("{dir}", directory).replaceAll("{port}", String(port)),
  };
}

const started = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of started) signal(child, "SIGKILL");
});

/** A broker during one run. */
export class BenchBroker {
  readonly spec: BrokerSpec;
  readonly #row: Row;
  #child: ChildProcess | undefined;
  #directory: string | undefined;
  #port = 0;

  constructor(spec: BrokerSpec, row: Row) {
    this.spec = spec;
    this.#row = row;
  }

  get port(): number {
    return this.#port;
  }

  get pid(): number | undefined {
    return this.spec.pid ?? this.#child?.pid;
  }

  /** Starts it, the first time in a fresh directory; resolves at once when it runs already. */
  launch(): void {
    if (this.spec.command === undefined || this.#directory === undefined) return;
    const log = join(this.#directory, "output.log");
    const command = this.spec.command(this.#directory, this.#port, this.#row);
    const shell = `ulimit -n $(ulimit -Hn); exec ${command} >>${quote(log)} 2>&1`;
    const child = spawn("bash", ["-c", shell], { stdio: "ignore", detached: true });
    this.#child = child;
    started.add(child);
    child.once("exit", () => started.delete(child));
  }

  async start(): Promise<void> {
    this.#port = this.spec.port ?? (await freePort());
    if (this.spec.command === undefined) return;
    this.#directory = temporaryDirectory("vernemq-bench-");
    this.launch();
    await this.serving();
  }

  async serving(): Promise<void> {
    try {
      await portOpen(this.#port, this.#child, 60_000);
    } catch (error) {
      const log =
        this.#directory === undefined ? "" : readFileSync(join(this.#directory, "output.log"), "utf8");
      throw new Error(
        `${this.spec.name}: ${error instanceof Error ? error.message : error}\n${log.slice(-2000)}`,
      );
    }
  }

  /** SIGTERM, then SIGKILL after a minute. */
  async stop(): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    signal(child, "SIGTERM");
    const timer = setTimeout(() => signal(child, "SIGKILL"), 60_000);
    await ended(child);
    clearTimeout(timer);
    this.#child = undefined;
  }

  async end(): Promise<void> {
    await this.stop();
    if (this.#directory !== undefined) removeDirectory(this.#directory);
    this.#directory = undefined;
  }
}

/** Signals the whole process group of a broker that we started. */
function signal(child: ChildProcess, name: "SIGTERM" | "SIGKILL"): void {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  try {
    process.kill(-child.pid, name);
  } catch {
    // It has ended in this very moment.
  }
}
