import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { setTimeout as delay } from "node:timers/promises";
import type { SyslogTransport } from "./transport.ts";

/** The program has opened the socket of the service by then, or has said why it cannot, milliseconds. */
const OPENING = 100;
/** How long the program may take for its last lines, milliseconds. */
const GOODBYE = 1_000;
/** Of what the program says, this much is told. */
const LONGEST_REASON = 200;

/** What a program for `/dev/log` is started with. */
export interface LoggerProgram {
  readonly program: string;
  readonly format: "rfc3164" | "rfc5424";
  readonly appName: string;
  readonly processId: number;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/**
 * Syslog of this machine. Its socket, /dev/log, takes datagrams, which the runtime cannot send to a Unix socket: so
 * `logger` of util-linux runs as a child for as long as the broker lives, and is given a line for each message, with the
 * number of facility and severity before it. It ends by itself with the broker, since its input does.
 */
export class LoggerTransport implements SyslogTransport {
  readonly name = "/dev/log";
  readonly largestBatch = 16 * 1024;
  onLost = (): void => {};
  readonly #settings: LoggerProgram;
  #child: ChildProcess | undefined;
  #gone: Promise<void> = Promise.resolve();
  #reason = "";

  constructor(settings: LoggerProgram) {
    this.#settings = settings;
  }

  async send(messages: readonly string[]): Promise<void> {
    const child = this.#child ?? (await this.#start());
    const { stdin } = child;
    const failed = await new Promise<boolean>((resolve) => {
      if (stdin === null) resolve(true);
      else stdin.write(linesOf(messages), (error) => resolve(error !== null && error !== undefined));
    });
    if (!failed) return;
    // Then it has ended, or is about to, and says why.
    await Promise.race([this.#gone, delay(GOODBYE)]);
    throw new Error(this.#reason || "logger takes nothing any more");
  }

  sendSync(messages: readonly string[]): void {
    const { program } = this.#settings;
    const options = { input: linesOf(messages), env: this.#env(), timeout: GOODBYE };
    const { status, error } = spawnSync(program, this.#argv(), options);
    if (error !== undefined || status !== 0) throw error ?? new Error(`${program} failed`);
  }

  async close(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => child.kill("SIGKILL"), GOODBYE);
      child.once("exit", () => {
        clearTimeout(timer);
        resolve();
      });
      child.stdin?.end();
    });
  }

  destroy(): void {
    this.#child?.kill("SIGKILL");
    this.#child = undefined;
  }

  async #start(): Promise<ChildProcess> {
    const { program } = this.#settings;
    this.#reason = "";
    // In a group of its own, so that Ctrl-C and `kill -- -GROUP` do not end it before the broker.
    const child = spawn(program, this.#argv(), {
      env: this.#env(),
      stdio: ["pipe", "ignore", "pipe"],
      detached: true,
    });
    let said = "";
    this.#gone = new Promise<void>((resolve) => {
      child.once("error", (error) => {
        this.#reason = `${program} of the package util-linux (bsdutils on Debian) cannot be run: ${error.message}`;
        resolve();
      });
      // What it has said is complete then.
      child.once("close", () => {
        this.#reason ||= said.trim().split("\n")[0]?.slice(0, LONGEST_REASON) || `${program} has ended`;
        resolve();
        if (this.#child !== child) return;
        this.#child = undefined;
        this.onLost();
      });
    });
    child.stdin?.on("error", () => {});
    child.stderr?.on("data", (text) => {
      said += String(text);
      // It may go on and lose what it gets.
      if (said.includes("\n")) child.kill();
    });
    child.unref();
    await Promise.race([this.#gone, delay(OPENING)]);
    if (this.#reason !== "") throw new Error(this.#reason);
    this.#child = child;
    return child;
  }

  #env(): Record<string, string> {
    const { PATH = "/usr/bin:/bin", TZ } = this.#settings.env;
    return { PATH, LC_ALL: "C", ...(TZ === undefined ? {} : { TZ }) };
  }

  #argv(): string[] {
    const { format, appName, processId } = this.#settings;
    return [
      // Without it, the form in which programs write to the socket: that of RFC 3164 without the host.
      ...(format === "rfc5424" ? ["--rfc5424"] : []),
      "--prio-prefix",
      "--socket-errors=on",
      "--size=32KiB",
      `--tag=${appName}`,
      `--id=${processId}`,
    ];
  }
}

function linesOf(messages: readonly string[]): string {
  return messages.map((message) => `${message}\n`).join("");
}
