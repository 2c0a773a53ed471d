import { type Logger, silentLogger } from "../log/logger.ts";
import { Publication } from "../mqtt/publication.ts";
import { Topic } from "../mqtt/topic.ts";
import { createPluginRuntime, type PluginRuntime, type PluginTimers } from "./runtime.ts";

/** Timers that a test moves by hand. */
export class ManualTimers implements PluginTimers {
  #now = 0;
  #pending: { due: number; callback: () => void }[] = [];

  after(milliseconds: number, callback: () => void): () => void {
    const entry = { due: this.#now + milliseconds, callback };
    this.#pending.push(entry);
    return () => {
      this.#pending = this.#pending.filter((other) => other !== entry);
    };
  }

  /** How many callbacks are waiting. */
  get waiting(): number {
    return this.#pending.length;
  }

  /** Moves the time on and calls what has become due. */
  advance(milliseconds: number): void {
    this.#now += milliseconds;
    const due = this.#pending.filter((entry) => entry.due <= this.#now);
    this.#pending = this.#pending.filter((entry) => entry.due > this.#now);
    for (const entry of due) entry.callback();
  }
}

/** A logger that keeps its lines as `level message`. */
export class MemoryLogger implements Logger {
  readonly lines: string[] = [];

  enabled(): boolean {
    return true;
  }
  log(level: string, _event: string, message: string): void {
    this.lines.push(`${level} ${message}`);
  }
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
  crash(event: string, message: string): void {
    this.log("error", event, message);
  }
  limited(): Logger {
    return this;
  }
}

/** What chains need, for tests. */
export function testRuntime(
  timers: PluginTimers = new ManualTimers(),
  logger: Logger = silentLogger,
): PluginRuntime {
  return createPluginRuntime(logger, { timers });
}

/** A publication as the decoder would fill it, standing in a read buffer with other bytes around. */
export function publicationOf(topic: string, payload: string): Publication {
  const publication = new Publication();
  publication.topic = new Topic(topic, Buffer.from(topic), topic.split("/").length);
  publication.buffer = Buffer.from(`before${payload}after`);
  publication.payloadStart = 6;
  publication.payloadEnd = 6 + Buffer.byteLength(payload);
  return publication;
}
