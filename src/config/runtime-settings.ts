import type { Configuration } from "./configuration.ts";
import { describeOption } from "./description.ts";
import { findKey, nearestKeys } from "./key-index.ts";
import { allOptions } from "./schema/schema.ts";
import { wrap } from "./wrap.ts";

/** The configuration as the commands `vmq-admin set`, `show` and `describe` use it. */
export interface RuntimeSettings {
  /** All keys without free words, and those that are set. */
  keys(): Iterable<string>;
  isKnown(key: string): boolean;
  /** Up to three known keys that may have been meant by an unknown one. */
  nearest(key: string): readonly string[];
  /** May the option be changed on the running node? */
  isSettable(key: string): boolean;
  /** The present value, secrets masked; undefined for an option without a value. */
  value(key: string): string | undefined;
  /** What the option does, in lines of at most 78 characters; the empty text for an unknown key. */
  describe(key: string): string;
  /** Sets all options or none. Returns one text for each refused change. */
  set(changes: ReadonlyMap<string, string>): readonly string[];
}

/** What commands may see and change of a configuration. */
export function runtimeSettings(configuration: Configuration): RuntimeSettings {
  return {
    keys: () =>
      new Set([
        ...[...allOptions.keys()].filter((key) => !key.includes("$")),
        ...configuration.settings().map(({ key }) => key),
      ]),
    isKnown: (key) => findKey(key) !== undefined,
    nearest: nearestKeys,
    isSettable: (key) => findKey(key)?.option.runtime ?? false,
    value: (key) => configuration.show(key),
    describe(key) {
      const known = findKey(key);
      return known === undefined ? "" : wrap(describeOption(known.option), "", 78).join("\n");
    },
    set: (changes) => configuration.set(changes).map(({ text }) => text),
  };
}
