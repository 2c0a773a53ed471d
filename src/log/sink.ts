/** Where finished lines go. A sink never throws and never lets memory grow without bound. */
export interface LogSink {
  /** Takes text that ends with a newline. */
  write(text: string): void;
  /** Opens the file again under its path (after a rotation by others). */
  reopen(): void;
  /** Resolves when everything taken so far has been written or given up. */
  flush(): Promise<void>;
  /** Writes what is pending before it returns: for the last words of a process. */
  flushSync(): void;
  /** As flush, and gives the file back. A later write opens it again. */
  close(): Promise<void>;
  /** Lines given up because the sink was full or could not be written. */
  readonly dropped: number;
}

/** Text a sink holds at most while its file or reader is slow, in UTF-16 units. */
const MAX_PENDING = 4 * 1024 * 1024;
/** After a write the next gathers lines for this long: a storm of connections must not cost a write for each. */
const GATHER_MS = 20;

function countLines(text: string): number {
  let lines = 0;
  for (let at = text.indexOf("\n"); at !== -1; at = text.indexOf("\n", at + 1)) lines++;
  return lines;
}

/**
 * Gathers the lines of a loop turn and hands them over in one asynchronous write; while one write runs, and a moment
 * longer, the next gathers. A failing or slow destination loses lines (counted, reported when it works again), never the broker.
 */
export abstract class BufferedSink implements LogSink {
  dropped = 0;
  #pending = "";
  #scheduled = false;
  #wroteAt = Number.NEGATIVE_INFINITY;
  #running: Promise<void> | undefined;
  #unreported = 0;

  write(text: string): void {
    if (this.#pending.length + text.length > MAX_PENDING) {
      this.#lose(text);
      return;
    }
    this.#pending += text;
    if (this.#running === undefined) this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    const start = (): void => {
      this.#scheduled = false;
      this.#start();
    };
    const wait = this.#wroteAt + GATHER_MS - performance.now();
    if (wait <= 0) setImmediate(start);
    else setTimeout(start, wait);
  }

  async flush(): Promise<void> {
    while (this.#pending !== "" || this.#running !== undefined) {
      this.#start();
      await this.#running;
    }
  }

  flushSync(): void {
    const text = this.#take();
    if (text === "") return;
    try {
      this.putSync(text);
    } catch {
      this.#lose(text);
    }
  }

  abstract reopen(): void;
  abstract close(): Promise<void>;

  /** Writes all of the text or rejects. */
  protected abstract put(text: string): Promise<void>;
  protected abstract putSync(text: string): void;
  /** The line that tells about lost lines. */
  protected abstract lossReport(lines: number): string;

  #start(): void {
    if (this.#running !== undefined || this.#pending === "") return;
    this.#running = this.#drain().finally(() => {
      this.#running = undefined;
      this.#wroteAt = performance.now();
      if (this.#pending !== "") this.#schedule();
    });
  }

  async #drain(): Promise<void> {
    const reported = this.#unreported;
    const text = this.#take();
    try {
      await this.put(text);
    } catch {
      this.#unreported += reported;
      this.#lose(text, reported > 0 ? 1 : 0);
    }
  }

  #take(): string {
    const text = this.#unreported > 0 ? this.lossReport(this.#unreported) + this.#pending : this.#pending;
    this.#unreported = 0;
    this.#pending = "";
    return text;
  }

  #lose(text: string, notOurs = 0): void {
    const lines = countLines(text) - notOurs;
    this.dropped += lines;
    this.#unreported += lines;
  }
}
