import { type ChildProcess, spawn } from "node:child_process";

/** The service manager that has started this process and wants to know how it is. */
export interface ServiceManager {
  /** Milliseconds within which `alive` must be called again and again; undefined when nobody watches. */
  readonly watchdogMs: number | undefined;
  /** The process serves clients. */
  ready(): void;
  /** One line for people. The same line again is not sent. */
  status(text: string): void;
  /** The process is well. */
  alive(): void;
  /** The process is on its way down. */
  stopping(): void;
  /** Nothing more will be said. */
  close(): void;
}

/** For a process that nobody manages. */
export const noServiceManager: ServiceManager = {
  watchdogMs: undefined,
  ready() {},
  status() {},
  alive() {},
  stopping() {},
  close() {},
};

/**
 * Passes lines on to systemd. The runtime cannot send datagrams to a Unix socket, and a process as large as the broker
 * should not start another one every few seconds, so one small shell does it for as long as the broker lives. It is
 * only a mouth: when the broker hangs, no line comes, and the watchdog of systemd strikes.
 */
const RELAY = 'while IFS= read -r line; do systemd-notify "$line"; done';

/** A relay that has died is started again this many times. */
const MOST_RELAYS = 10;

/** The service manager of a process with this environment: systemd where NOTIFY_SOCKET is set. */
export function connectServiceManager(
  env: Readonly<Record<string, string | undefined>>,
  startRelay: (env: Record<string, string>) => ChildProcess = shell,
): ServiceManager {
  const socket = env.NOTIFY_SOCKET;
  if (socket === undefined || socket === "" || process.platform !== "linux") return noServiceManager;
  return new Systemd(env, () =>
    startRelay({ NOTIFY_SOCKET: socket, PATH: env.PATH ?? "/usr/bin:/bin", LC_ALL: "C" }),
  );
}

function shell(env: Record<string, string>): ChildProcess {
  // In a group of its own, so that Ctrl-C and `kill -- -GROUP` do not end it before the broker.
  return spawn("/bin/sh", ["-c", RELAY], { env, stdio: ["pipe", "ignore", "ignore"], detached: true });
}

class Systemd implements ServiceManager {
  readonly watchdogMs: number | undefined;
  readonly #start: () => ChildProcess;
  #relay: ChildProcess | undefined;
  #relays = 0;
  #status = "";

  constructor(env: Readonly<Record<string, string | undefined>>, start: () => ChildProcess) {
    this.#start = start;
    this.watchdogMs = watchdogOf(env);
    // Also right when a command that has ended meanwhile (`vernemq start`) was what the unit has started.
    this.#say(`MAINPID=${process.pid}`);
  }

  ready(): void {
    this.#say("READY=1");
  }

  status(text: string): void {
    if (text === this.#status) return;
    this.#status = text;
    this.#say(`STATUS=${text.replaceAll(/[\r\n]+/g, " ")}`);
  }

  alive(): void {
    this.#say("WATCHDOG=1");
  }

  stopping(): void {
    this.#say("STOPPING=1");
  }

  close(): void {
    this.#relays = MOST_RELAYS;
    this.#relay?.stdin?.end();
    this.#relay = undefined;
  }

  #say(line: string): void {
    this.#running()?.stdin?.write(`${line}\n`);
  }

  #running(): ChildProcess | undefined {
    if (this.#relay !== undefined || this.#relays >= MOST_RELAYS) return this.#relay;
    this.#relays += 1;
    const relay = this.#start();
    const gone = (): void => {
      if (this.#relay === relay) this.#relay = undefined;
    };
    relay.once("exit", gone).once("error", gone);
    relay.stdin?.on("error", gone);
    // The broker ends when it has nothing to do, whether or not the relay is there.
    relay.unref();
    this.#relay = relay;
    return relay;
  }
}

/** WATCHDOG_USEC, if it is meant for this process (WATCHDOG_PID) or for whatever the unit's process becomes. */
function watchdogOf(env: Readonly<Record<string, string | undefined>>): number | undefined {
  const microseconds = Number(env.WATCHDOG_USEC);
  return Number.isFinite(microseconds) && microseconds > 0 ? microseconds / 1000 : undefined;
}
