import { nearest } from "./distance.ts";
import { joinKey, splitKey } from "./key.ts";
import type { Option } from "./option.ts";
import { listenerAttributes } from "./schema/listener/listener.ts";
import { allOptions, formerNames } from "./schema/schema.ts";

/** A key that belongs to an option of the schema. */
export interface KnownKey {
  /** The key in its one written form. */
  readonly key: string;
  readonly pattern: string;
  /** What stands for the free words of the pattern, in their order. */
  readonly names: readonly string[];
  readonly option: Option<unknown>;
}

interface Pattern {
  readonly pattern: string;
  readonly words: readonly string[];
  readonly option: Option<unknown>;
}

const patterns: readonly Pattern[] = [...allOptions]
  .filter(([key]) => key.includes("$"))
  .map(([pattern, option]) => ({ pattern, words: pattern.split("."), option }));

/** Words that cannot name a listener, because they are attributes of listeners. */
const reserved: ReadonlySet<string> = new Set([
  ...Object.keys(listenerAttributes),
  "pskfile",
  "pskfile_separator",
]);

/** The free words if the words fit the pattern. */
function match(pattern: Pattern, words: readonly string[]): readonly string[] | undefined {
  if (pattern.words.length !== words.length) return undefined;
  const names: string[] = [];
  for (const [index, expected] of pattern.words.entries()) {
    const word = words[index] ?? "";
    if (expected.startsWith("$")) names.push(word);
    else if (expected !== word) return undefined;
  }
  return words[0] === "listener" && reserved.has(names[0] ?? "") ? undefined : names;
}

/** The option to which a key belongs; exact keys go before patterns, and those with fewer free words first. */
export function findKey(text: string): KnownKey | undefined {
  const words = splitKey(text);
  if (words === undefined) return undefined;
  const key = joinKey(words);
  const exact = allOptions.get(key);
  if (exact !== undefined && !key.includes("$")) return { key, pattern: key, names: [], option: exact };
  let found: KnownKey | undefined;
  for (const pattern of patterns) {
    const names = match(pattern, words);
    if (names === undefined || (found !== undefined && found.names.length <= names.length)) continue;
    found = { key, pattern: pattern.pattern, names, option: pattern.option };
  }
  return found;
}

/** Shorter texts begin too many keys to tell which one was meant. */
const SHORTEST_BEGINNING = 4;

/**
 * Up to three known keys that begin with the text, or else are nearest to it; free words of patterns are taken from the
 * text.
 */
export function nearestKeys(text: string): readonly string[] {
  const words = splitKey(text) ?? text.split(".");
  const candidates = new Set<string>();
  for (const [key, option] of allOptions) {
    if (key === text || (option.status?.kind === "accepted" && option.visibility === undefined)) continue;
    const filled = key
      .split(".")
      .map((word, index) => (word.startsWith("$") ? (words[index] ?? "NAME") : word));
    if (filled.join(".") !== text) candidates.add(filled.join("."));
  }
  const known = (candidate: string): boolean => findKey(candidate) !== undefined;
  if (text.length >= SHORTEST_BEGINNING && !known(text)) {
    const begun = [...candidates].filter((candidate) => candidate.startsWith(text) && known(candidate));
    if (begun.length > 0) return begun.sort((a, b) => a.length - b.length || (a < b ? -1 : 1)).slice(0, 3);
  }
  return nearest(text, candidates, 10).filter(known).slice(0, 3);
}

/** What became of a key that VerneMQ once had or that is often written wrongly. */
export function formerName(key: string): string | undefined {
  if (key.startsWith("vmq_pulse.")) return "the plugin vmq_pulse was removed in VerneMQ 2.1";
  if (key.startsWith("bridge.")) return `it is called vmq_${key} since VerneMQ 1.0`;
  return formerNames.get(key);
}
