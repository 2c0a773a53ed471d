import { BufferedSink } from "../sink.ts";
import type { SyslogTransport } from "./transport.ts";

/** Waiting times between tries, milliseconds: the first, and the longest after doubling. */
const FIRST_WAIT = 500;
const LONGEST_WAIT = 30_000;
/** How long a node that ends waits for the service to take its last lines, milliseconds. */
const LAST_WAIT = 2_000;
/** A connection that breaks within this time after a write may have lost what was written, milliseconds. */
const DOUBTFUL_MS = 2_000;
/** Of what is doubtful, the last so many messages are sent again. */
const MOST_DOUBTFUL = 200;

interface Sent {
  readonly messages: readonly string[];
  readonly at: number;
}

/**
 * Hands lines to a syslog service. While it cannot be reached it is tried again after ever longer times, lines wait up to
 * the limit of every sink, and what is more than that is counted. A line that was under way when a connection broke is
 * sent again: twice is better than never.
 */
export class SyslogSink extends BufferedSink {
  readonly #transport: SyslogTransport;
  readonly #lossReport: (lines: number) => string;
  readonly #tell: (problem: string | null) => void;
  #wait = FIRST_WAIT;
  #failing = false;
  #closing = false;
  #awake = (): void => {};
  #sending: readonly string[] = [];
  /** The last ones. */
  #sent: Sent[] = [];
  #again: readonly string[] = [];

  /** `tell` gets the reason once when the service becomes unreachable, and null when it takes lines again. */
  constructor(
    transport: SyslogTransport,
    lossReport: (lines: number) => string,
    tell: (problem: string | null) => void,
  ) {
    super();
    this.#transport = transport;
    this.#lossReport = lossReport;
    this.#tell = tell;
    transport.onLost = () => this.#lost();
  }

  override reopen(): void {}

  override async close(): Promise<void> {
    this.#closing = true;
    this.#awake();
    const timer = setTimeout(() => this.#transport.destroy(), LAST_WAIT);
    await this.flush();
    await this.#transport.close();
    clearTimeout(timer);
    this.#closing = false;
  }

  protected override lossReport(lines: number): string {
    return this.#lossReport(lines);
  }

  protected override async put(text: string): Promise<void> {
    let rest = messagesOf(text);
    while (rest.length > 0) {
      const batch = this.#again.length > 0 ? this.#again : this.#batch(rest);
      try {
        this.#sending = batch;
        await this.#transport.send(batch);
        this.#remember(batch);
        if (this.#again.length > 0) this.#again = [];
        else rest = rest.slice(batch.length);
        this.#well();
      } catch (error) {
        await this.#unwell(error);
      } finally {
        this.#sending = [];
      }
    }
  }

  protected override putSync(text: string): void {
    const { sendSync } = this.#transport;
    if (sendSync === undefined) throw new Error("nothing can be sent without waiting");
    sendSync.call(this.#transport, messagesOf(text));
  }

  #batch(messages: readonly string[]): readonly string[] {
    let bytes = 0;
    let count = 0;
    while (count < messages.length) {
      bytes += Buffer.byteLength(messages[count] ?? "");
      if (count > 0 && bytes > this.#transport.largestBatch) break;
      count++;
    }
    return messages.slice(0, count);
  }

  #well(): void {
    this.#wait = FIRST_WAIT;
    if (!this.#failing) return;
    this.#failing = false;
    this.#tell(null);
  }

  async #unwell(error: unknown): Promise<void> {
    if (!this.#failing) {
      this.#failing = true;
      this.#tell(error instanceof Error ? error.message : String(error));
    }
    if (this.#closing) throw error;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, this.#wait);
      this.#awake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#wait = Math.min(this.#wait * 2, LONGEST_WAIT);
  }

  #remember(messages: readonly string[]): void {
    const now = performance.now();
    const doubtful = this.#sent.filter(({ at }) => now - at <= DOUBTFUL_MS);
    const kept: Sent[] = [{ messages, at: now }];
    let count = messages.length;
    for (const sent of doubtful.reverse()) {
      count += sent.messages.length;
      if (count > MOST_DOUBTFUL) break;
      kept.unshift(sent);
    }
    this.#sent = kept;
  }

  #lost(): void {
    const now = performance.now();
    const doubtful = this.#sent.filter(({ at }) => now - at <= DOUBTFUL_MS);
    const sent = doubtful.flatMap(({ messages }) => messages);
    this.#sent = [];
    if (sent.length === 0) return;
    if (this.#sending.length > 0) this.#again = sent;
    else this.write(sent.map((message) => `${message}\n`).join(""));
  }
}

function messagesOf(text: string): readonly string[] {
  return text.split("\n").filter((message) => message !== "");
}
