import { type Command, CommandError, type Flag } from "./command.ts";

export type OutputFormat = "human" | "json" | "csv";

/** A command line taken apart, before it is held against a command. */
export interface ParsedLine {
  readonly words: readonly string[];
  readonly pairs: readonly (readonly [key: string, value: string])[];
  readonly flags: readonly TypedFlag[];
  /** Words that stand behind key=value or a flag's value. */
  readonly strays: readonly string[];
}

export interface TypedFlag {
  /** Name without dashes. */
  readonly name: string;
  readonly long: boolean;
  readonly value: string | undefined;
}

function isFlag(word: string): boolean {
  return word.startsWith("-") && word.length > 1;
}

/**
 * Splits `WORDS key=value... --flags...`. A word behind a flag is its value; `-xVALUE` is short for `-x VALUE`. Only
 * the first `=` of a pair or flag counts, so values may hold more of them.
 */
export function parseLine(argv: readonly string[]): ParsedLine {
  const words: string[] = [];
  const pairs: [string, string][] = [];
  const flags: TypedFlag[] = [];
  const strays: string[] = [];
  for (let at = 0; at < argv.length; at++) {
    const word = argv[at] ?? "";
    if (isFlag(word)) {
      const long = word.startsWith("--");
      const body = word.slice(long ? 2 : 1);
      const equals = body.indexOf("=");
      let name = body;
      let value: string | undefined;
      if (long && equals !== -1) {
        name = body.slice(0, equals);
        value = body.slice(equals + 1);
      } else if (!long && body.length > 1) {
        name = body.slice(0, 1);
        value = body.slice(equals === 1 ? 2 : 1);
      } else {
        const next = argv[at + 1];
        if (next !== undefined && !isFlag(next)) {
          value = next;
          at++;
        }
      }
      flags.push({ name, long, value });
      continue;
    }
    const equals = word.indexOf("=");
    if (equals > 0 && flags.length === 0) pairs.push([word.slice(0, equals), word.slice(equals + 1)]);
    else if (flags.length === 0 && pairs.length === 0) words.push(word);
    else strays.push(word);
  }
  return { words, pairs, flags, strays };
}

/** How a flag was typed. */
function typed(flag: TypedFlag): string {
  return `${flag.long ? "--" : "-"}${flag.name}`;
}

const GLOBAL_FLAGS: readonly Flag[] = [
  { name: "help", short: "h", help: "shows this text" },
  { name: "format", value: "human|json|csv", help: "how the answer is printed" },
];

function findFlag(flags: readonly Flag[], flag: TypedFlag): Flag | undefined {
  return flags.find((candidate) =>
    flag.long ? candidate.name === flag.name : candidate.short === flag.name,
  );
}

export interface GlobalFlags {
  readonly help: boolean;
  readonly format: OutputFormat;
  /** All other flags. */
  readonly rest: readonly TypedFlag[];
}

/** Takes out the flags every command has. Throws CommandError for a format that does not exist. */
export function takeGlobalFlags(flags: readonly TypedFlag[], command: Command | undefined): GlobalFlags {
  let help = false;
  let format: OutputFormat = "human";
  const rest: TypedFlag[] = [];
  for (const flag of flags) {
    const own = findFlag(command?.flags ?? [], flag);
    const found = own === undefined ? findFlag(GLOBAL_FLAGS, flag) : undefined;
    if (found?.name === "help") help = true;
    else if (found?.name === "format") {
      if (flag.value !== "human" && flag.value !== "json" && flag.value !== "csv") {
        throw new CommandError(`Invalid value: ${flag.value ?? ""} for flag: --format (human, json or csv)`);
      }
      format = flag.value;
    } else rest.push(flag);
  }
  return { help, format, rest };
}

export interface BoundArguments {
  readonly keys: ReadonlyMap<string, string>;
  readonly flags: ReadonlyMap<string, string | undefined>;
  readonly repeated: readonly (readonly [flag: string, value: string | undefined])[];
}

/** Holds arguments against what a command takes. Throws CommandError with the text for the caller. */
export function bindArguments(
  command: Command,
  line: ParsedLine,
  typedFlags: readonly TypedFlag[],
): BoundArguments {
  const [stray, ...moreStrays] = line.strays;
  if (stray !== undefined) {
    throw new CommandError(
      moreStrays.length === 0 ? `Invalid argument: ${stray}` : `Invalid arguments: ${line.strays.join(" ")}`,
    );
  }
  const keys = new Map<string, string>();
  for (const [name, value] of line.pairs) {
    const key = command.keys?.find((candidate) => candidate.name === name);
    if (key === undefined && command.anyKeys !== true) throw new CommandError(`Invalid key: ${name}`);
    if (key?.accepts?.(value) === false) throw new CommandError(`Invalid value: ${value} for key: ${name}`);
    keys.set(name, value);
  }
  const flags = new Map<string, string | undefined>();
  const repeated: [string, string | undefined][] = [];
  const unknown: string[] = [];
  for (const flag of typedFlags) {
    const known = findFlag(command.flags ?? [], flag);
    if (known === undefined) {
      const refusal =
        command.unknownFlag === undefined || !flag.long ? typed(flag) : command.unknownFlag(flag.name);
      if (refusal === undefined) repeated.push([flag.name, flag.value]);
      else if (refusal === typed(flag)) unknown.push(refusal);
      else throw new CommandError(refusal);
      continue;
    }
    if (known.value === undefined && flag.value !== undefined && flag.value !== "true") {
      throw new CommandError(`Invalid value: ${flag.value} for flag: ${typed(flag)}`);
    }
    if (flag.value !== undefined && known.accepts?.(flag.value) === false) {
      throw new CommandError(`Invalid value: ${flag.value} for flag: ${typed(flag)}`);
    }
    flags.set(known.name, flag.value);
    repeated.push([known.name, flag.value]);
  }
  if (unknown.length === 1) throw new CommandError(`Invalid flag: ${unknown[0]}`);
  if (unknown.length > 1) throw new CommandError(`Invalid Flags: ${unknown.join(" ")}`);
  return { keys, flags, repeated };
}

/** Splits a typed line into words as a shell would: blanks separate, quotes of both kinds hold together. */
export function splitWords(line: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  let quote = "";
  for (const character of line) {
    if (quote !== "") {
      if (character === quote) quote = "";
      else word = (word ?? "") + character;
    } else if (character === '"' || character === "'") {
      quote = character;
      word ??= "";
    } else if (character === " " || character === "\t") {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else word = (word ?? "") + character;
  }
  if (word !== undefined) words.push(word);
  return words;
}
