import { write, writeSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { BufferedSink } from "./sink.ts";

const writeAsync = promisify(write);

const RETRY_MS = 20;
/** Tries of one write on a reader that takes nothing (non-blocking pipe): about two seconds. */
const MAX_TRIES = 100;

function wouldBlock(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "EAGAIN";
}

/** Standard output, written through the thread pool: a reader that stands still never blocks the event loop. */
export class ConsoleSink extends BufferedSink {
  readonly #descriptor: number;
  readonly #lossReport: (lines: number) => string;

  constructor(lossReport: (lines: number) => string, descriptor = 1) {
    super();
    this.#descriptor = descriptor;
    this.#lossReport = lossReport;
  }

  override reopen(): void {}

  override close(): Promise<void> {
    return this.flush();
  }

  protected override lossReport(lines: number): string {
    return this.#lossReport(lines);
  }

  protected override async put(text: string): Promise<void> {
    const bytes = Buffer.from(text, "utf8");
    let tries = 0;
    for (let at = 0; at < bytes.length; ) {
      try {
        const { bytesWritten } = await writeAsync(this.#descriptor, bytes, at, bytes.length - at, null);
        at += bytesWritten;
        tries = 0;
      } catch (error) {
        if (!wouldBlock(error) || ++tries > MAX_TRIES) throw error;
        await delay(RETRY_MS);
      }
    }
  }

  protected override putSync(text: string): void {
    const bytes = Buffer.from(text, "utf8");
    for (let at = 0; at < bytes.length; ) at += writeSync(this.#descriptor, bytes, at);
  }
}
