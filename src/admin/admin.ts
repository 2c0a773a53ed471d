import { type Command, CommandError } from "./command.ts";
import { alert } from "./element.ts";
import { bindArguments, type GlobalFlags, type OutputFormat, parseLine, takeGlobalFlags } from "./grammar.ts";
import { aboutLacking } from "./lacking-commands.ts";
import { type Output, render } from "./render.ts";
import { usage } from "./usage.ts";

/** How a caller wants the answer. */
export interface Caller {
  readonly output: Output;
  /** A person at a terminal reads it. */
  readonly terminal: boolean;
  /** Aborts when the caller has gone. */
  readonly signal: AbortSignal;
}

/** The admin commands of a node. Commands may come and go while it runs (plugins bring theirs). */
export class Admin {
  readonly #commands = new Map<string, Command>();
  readonly #groups = new Map<string, string>();

  /** Adds a command; one with the same words is replaced. */
  register(command: Command): void {
    this.#commands.set(command.path.join(" "), command);
  }

  unregister(path: readonly string[]): void {
    this.#commands.delete(path.join(" "));
  }

  /** All commands, in the order in which they came. */
  commands(): Iterable<Command> {
    return this.#commands.values();
  }

  /** Says what a group of commands (`session`) is about, for the usage text. */
  describeGroup(path: string, summary: string): void {
    this.#groups.set(path, summary);
  }

  /** Runs a command line and prints its answer. Resolves to the exit status; never rejects. */
  async execute(argv: readonly string[], caller: Caller): Promise<number> {
    let format: OutputFormat = "human";
    try {
      const line = parseLine(argv);
      const { path, command } = this.#find(line.words);
      const globals: GlobalFlags = takeGlobalFlags(line.flags, command);
      format = globals.format;
      const words = line.words.slice(path.length);
      const known = command !== undefined && (words.length === 0 || command.words !== undefined);
      if (globals.help || !known) {
        const lacking = known ? undefined : aboutLacking(line.words);
        if (lacking !== undefined) await caller.output.stdout(`${lacking}\n\n`);
        await caller.output.stdout(`${usage(path, command, this.#commands.values(), this.#groups)}\n`);
        return globals.help ? 0 : 1;
      }
      const bound = bindArguments(command, line, globals.rest);
      const elements = await command.run({ ...bound, words, signal: caller.signal });
      await render(elements, { format, bold: caller.terminal }, caller.output);
      return 0;
    } catch (error) {
      return this.#failed(error, format, caller);
    }
  }

  /** The words that may follow what has been typed: sub-commands, else flags and keys that begin so. */
  complete(words: readonly string[], begun: string): string[] {
    const found = new Set<string>();
    for (const { path } of this.#commands.values()) {
      const next = path[words.length];
      if (next?.startsWith(begun) && words.every((word, index) => path[index] === word)) found.add(next);
    }
    const { command } = this.#find(words.filter((word) => !word.startsWith("-") && !word.includes("=")));
    if (command !== undefined) {
      for (const { name, value } of command.flags ?? []) {
        const flag = `--${name}${value === undefined ? "" : "="}`;
        if (begun.startsWith("-") && flag.startsWith(begun)) found.add(flag);
      }
      for (const word of command.offers?.() ?? []) {
        if (word.startsWith(begun) && word.startsWith("-") === begun.startsWith("-")) found.add(word);
      }
      for (const { name } of command.keys ?? []) if (`${name}=`.startsWith(begun)) found.add(`${name}=`);
    }
    return [...found].sort();
  }

  /** The longest known command or group that begins the words. */
  #find(words: readonly string[]): { path: readonly string[]; command: Command | undefined } {
    for (let length = words.length; length > 0; length--) {
      const path = words.slice(0, length);
      const command = this.#commands.get(path.join(" "));
      if (command !== undefined || this.#isGroup(path)) return { path, command };
    }
    return { path: [], command: undefined };
  }

  #isGroup(path: readonly string[]): boolean {
    for (const command of this.#commands.values()) {
      if (command.path.length > path.length && path.every((word, index) => command.path[index] === word))
        return true;
    }
    return false;
  }

  async #failed(error: unknown, format: OutputFormat, caller: Caller): Promise<number> {
    if (caller.signal.aborted) return 1;
    try {
      if (error instanceof CommandError) {
        if (format === "json") await render([alert(error.message)], { format, bold: false }, caller.output);
        else await caller.output.stdout(`${error.message}\n`);
      } else {
        const reason = error instanceof Error ? error.message : String(error);
        await caller.output.stderr(`The command failed: ${reason}\n`);
      }
    } catch {
      // The caller has gone: nobody is left to tell.
    }
    return 1;
  }
}
