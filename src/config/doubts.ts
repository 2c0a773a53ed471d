import type { Problem } from "./problem.ts";

/**
 * What the errors of a configuration leave open: options that may have been meant to have another value than the one
 * they have without the wrong settings. What follows from such a value is no error that its user has made.
 */
export class Doubts {
  /** Something could not be read: any option may stand there. */
  readonly everything: boolean;
  readonly #keys: ReadonlySet<string>;

  /** Wrong keys, and those that may have been meant by unknown ones. */
  constructor(errors: readonly Problem[]) {
    this.everything = errors.some(({ key }) => key === undefined);
    this.#keys = new Set(
      errors.flatMap(({ key, nearest = [] }) => (key === undefined ? [] : [key, ...nearest])),
    );
  }

  /** Whether the value of one of these options may have been meant to be another one. */
  about(...keys: readonly string[]): boolean {
    return keys.some((key) => this.#keys.has(key));
  }

  /** The same for all options below a key. */
  below(prefix: string): boolean {
    return [...this.#keys].some((key) => key.startsWith(`${prefix}.`));
  }
}

/** A configuration without errors leaves nothing open. */
export const NO_DOUBTS = new Doubts([]);
