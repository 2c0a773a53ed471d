import type { Element } from "./element.ts";

/** A `--name` of a command. */
export interface Flag {
  readonly name: string;
  /** One letter for `-x`. */
  readonly short?: string;
  /** How the value is named in the usage; undefined: the flag has none. */
  readonly value?: string;
  readonly help: string;
  /** False for a value the flag does not take. A flag given without value is not checked. */
  readonly accepts?: (value: string) => boolean;
}

/** A `name=value` of a command. */
export interface Key {
  readonly name: string;
  readonly value: string;
  readonly accepts?: (value: string) => boolean;
}

/** What was typed, after the grammar has been checked. */
export interface Invocation {
  /** Words behind the command (keys of `show` and `describe`). */
  readonly words: readonly string[];
  readonly keys: ReadonlyMap<string, string>;
  /** By long name; undefined for a flag without value. */
  readonly flags: ReadonlyMap<string, string | undefined>;
  /** The values of a flag given more than once or of a field filter, in order. */
  readonly repeated: readonly (readonly [flag: string, value: string | undefined])[];
  /** Aborts when the caller has gone. */
  readonly signal: AbortSignal;
}

export interface Command {
  /** For example `["session", "show"]`. */
  readonly path: readonly string[];
  /** One line for the list of sub-commands. */
  readonly summary: string;
  /** Longer explanation for the usage text, lines without indentation. */
  readonly details?: readonly string[];
  readonly flags?: readonly Flag[];
  readonly keys?: readonly Key[];
  /** Takes any `key=value` (`set`). */
  readonly anyKeys?: boolean;
  /** Takes words; how they are named in the usage (`show KEY...`). */
  readonly words?: string;
  /** Flags whose names are not a fixed part of the grammar (fields, labels); refused ones become this error text. */
  readonly unknownFlag?: (name: string) => string | undefined;
  /** Further words that may be typed, for completion: field flags, `key=`, keys. */
  offers?(): Iterable<string>;
  run(invocation: Invocation): Promise<readonly Element[]> | readonly Element[];
}

/** The command cannot be run as typed: the text goes to the caller, exit status 1. */
export class CommandError extends Error {
  override readonly name = "CommandError";
}
