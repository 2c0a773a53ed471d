import { CommandError } from "../command.ts";
import type { Cell } from "../element.ts";

/** A column of a `show` command: how it is read, and which rows of the join it needs. */
export interface Field<Source> {
  readonly read: (source: Source) => Cell;
}

type Test<Source> = (source: Source) => boolean;

/** Columns and filters chosen by `--FIELD`, `--FIELD=VALUE` and `--FIELD=~REGEX`. */
export interface FieldQuery<Source> {
  /** Selected columns, sorted by name. */
  readonly columns: readonly string[];
  readonly read: readonly ((source: Source) => Cell)[];
  /** Fields that are selected or filtered. */
  readonly used: ReadonlySet<string>;
  /** True when all filters hold that only need fields of `within`; with undefined: all filters. */
  matches(source: Source, within: ReadonlySet<string> | undefined): boolean;
  /** The value a field must be equal to, if there is such a filter. */
  equal(field: string): string | undefined;
}

function equalTest<Source>(field: Field<Source>, wanted: string): Test<Source> {
  return (source) => {
    const value = field.read(source);
    return value !== null && value !== undefined ? String(value) === wanted : wanted === String(value);
  };
}

function regexTest<Source>(field: Field<Source>, pattern: string): Test<Source> {
  let regex: RegExp;
  try {
    regex = new RegExp(pattern, "u");
  } catch (error) {
    throw new CommandError(
      `Invalid regular expression: ${pattern} (${error instanceof Error ? error.message : "not understood"})`,
    );
  }
  return (source) => {
    const value = field.read(source);
    return value !== null && value !== undefined && regex.test(String(value));
  };
}

/** Makes the query from flags in the order they were typed; flags that are no fields are passed over. */
export function fieldQuery<Source>(
  fields: ReadonlyMap<string, Field<Source>>,
  flags: Iterable<readonly [name: string, value: string | undefined]>,
  defaults: readonly string[],
): FieldQuery<Source> {
  const selected = new Set<string>();
  const used = new Set<string>();
  const tests: { name: string; test: Test<Source> }[] = [];
  const equals = new Map<string, string>();
  for (const [name, value] of flags) {
    const field = fields.get(name);
    if (field === undefined) continue;
    used.add(name);
    if (value === undefined) selected.add(name);
    else if (value.startsWith("~")) tests.push({ name, test: regexTest(field, value.slice(1)) });
    else {
      equals.set(name, value);
      tests.push({ name, test: equalTest(field, value) });
    }
  }
  const columns = (selected.size === 0 ? [...defaults] : [...selected]).sort();
  for (const name of columns) used.add(name);
  const unread = (): Cell => null;
  return {
    columns,
    read: columns.map((name) => fields.get(name)?.read ?? unread),
    used,
    matches: (source, within) =>
      tests.every(({ name, test }) => (within !== undefined && !within.has(name)) || test(source)),
    equal: (name) => equals.get(name),
  };
}

/** Whether a value is a count a flag such as --limit takes. */
export function isCount(value: string): boolean {
  return /^\d{1,15}$/.test(value);
}

/** The first `limit` rows. */
export async function* limited<T>(rows: AsyncIterable<T>, limit: number): AsyncGenerator<T> {
  if (limit === 0) return;
  let left = limit;
  for await (const row of rows) {
    yield row;
    if (--left === 0) return;
  }
}

/** Lets other work run now and then while a long scan finds nothing. */
export class Pace {
  #steps = 0;

  /** True at every 256th step: await a turn of the event loop. */
  due(): boolean {
    return (++this.#steps & 0xff) === 0;
  }
}

/** Bytes as text: UTF-8 where they are that, else base64. */
export function payloadText(payload: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(payload);
  } catch {
    return Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength).toString("base64");
  }
}
