import { readFile, stat } from "node:fs/promises";
import { textOf } from "./numbered-lines.ts";
import type { PluginTimers } from "./runtime.ts";

/** Where a file stands and how often it is looked at. */
export interface FileOptions {
  readonly path: string;
  /** Seconds between two looks; 0 to read it only at the start. */
  readonly interval: number;
}

/** Who uses the content of a reloaded file. */
export interface FileReader {
  /** The file has this content now. The next look waits until that has been dealt with. */
  loaded(text: string, path: string): void | Promise<void>;
  /** The file cannot be read; told once until that changes. `missing`: there is no such file. */
  unreadable(path: string, problem: string, missing: boolean): void;
}

/** How the file looked when it was last read, or the problem with reading it. */
type State = { readonly signature: string } | { readonly problem: string; readonly missing: boolean };

/**
 * A small text file that is read again when it has changed. It is looked at by time, not by notification, so that
 * replaced files, links and network file systems all work.
 */
export class ReloadedFile {
  readonly #reader: FileReader;
  readonly #timers: PluginTimers;
  #options: FileOptions;
  #seen: string;
  #running: boolean;
  #cancel: (() => void) | null;
  /** The look that is under way, and the next one behind it. */
  #last: Promise<void>;

  constructor(options: FileOptions, timers: PluginTimers, reader: FileReader) {
    this.#options = options;
    this.#timers = timers;
    this.#reader = reader;
    this.#seen = "";
    this.#running = false;
    this.#cancel = null;
    this.#last = Promise.resolve();
  }

  /** Reads the file and goes on looking at it. Settles after the first reading and never rejects. */
  start(): Promise<void> {
    this.#running = true;
    return this.check();
  }

  stop(): void {
    this.#running = false;
    this.#cancel?.();
    this.#cancel = null;
  }

  /** Changes path or interval; a running one looks at once. */
  reconfigure(options: FileOptions): Promise<void> {
    if (options.path !== this.#options.path) this.#seen = "";
    this.#options = options;
    return this.#running ? this.check() : Promise.resolve();
  }

  /** Looks at the file now and reads it if it has changed, unless stopped. Never rejects. */
  check(): Promise<void> {
    this.#cancel?.();
    this.#cancel = null;
    this.#last = this.#last.then(() => this.#look()).then(() => this.#schedule());
    return this.#last;
  }

  #schedule(): void {
    this.#cancel?.();
    this.#cancel = null;
    const { interval } = this.#options;
    if (!this.#running || interval <= 0) return;
    this.#cancel = this.#timers.after(interval * 1000, () => {
      this.#cancel = null;
      void this.check();
    });
  }

  async #look(): Promise<void> {
    const { path } = this.#options;
    // The signature is taken before reading: a change in between is seen at the next look.
    const state = await inspect(path);
    if (!this.#running) return;
    const seen = "signature" in state ? `${path}\n${state.signature}` : `${path}\n!${state.problem}`;
    if (seen === this.#seen) return;
    if (!("signature" in state)) {
      this.#seen = seen;
      this.#reader.unreadable(path, state.problem, state.missing);
      return;
    }
    let text: string;
    try {
      text = textOf(await readFile(path));
      if (!this.#running) return;
    } catch (cause) {
      const failure = `${path}\n!${problemText(cause)}`;
      if (failure !== this.#seen) this.#reader.unreadable(path, problemText(cause), false);
      this.#seen = failure;
      return;
    }
    this.#seen = seen;
    await this.#reader.loaded(text, path);
  }
}

async function inspect(path: string): Promise<State> {
  try {
    const found = await stat(path, { bigint: true });
    // Reading it could wait for ever, and what waits keeps the process from ending.
    if (found.isFIFO()) return { problem: "it is a pipe, not a file", missing: false };
    const { mtimeNs, ctimeNs, size, ino } = found;
    return { signature: `${mtimeNs} ${ctimeNs} ${size} ${ino}` };
  } catch (cause) {
    const missing = cause instanceof Error && "code" in cause && cause.code === "ENOENT";
    return { problem: problemText(cause), missing };
  }
}

function problemText(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
