import { inTurns } from "../clock/in-turns.ts";
import type { Logger } from "../log/logger.ts";
import type { PluginContext } from "./plugin.ts";
import { ReloadedFile } from "./reloaded-file.ts";

/** The settings of a plugin that takes its rules from a file. */
export interface PluginFileOptions {
  readonly file: string;
  /** Seconds between two looks at the file; 0 to read it only at the start. */
  readonly reloadInterval: number;
}

/** The options of vernemq.conf that these are. */
export interface PluginFileKeys {
  readonly file: string;
  readonly reloadInterval: string;
}

/** One line of the file that is wrong. The text of the line is not in it: it may hold a password. */
export interface LineProblem {
  /** From 1. */
  readonly line: number;
  readonly problem: string;
}

/** Who uses the content of the file. What it returns is wrong with the file, each a sentence; it has logged that. */
export interface PluginFileReader<Parsed> {
  /** Reads the content, some lines with each step: a long file must not hold up the clients. */
  parse(text: string): Iterator<unknown, Parsed>;
  loaded(parsed: Parsed, path: string): readonly string[];
  unreadable(path: string, problem: string, missing: boolean): readonly string[];
}

/** Lines with problems that are logged one by one. */
const MOST_PROBLEMS = 20;

/** The file of a plugin: read at the start, again when it has changed, and from elsewhere when the options change. */
export class PluginFile {
  readonly #keys: PluginFileKeys;
  #options: PluginFileOptions;
  #file: ReloadedFile | null;
  /** What is wrong with the file, as it was read last. */
  #problems: readonly string[];

  constructor(options: PluginFileOptions, keys: PluginFileKeys) {
    this.#options = options;
    this.#keys = keys;
    this.#file = null;
    this.#problems = [];
  }

  /** Reads the file and follows it until `stop`. Settles after the first reading and never rejects. */
  async start<Parsed>(context: PluginContext, reader: PluginFileReader<Parsed>): Promise<void> {
    this.#file?.stop();
    const file = new ReloadedFile(this.#place(), context.timers, {
      loaded: async (text, path) => {
        const parsed = await inTurns(reader.parse(text));
        // Stopped meanwhile, or even started again.
        if (this.#file === file) this.#problems = reader.loaded(parsed, path);
      },
      unreadable: (path, problem, missing) => {
        this.#problems = reader.unreadable(path, problem, missing);
      },
    });
    this.#file = file;
    await file.start();
  }

  stop(): void {
    this.#file?.stop();
    this.#file = null;
  }

  /** Looks at the file now instead of when the interval is over. Resolves to what is wrong with it. */
  async reload(): Promise<readonly string[]> {
    await this.#file?.check();
    return this.#problems;
  }

  /** Takes what has changed of the options; a changed file is read at once. Settles when that is done. */
  async changeConfig(changed: ReadonlyMap<string, unknown>): Promise<void> {
    const file = changed.get(this.#keys.file);
    const interval = changed.get(this.#keys.reloadInterval);
    if (file === undefined && interval === undefined) return;
    this.#options = {
      file: typeof file === "string" ? file : this.#options.file,
      reloadInterval: typeof interval === "number" ? interval : this.#options.reloadInterval,
    };
    await this.#file?.reconfigure(this.#place());
  }

  #place(): { readonly path: string; readonly interval: number } {
    return { path: this.#options.file, interval: this.#options.reloadInterval };
  }
}

/**
 * Logs the lines that are wrong, the first ones each by itself, and says in words how many there are. `lines` are the
 * same for whoever asked for the reading.
 */
export function logProblems(
  logger: Pick<Logger, "error">,
  event: string,
  path: string,
  problems: readonly LineProblem[],
): { readonly count: string; readonly lines: readonly string[] } {
  const lines = problems.slice(0, MOST_PROBLEMS).map(({ line, problem }) => `${path}:${line}: ${problem}`);
  for (const line of lines) logger.error(event, line);
  return { lines, count: problems.length === 1 ? "1 bad line" : `${problems.length} bad lines` };
}
