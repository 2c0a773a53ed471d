import { type Directories, resolvePath } from "./directories.ts";
import { joinKey } from "./key.ts";
import { findKey, type KnownKey, nearestKeys } from "./key-index.ts";
import { formatProblem, type Place, type Problem } from "./problem.ts";
import { quoteValue } from "./reader/quote.ts";
import { allOptions, type Key, type PatternKey, schema, type ValueOf } from "./schema/schema.ts";
import type { ValueContext } from "./type/value-type.ts";

/** A setting of the configuration: its text and where it was written, unless it was set on the running node. */
export interface Setting {
  readonly text: string;
  readonly place?: Place;
}

/** Why an option of the running node was not changed. */
export interface Refusal {
  readonly key: string;
  readonly reason: "unknown" | "not settable" | "invalid";
  /** The whole reason, ready to be shown. */
  readonly text: string;
}

/** One option that differs between the running node and its files, in the form in which values are shown. */
export interface Difference {
  readonly key: string;
  /** The value of the running node; undefined: it has none. */
  readonly present: string | undefined;
  /** The value in the files; undefined: they have none. */
  readonly wanted: string | undefined;
  /** Where the files set it. */
  readonly place: Place | undefined;
}

/** A difference as one line, secrets masked: `key = wanted (FILE:LINE, was present)`. */
export function formatDifference({ key, present, wanted, place }: Difference): string {
  const facts = place === undefined ? [] : [`${place.file}:${place.line}`];
  facts.push(present === undefined ? "was not set" : `was ${quoteValue(present) ?? present}`);
  const value = wanted === undefined ? "is not set any more" : `= ${quoteValue(wanted) ?? wanted}`;
  return `${key} ${value} (${facts.join(", ")})`;
}

/** What became of the differences. */
export interface Adoption {
  readonly changed: readonly Difference[];
  /** These count after the next start. */
  readonly needRestart: readonly Difference[];
}

/** A value that belongs to a key pattern, with what stands for the free words. */
export interface NamedValue<T> {
  /** The first free word. */
  readonly name: string;
  readonly names: readonly string[];
  readonly value: T;
}

/** An option whose value follows changes; reading `value` costs no more than reading a field. */
export interface LiveOption<T> {
  readonly value: T;
}

const MASK = "******";

/** The present configuration of the node. */
export class Configuration {
  /** The directories in which the broker works, after what vernemq.conf says about them. */
  readonly directories: Directories;
  /** The file from which the configuration was loaded. */
  readonly confFile: string;
  readonly #settings: Map<string, Setting>;
  /** Settings of plugins that somebody wrote, by their whole keys. */
  readonly #own: ReadonlyMap<string, Setting>;
  readonly #context: ValueContext;
  readonly #listeners = new Map<string, Set<() => void>>();
  /** What `findKey` says of keys that were set: to know it takes a comparison with every pattern of the schema. */
  readonly #known = new Map<string, KnownKey>();

  /** Settings must have been checked: their keys are known and their values can be read. */
  constructor(
    confFile: string,
    directories: Directories,
    settings: ReadonlyMap<string, Setting>,
    own: ReadonlyMap<string, Setting> = new Map(),
  ) {
    this.confFile = confFile;
    this.directories = directories;
    this.#settings = new Map(settings);
    this.#own = own;
    this.#context = { resolvePath: (path) => resolvePath(path, directories) };
  }

  /** What relative paths and other values are read with. */
  get context(): ValueContext {
    return this.#context;
  }

