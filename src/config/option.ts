import type { Parsed, ValueContext, ValueType } from "./type/value-type.ts";
import { accepted } from "./type/value-type.ts";

/** Whether an option does anything: now; once a part of the broker exists; or never, for compatibility only. */
export type Status =
  | { readonly kind: "works" }
  /** Loads and is checked; `part` names what of the broker has to come first. */
  | { readonly kind: "later"; readonly part: string }
  /** Loads and is checked, but will not do anything; `why` says why not. */
  | { readonly kind: "accepted"; readonly why: string };

/** How an option appears in the shipped vernemq.conf: a live line, a commented line, or not at all. */
export type Visibility = "live" | "commented" | "hidden";

/** What is known about an option besides its type and default. */
export interface OptionFacts {
  /** What the option does, in one or more sentences, without unit or default. */
  readonly doc: string;
  /** Default: hidden. */
  readonly visibility?: Visibility;
  /** May it be changed on a running node? Default: no. */
  readonly runtime?: boolean;
  /** Default: works. */
  readonly status?: Status;
  /** The unit of the value. */
  readonly unit?: "seconds" | "milliseconds" | "bytes" | "days" | "messages per second";
  /** The value of a commented line, when the default would teach nothing. */
  readonly example?: string;
  /**
   * The live line of the shipped file, when its value is better than the default, and why. `name` stands for
   * the free word of a key pattern.
   */
  readonly shipped?: { readonly name?: string; readonly value: string; readonly why: string };
  /** Values besides the default that deserve no warning although the option is not in effect. */
  readonly usual?: readonly string[];
  /** Must the value be masked wherever it is shown? */
  readonly secret?: boolean;
}

/** One option of the schema, whose values are read as T. */
export interface Option<T> extends OptionFacts {
  readonly type: ValueType<unknown>;
  /** The default in the form of the file; undefined when there is none. */
  readonly default: string | undefined;
  /** Reads a configured text, or the default when there is none. */
  read(text: string | undefined, context: ValueContext): Parsed<T>;
}

/** Options by key. */
export type Options = Readonly<Record<string, Option<unknown>>>;

/** An option with a default. */
export function option<T>(type: ValueType<T>, defaultText: string, facts: OptionFacts): Option<T> {
  return {
    ...facts,
    type,
    default: defaultText,
    read: (text, context) => type.parse(text ?? defaultText, context),
  };
}

/** An option without a default: it is read as undefined where it is not set. */
export function optional<T>(type: ValueType<T>, facts: OptionFacts): Option<T | undefined> {
  return {
    ...facts,
    type,
    default: undefined,
    read: (text, context) => (text === undefined ? accepted(undefined) : type.parse(text, context)),
  };
}

/** The status of an option that waits for a part of the broker. */
export function later(part: string): Status {
  return { kind: "later", part };
}

/** The status of an option that is accepted for compatibility only. */
export function compatibility(why: string): Status {
  return { kind: "accepted", why };
}
