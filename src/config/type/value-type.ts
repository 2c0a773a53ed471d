/** What reading one value gives: the typed value, or what is wrong with the text (a phrase after the value). */
export type Parsed<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly problem: string };

/** What a value's meaning may depend on besides its text. */
export interface ValueContext {
  /** The absolute form of a path of the configuration; '' stays ''. */
  resolvePath(path: string): string;
}

/** A type of configuration values: how their text is checked and read, and what the documentation says. */
export interface ValueType<T> {
  /** The name in the documentation, for example `flag`. */
  readonly name: string;
  /** What is allowed, in words, for error texts and documentation. */
  readonly allowed: string;
  /** Reads a value. Never throws. */
  parse(text: string, context: ValueContext): Parsed<T>;
  /** The text in which a checked value is shown, where it differs from what was written. */
  render?(text: string, context: ValueContext): string;
}

/** A value that was read. */
export function accepted<T>(value: T): Parsed<T> {
  return { ok: true, value };
}

/** A text that is refused, with the reason. */
export function refused(problem: string): { readonly ok: false; readonly problem: string } {
  return { ok: false, problem };
}
