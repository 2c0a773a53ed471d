import { Worker } from "node:worker_threads";
import { CommandError } from "../command.ts";

/** How long the worker may think about one batch, milliseconds. */
const DEADLINE = 2_000;
/** Memory of the worker, which holds one batch and its answer. */
const MEGABYTES = 64;

/*
 * What the worker runs. As a text, because the executable has no files that a worker could be started from. Values come as
 * one list of rows, each a list with a value (or null) for each pattern; the answer has a byte for each row.
 */
const WORKER = `
const { parentPort, workerData } = require("node:worker_threads");
const patterns = workerData.map((pattern) => new RegExp(pattern, "u"));
parentPort.on("message", (rows) => {
  parentPort.postMessage(
    Uint8Array.from(rows, (row) =>
      row.every((value, index) => value === null || patterns[index].test(value)) ? 1 : 0),
  );
});
`;

/** The values of one row, one for each pattern; null where the pattern is not asked about. */
export type Candidate = readonly (string | null)[];

/** Checks a regular expression. @throws CommandError */
export function checkPattern(pattern: string): void {
  try {
    new RegExp(pattern, "u");
  } catch (error) {
    throw new CommandError(
      `Invalid regular expression: ${pattern} (${error instanceof Error ? error.message : "not understood"})`,
    );
  }
}

/**
 * Matches regular expressions that somebody has typed in a thread of its own: some take for ever (`(a+)+$`), and would
 * keep the clients waiting. One that thinks too long about a batch is given up. The thread is started for the first
 * batch, and lives until `close`.
 */
export class RegexMatcher {
  readonly #patterns: readonly string[];
  readonly #deadline: number;
  #worker: Worker | null = null;
  #closed = false;

  /** Patterns that have been checked; `deadline` in milliseconds for one batch. */
  constructor(patterns: readonly string[], deadline = DEADLINE) {
    this.#patterns = patterns;
    this.#deadline = deadline;
  }

  /**
   * Whether each row matches all patterns: a byte for each, 1 or 0. One call at a time.
   * @throws CommandError when it takes too long.
   */
  async match(rows: readonly Candidate[]): Promise<Uint8Array> {
    const worker = await this.#started();
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        clearTimeout(timer);
        worker.removeAllListeners();
      };
      const fail = (problem: string): void => {
        settle();
        this.close();
        // A worker that is being ended may yet fail.
        worker.on("error", () => undefined);
        const text = this.#patterns.join(" and ");
        reject(new CommandError(`The regular expression ${text} ${problem}`));
      };
      const timer = setTimeout(
        () =>
          fail(
            `takes too long: no answer within ${this.#deadline} ms for ${rows.length} rows. Make it simpler; ` +
              "repetitions within repetitions are the usual reason.",
          ),
        this.#deadline,
      );
      worker.once("message", (answer: unknown) => {
        settle();
        if (answer instanceof Uint8Array) resolve(answer);
        else reject(new TypeError("not an answer of the worker"));
      });
      worker.once("error", (error: Error) => fail(`cannot be used: ${error.message}`));
      worker.once("exit", () => fail("was given up: the caller has gone"));
      worker.postMessage(rows);
    });
  }

  /** Ends the thread, whatever it is doing. */
  close(): void {
    this.#closed = true;
    void this.#worker?.terminate();
    this.#worker = null;
  }

  /** The time that the thread takes to start does not count. */
  #started(): Promise<Worker> {
    if (this.#closed) return Promise.reject(new Error("the matcher is closed"));
    if (this.#worker !== null) return Promise.resolve(this.#worker);
    const worker = new Worker(WORKER, {
      eval: true,
      workerData: this.#patterns,
      env: {},
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: MEGABYTES },
    });
    worker.unref();
    this.#worker = worker;
    return new Promise((resolve, reject) => {
      worker.once("online", () => {
        worker.removeAllListeners();
        resolve(worker);
      });
      worker.once("error", reject);
    });
  }
}
