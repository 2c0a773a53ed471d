import { ConsoleSink } from "./console-sink.ts";
import type { LogDestination } from "./destination.ts";
import { FileSink } from "./file-sink.ts";
import { type LogLevel, severity } from "./level.ts";
import { bounded, formatCrash, formatLine, type LineStyle, MAX_MESSAGE_LENGTH, printable } from "./line.ts";
import type { LogFileOptions, LogFormat, LogOptions, LogTemplate } from "./options.ts";
import type { LogSink } from "./sink.ts";

/** Longest crash report when the options do not say it, in UTF-16 units. */
const MAX_CRASH_LENGTH = 64 * 1024;
/** Rate limits are kept for at most this many keys; further keys share one. */
const MAX_LIMITED_KEYS = 1024;

/**
 * Writes readable lines. `event` is a short fixed name (it is a field of JSON lines), `message` the sentence a person
 * reads; characters that a terminal would act on are escaped. No method ever throws.
 */
export interface Logger {
  /** Whether a line of that level is written anywhere: ask before building an expensive message. */
  enabled(level: LogLevel): boolean;
  log(level: LogLevel, event: string, message: string): void;
  debug(event: string, message: string): void;
  info(event: string, message: string): void;
  warning(event: string, message: string): void;
  error(event: string, message: string): void;
  critical(event: string, message: string): void;
  /** A caught exception that nobody expected: one error line, and the stack in the crash log (else the error log). */
  crash(event: string, message: string, cause: unknown): void;
  /**
   * The same logger, but at most `perSecond` lines a second for all that use `key`; what is left out is counted and
   * told in one line. For everything a client can cause again and again. `key` must come from a fixed set.
   */
  limited(key: string, perSecond: number): Logger;
}

/** The logger of a node with what its owner needs to run it. */
export interface RootLogger extends Logger {
  /** Opens the files again (SIGHUP, logrotate). */
  reopen(): void;
  /** Resolves when all lines are written. */
  flush(): Promise<void>;
  /** Writes all lines before it returns: for a process about to die. */
  flushSync(): void;
  /** Writes all lines and closes the files. A later line opens them again. */
  close(): Promise<void>;
  /** Lines lost since the start because a destination was full or slow. */
  readonly dropped: number;
}

export interface LogClock {
  now(): number;
}

interface Route {
  readonly sink: LogSink;
  readonly severity: number;
  line(time: string, level: LogLevel, event: string, message: string): string;
}

interface CrashRoute {
  readonly sink: LogSink;
  readonly style: LineStyle;
}

abstract class LeveledLogger implements Logger {
  abstract enabled(level: LogLevel): boolean;
  abstract log(level: LogLevel, event: string, message: string): void;
  abstract crash(event: string, message: string, cause: unknown): void;
  abstract limited(key: string, perSecond: number): Logger;

  debug(event: string, message: string): void {
    this.log("debug", event, message);
  }
  info(event: string, message: string): void {
    this.log("info", event, message);
  }
  warning(event: string, message: string): void {
    this.log("warning", event, message);
  }
  error(event: string, message: string): void {
    this.log("error", event, message);
  }
  critical(event: string, message: string): void {
    this.log("critical", event, message);
  }
}

class LimitedLogger extends LeveledLogger {
  readonly #target: NodeLogger;
  readonly #key: string;
  readonly #perSecond: number;
  readonly #clock: LogClock;
  #second = -1;
  #used = 0;
  #leftOut = 0;

  constructor(target: NodeLogger, key: string, perSecond: number, clock: LogClock) {
    super();
    this.#target = target;
    this.#key = key;
    this.#perSecond = perSecond;
    this.#clock = clock;
  }

  override enabled(level: LogLevel): boolean {
    return this.#target.enabled(level);
  }