  /**
   * The value of an option, or its default. It is read anew at each call: keep what is needed for each message,
   * or use `live`.
   */
  get<K extends Key>(key: K): ValueOf[K] {
    const parsed = schema[key].read(this.#settings.get(key)?.text, this.#context);
    if (!parsed.ok) throw new Error(`the value of ${key} ${parsed.problem}`);
    return parsed.value;
  }

  /** An object whose `value` follows changes of the option for as long as this configuration lives. */
  live<K extends Key>(key: K): LiveOption<ValueOf[K]> {
    const live = { value: this.get(key) };
    this.onChange(key, () => {
      live.value = this.get(key);
    });
    return live;
  }

  /** The values that were set for a key pattern, in the order of their names. */
  named<K extends PatternKey>(pattern: K): readonly NamedValue<ValueOf[K]>[] {
    const values: NamedValue<ValueOf[K]>[] = [];
    for (const known of this.#sorted()) {
      if (known.pattern !== pattern) continue;
      const parsed = schema[pattern].read(this.#settings.get(known.key)?.text, this.#context);
      if (!parsed.ok) throw new Error(`the value of ${known.key} ${parsed.problem}`);
      values.push({ name: known.names[0] ?? "", names: known.names, value: parsed.value });
    }
    return values;
  }

  /** The text that was set for a key, without its default. */
  setting(key: string): Setting | undefined {
    return this.#settings.get(key);
  }

  /** What `NAME.KEY = TEXT` says to a plugin that does not come with the broker, by KEY. */
  ownSettings(plugin: string): Readonly<Record<string, string>> {
    const beginning = `${joinKey([plugin])}.`;
    return Object.fromEntries(
      [...this.#own]
        .filter(([key]) => key.startsWith(beginning))
        .map(([key, { text }]) => [key.slice(beginning.length), text]),
    );
  }

  /** The keys that were set, sorted, each with its option. */
  settings(): readonly KnownKey[] {
    return this.#sorted();
  }

  /**
   * The present value of a key in the form in which it is shown: paths absolute, secrets masked. Undefined for
   * an option that has no value, and for an unknown key.
   */
  show(key: string): string | undefined {
    const known = findKey(key);
    if (known === undefined) return undefined;
    if (known.option.default === undefined && !this.#settings.has(known.key)) return undefined;
    return this.#shown(known);
  }

  /** All settings and defaults as sorted lines `key = value`, with secrets masked. */
  effective(): readonly string[] {
    const shown = new Map<string, string>();
    for (const [key, option] of allOptions) {
      if (key.includes("$") || (option.default === undefined && !this.#settings.has(key))) continue;
      shown.set(key, this.#shown({ key, pattern: key, names: [], option }));
    }
    for (const known of this.#sorted()) shown.set(known.key, this.#shown(known));
    // Any of them may be a secret.
    for (const key of this.#own.keys()) shown.set(key, MASK);
    return [...shown]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, value]) => `${key} = ${quoteValue(value) ?? value}`);
  }

  /**
   * Changes options of the running node: all of them, or none when one is refused. The change lasts until the
   * node ends and counts for what reads the options from now on. Listeners are called before this returns.
   * Returns why changes are refused.
   */
  set(changes: ReadonlyMap<string, string>): readonly Refusal[] {
    const refusals: Refusal[] = [];
    const texts = new Map<string, string>();
    for (const [key, text] of changes) {
      const refusal = this.#refusal(key, text);
      if (refusal === undefined) texts.set(findKey(key)?.key ?? key, text);
      else refusals.push(refusal);
    }
    if (refusals.length > 0) return refusals;
    for (const [key, text] of texts) this.#settings.set(key, { text });
    this.#tell(texts.keys());
    return [];
  }

  /**
   * Takes over from a configuration that was loaded from the same files what may change on a running node. What was
   * only set on the running node goes back to what the files say. Listeners are called before this returns.
   */
  adopt(fresh: Configuration): Adoption {
    const changed: Difference[] = [];
    const needRestart: Difference[] = [];
    const keys = new Set([...this.#settings.keys(), ...fresh.#settings.keys()]);
    for (const key of [...keys].sort()) {
      const known = findKey(key);
      if (known === undefined || this.#same(known, fresh)) continue;
      const { place } = fresh.#settings.get(key) ?? {};
      const difference = { key, present: this.show(key), wanted: fresh.show(key), place };
      (known.option.runtime ? changed : needRestart).push(difference);
    }
    for (const key of [...new Set([...this.#own.keys(), ...fresh.#own.keys()])].sort()) {
      const [ours, theirs] = [this.#own.get(key), fresh.#own.get(key)];
      if (ours?.text === theirs?.text) continue;
      const [present, wanted] = [ours, theirs].map((setting) => (setting === undefined ? undefined : MASK));
      needRestart.push({ key, present, wanted, place: theirs?.place });
    }
    for (const { key } of changed) {
      const setting = fresh.#settings.get(key);
      if (setting === undefined) this.#settings.delete(key);
      else this.#settings.set(key, setting);
    }
    this.#tell(changed.map(({ key }) => key));
    return { changed, needRestart };
  }

  #same({ key, option }: KnownKey, fresh: Configuration): boolean {
    const [ours, theirs] = [this, fresh].map((configuration) => {
      const text = configuration.#settings.get(key)?.text ?? option.default;
      return text === undefined ? undefined : (option.type.render?.(text, configuration.#context) ?? text);
    });
    return ours === theirs;
  }

  #tell(keys: Iterable<string>): void {
    const listeners = new Set([...keys].flatMap((key) => [...(this.#listeners.get(key) ?? [])]));
    for (const listener of listeners) listener();
  }

  #refusal(key: string, text: string): Refusal | undefined {
    const known = findKey(key);
    if (known === undefined) {
      const problem: Problem = { key, problem: "there is no option of this name", nearest: nearestKeys(key) };
      return { key, reason: "unknown", text: formatProblem(problem) };
    }
    if (!known.option.runtime) {
      return { key, reason: "not settable", text: `${known.key}: it can only be set in ${this.confFile}` };
    }
    const parsed = known.option.read(text, this.#context);
    if (parsed.ok) return undefined;
    const problem: Problem = {
      key: known.key,
      value: known.option.secret ? MASK : text,
      problem: parsed.problem,
      allowed: known.option.type.allowed,
    };
    return { key, reason: "invalid", text: formatProblem(problem) };
  }

  /** Calls the listener after each change of one of the keys. Returns how to stop that. */
  onChange(keys: Key | readonly Key[], listener: () => void): () => void {
    const list = typeof keys === "string" ? [keys] : keys;
    for (const key of list) {
      const listeners = this.#listeners.get(key) ?? new Set();
      this.#listeners.set(key, listeners.add(listener));
    }
    return () => {
      for (const key of list) this.#listeners.get(key)?.delete(listener);
    };
  }

  #sorted(): readonly KnownKey[] {
    return [...this.#settings.keys()]
      .sort()
      .map((key) => this.#find(key))
      .filter((known) => known !== undefined);
  }

  #find(key: string): KnownKey | undefined {
    const known = this.#known.get(key) ?? findKey(key);
    if (known !== undefined) this.#known.set(key, known);
    return known;
  }

  #shown({ key, option }: KnownKey): string {
    const text = this.#settings.get(key)?.text ?? option.default ?? "";
    if (option.secret && text !== "") return MASK;
    return option.type.render?.(text, this.#context) ?? text;
  }
}
