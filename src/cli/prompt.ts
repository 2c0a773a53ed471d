import { createInterface, type Interface } from "node:readline";
import { splitWords } from "../admin/grammar.ts";
import type { Output } from "../admin/render.ts";

/** Where the commands typed at a prompt go. */
export interface PromptTarget {
  execute(argv: readonly string[], output: Output, signal: AbortSignal): Promise<void>;
  complete(words: readonly string[], begun: string): Promise<readonly string[]>;
}

export interface PromptOptions {
  readonly input: NodeJS.ReadableStream;
  readonly output: NodeJS.WritableStream;
  /** A person types: line editing, completion, a visible prompt. */
  readonly terminal: boolean;
  /** Begins the prompt. */
  readonly name: string;
  /** What closing the prompt does, for the help. */
  readonly closing: string;
}

const CLOSING_WORDS = new Set([".exit", "q().", "q()", "exit", "quit"]);

function helpText(closing: string): string {
  return [
    "Type a command as for vmq-admin, for example:",
    "  session show --client_id --user",
    "  metrics show",
    "  show max_inflight_messages",
    "A command with --help explains itself, a group (session) lists its commands. Tab completes.",
    `.exit, Ctrl-D or q(). ${closing}.`,
    "",
  ].join("\n");
}

/** The prompt of `vernemq console` and `vernemq attach`. */
export class Prompt {
  /** Resolves when the prompt was closed. */
  readonly closed: Promise<void>;
  readonly #target: PromptTarget;
  readonly #options: PromptOptions;
  readonly #interface: Interface;
  #running: AbortController | undefined;
  #open = true;

  constructor(target: PromptTarget, options: PromptOptions) {
    this.#target = target;
    this.#options = options;
    this.#interface = createInterface({
      input: options.input,
      output: options.output,
      terminal: options.terminal,
      prompt: options.terminal ? `${options.name}> ` : "",
      completer: (line: string, callback: (error: null, result: [string[], string]) => void) => {
        this.#complete(line).then(
          (result) => callback(null, result),
          () => callback(null, [[], line]),
        );
      },
    });
    this.#interface.on("SIGINT", () => this.#interrupt());
    this.#interface.once("close", () => {
      this.#open = false;
    });
    this.closed = this.#run();
  }

  /** Prints text above the line that is being typed. */
  write(text: string): void {
    if (!this.#open || !this.#options.terminal || this.#running !== undefined) {
      this.#options.output.write(text);
      return;
    }
    // To the beginning of the line and clear it, then show again what has been typed so far.
    this.#options.output.write(`\r\u001b[K${text}`);
    this.#interface.prompt(true);
  }

  close(): void {
    this.#interface.close();
  }

  async #run(): Promise<void> {
    this.#interface.prompt();
    for await (const line of this.#interface) {
      const typed = line.trim();
      if (CLOSING_WORDS.has(typed)) break;
      if (typed === "help" || typed === "help()." || typed === "?") {
        this.#options.output.write(helpText(this.#options.closing));
      } else if (typed !== "") await this.#execute(typed);
      // After the end of the input the lines read before it are still executed.
      if (this.#open) this.#interface.prompt();
    }
    this.#interface.close();
    if (this.#options.terminal) this.#options.output.write("\n");
  }

  async #execute(line: string): Promise<void> {
    const words = splitWords(line);
    const argv = words[0] === "vmq-admin" ? words.slice(1) : words;
    const running = new AbortController();
    this.#running = running;
    const write = (text: string): void => {
      this.#options.output.write(text);
    };
    try {
      await this.#target.execute(argv, { stdout: write, stderr: write }, running.signal);
    } catch (error) {
      write(`${error instanceof Error ? error.message : String(error)}\n`);
    } finally {
      this.#running = undefined;
    }
  }

  async #complete(line: string): Promise<[string[], string]> {
    const words = splitWords(line);
    const begun = line === "" || /\s$/.test(line) ? "" : (words.pop() ?? "");
    const found = await this.#target.complete(words, begun);
    return [found.map((word) => (word.endsWith("=") ? word : `${word} `)), begun];
  }

  #interrupt(): void {
    if (this.#running !== undefined) this.#running.abort();
    else this.write(`To leave type .exit or press Ctrl-D: it ${this.#options.closing}.\n`);
  }
}