  override log(level: LogLevel, event: string, message: string): void {
    if (this.#target.enabled(level) && this.#take()) this.#target.log(level, event, message);
  }

  override crash(event: string, message: string, cause: unknown): void {
    if (this.#take()) this.#target.crash(event, message, cause);
  }

  override limited(key: string, perSecond: number): Logger {
    return this.#target.limited(key, perSecond);
  }

  /** Tells how much was left out so far. */
  settle(): void {
    if (this.#leftOut === 0) return;
    const count = this.#leftOut;
    this.#leftOut = 0;
    this.#target.log("warning", "lines_left_out", `${count} more lines of kind ${this.#key} were left out`);
  }

  #take(): boolean {
    const second = Math.floor(this.#clock.now() / 1000);
    if (second !== this.#second) {
      this.settle();
      this.#second = second;
      this.#used = 0;
    }
    if (this.#used < this.#perSecond) {
      this.#used++;
      return true;
    }
    this.#leftOut++;
    this.#target.settleLater(this);
    return false;
  }
}

class NodeLogger extends LeveledLogger implements RootLogger {
  readonly #routes: Route[] = [];
  readonly #crashRoute: CrashRoute | undefined;
  readonly #template: LogTemplate;
  readonly #maximumCrashReport: number;
  readonly #sinks: readonly LogSink[];
  readonly #floor: number;
  readonly #clock: LogClock;
  readonly #limits = new Map<string, LimitedLogger>();
  readonly #unsettled = new Set<LimitedLogger>();
  #settleTimer: NodeJS.Timeout | undefined;
  #lowest = Number.POSITIVE_INFINITY;
  #timeOfText = -1;
  #timeText = "";

  constructor(options: LogOptions, clock: LogClock, destination: LogDestination | undefined) {
    super();
    this.#clock = clock;
    const floor = severity(options.level);
    const threshold = Math.max(floor, severity(options.console.level));
    this.#template = options.template ?? "extended";
    this.#maximumCrashReport = options.maximumCrashReport ?? MAX_CRASH_LENGTH;
    const { target, file, format, write } = options.console;
    const sinks: LogSink[] = [];
    const route = (added: Route): void => {
      sinks.push(added.sink);
      this.#routes.push(added);
      this.#lowest = Math.min(this.#lowest, added.severity);
    };
    const add = (sink: LogSink, format: LogFormat, severity: number): CrashRoute => {
      const style = this.#style(format);
      route({ sink, severity, line: (...entry) => formatLine(style, ...entry) });
      return { sink, style };
    };
    if (target === "console" || target === "both") {
      add(write === undefined ? this.#console(format) : new WriterSink(write), format, threshold);
    }
    if (target === "file" || target === "both") add(this.#file(file), file.format, threshold);
    if (destination !== undefined) {
      const lost = (lines: number): string =>
        destination.line(this.#time(), "warning", "lines_lost", lossText(lines));
      const tell = (level: LogLevel, message: string): void => this.log(level, "syslog", message);
      route({
        sink: destination.open(lost, tell),
        severity: Math.max(floor, severity(destination.level)),
        line: (...entry) => destination.line(...entry),
      });
    }
    let crashRoute: CrashRoute | undefined;
    if (options.error !== undefined) {
      crashRoute = add(this.#file(options.error), options.error.format, Math.max(floor, severity("error")));
    }
    if (options.crash !== undefined) {
      const sink = this.#file(options.crash);
      sinks.push(sink);
      crashRoute = { sink, style: this.#style(options.crash.format) };
    }
    this.#crashRoute = crashRoute;
    this.#sinks = sinks;
    this.#floor = floor;
  }

  get dropped(): number {
    return this.#sinks.reduce((sum, sink) => sum + sink.dropped, 0);
  }

  override enabled(level: LogLevel): boolean {
    return severity(level) >= this.#lowest;
  }

  override log(level: LogLevel, event: string, message: string): void {
    const rank = severity(level);
    if (rank < this.#lowest) return;
    const text = printable(bounded(message, MAX_MESSAGE_LENGTH));
    const time = this.#time();
    for (const route of this.#routes) {
      if (rank >= route.severity) route.sink.write(route.line(time, level, event, text));
    }
  }

  override crash(event: string, message: string, cause: unknown): void {
    const report =
      cause instanceof Error ? (cause.stack ?? `${cause.name}: ${cause.message}`) : String(cause);
    const stack = bounded(report, this.#maximumCrashReport)
      .split("\n")
      .map((frame) => printable(frame.trim()));
    const text = `${printable(bounded(message, MAX_MESSAGE_LENGTH))}: ${stack[0] ?? "unknown reason"}`;
    const rank = severity("error");
    const time = this.#time();
    for (const route of this.#routes) {
      if (rank < route.severity || route.sink === this.#crashRoute?.sink) continue;
      route.sink.write(route.line(time, "error", event, text));
    }
    if (this.#crashRoute === undefined || rank < this.#floor) return;
    this.#crashRoute.sink.write(formatCrash(this.#crashRoute.style, time, event, text, stack.slice(1)));
  }

  override limited(key: string, perSecond: number): Logger {
    const shared = this.#limits.size < MAX_LIMITED_KEYS || this.#limits.has(key) ? key : "other";
    let limited = this.#limits.get(shared);
    if (limited === undefined) {
      limited = new LimitedLogger(this, shared, perSecond, this.#clock);
      this.#limits.set(shared, limited);
    }
    return limited;
  }

  /** Makes sure the count of left-out lines is told even when no further line comes. */
  settleLater(limited: LimitedLogger): void {
    this.#unsettled.add(limited);
    if (this.#settleTimer !== undefined) return;
    this.#settleTimer = setTimeout(() => {
      this.#settleTimer = undefined;
      this.#settle();
    }, 1000);
    this.#settleTimer.unref();
  }

  reopen(): void {
    for (const sink of this.#sinks) sink.reopen();
  }

  async flush(): Promise<void> {
    this.#settle();
    await Promise.all(this.#sinks.map((sink) => sink.flush()));
  }

  async close(): Promise<void> {
    this.#settle();
    clearTimeout(this.#settleTimer);
    this.#settleTimer = undefined;
    await Promise.all(this.#sinks.map((sink) => sink.close()));
  }

  flushSync(): void {
    this.#settle();
    for (const sink of this.#sinks) sink.flushSync();
  }

  #settle(): void {
    const limits = [...this.#unsettled];
    this.#unsettled.clear();
    for (const limited of limits) limited.settle();
  }

  #style(format: LogFormat): LineStyle {
    return { format, template: this.#template };
  }

  #console(format: LogFormat): LogSink {
    return new ConsoleSink(this.#lossReporter(format));
  }

  #file(options: LogFileOptions): LogSink {
    return new FileSink(options, this.#lossReporter(options.format), () => this.#clock.now());
  }

  #lossReporter(format: LogFormat): (lines: number) => string {
    const style = this.#style(format);
    return (lines) => formatLine(style, this.#time(), "warning", "lines_lost", lossText(lines));
  }

  #time(): string {
    const now = this.#clock.now();
    if (now !== this.#timeOfText) {
      this.#timeOfText = now;
      this.#timeText = new Date(now).toISOString();
    }
    return this.#timeText;
  }
}

function lossText(lines: number): string {
  return `${lines} log lines were lost: the destination was full or slow`;
}

/** Hands lines to a function at once (the prompt of `vernemq console`). */
class WriterSink implements LogSink {
  dropped = 0;
  readonly #write: (text: string) => void;

  constructor(write: (text: string) => void) {
    this.#write = write;
  }

  write(text: string): void {
    try {
      this.#write(text);
    } catch {
      this.dropped++;
    }
  }
  reopen(): void {}
  flush(): Promise<void> {
    return Promise.resolve();
  }
  flushSync(): void {}
  close(): Promise<void> {
    return Promise.resolve();
  }
}

/**
 * Opens the log of a node. Files are made, and connections to `destination`, when the first line needs them; nothing here
 * can fail.
 */
export function createLogger(
  options: LogOptions,
  clock: LogClock = { now: () => Date.now() },
  destination?: LogDestination,
): RootLogger {
  return new NodeLogger(options, clock, destination);
}

/** A logger that writes nothing: for tests and tools. */
export const silentLogger: Logger = {
  enabled: () => false,
  log() {},
  debug() {},
  info() {},
  warning() {},
  error() {},
  critical() {},
  crash() {},
  limited: () => silentLogger,
};
