import type { Cell } from "../element.ts";
import { type Candidate, checkPattern, RegexMatcher } from "./regex-matcher.ts";

/** Rows are matched with regular expressions in batches of so many, or of so many characters. */
const BATCH_ROWS = 256;
const BATCH_CHARACTERS = 256 * 1024;

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
  /** True when the fields of `of` have the values asked for; `matching` is about regular expressions. */
  matches(source: Source, of: ReadonlySet<string>): boolean;
  /**
   * Of these rows those in which the fields of `of` match the regular expressions, in their order.
   * @throws CommandError when a regular expression takes too long.
   */
  matching(rows: AsyncIterable<Source>, of: ReadonlySet<string>): AsyncIterable<Source>;
  /** To be called when no more rows are wanted. */
  close(): void;
  /** The value a field must be equal to, if there is such a filter. */
  equal(field: string): string | undefined;
}

function equalTest<Source>(field: Field<Source>, wanted: string): Test<Source> {
  return (source) => {
    const value = field.read(source);
    return value !== null && value !== undefined ? String(value) === wanted : wanted === String(value);
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
  const patterns: { name: string; read: (source: Source) => Cell; pattern: string }[] = [];
  const equals = new Map<string, string>();
  for (const [name, value] of flags) {
    const field = fields.get(name);
    if (field === undefined) continue;
    used.add(name);
    if (value === undefined) selected.add(name);
    else if (value.startsWith("~")) {
      const pattern = value.slice(1);
      checkPattern(pattern);
      patterns.push({ name, read: field.read, pattern });
    } else {
      equals.set(name, value);
      tests.push({ name, test: equalTest(field, value) });
    }
  }
  const columns = (selected.size === 0 ? [...defaults] : [...selected]).sort();
  for (const name of columns) used.add(name);
  const unread = (): Cell => null;
  const matcher = new RegexMatcher(patterns.map(({ pattern }) => pattern));
  return {
    columns,
    read: columns.map((name) => fields.get(name)?.read ?? unread),
    used,
    matches: (source, of) => tests.every(({ name, test }) => !of.has(name) || test(source)),
    matching: (rows, of) => {
      if (!patterns.some(({ name }) => of.has(name))) return rows;
      const candidate = (source: Source): Candidate | null => {
        const values: (string | null)[] = [];
        for (const { name, read } of patterns) {
          const value = of.has(name) ? read(source) : null;
          // What is not there matches nothing.
          if (of.has(name) && (value === null || value === undefined)) return null;
          values.push(of.has(name) ? String(value) : null);
        }
        return values;
      };
      return matchingRows(rows, candidate, matcher);
    },
    equal: (name) => equals.get(name),
    close: () => matcher.close(),
  };
}

/** `candidate` gives the values that are matched, or null for a row that does not match anyhow. */
async function* matchingRows<Source>(
  rows: AsyncIterable<Source>,
  candidate: (source: Source) => Candidate | null,
  matcher: RegexMatcher,
): AsyncGenerator<Source> {
  let batch: Source[] = [];
  let candidates: Candidate[] = [];
  let characters = 0;
  async function* matched(): AsyncGenerator<Source> {
    if (batch.length === 0) return;
    const [given, answer] = [batch, await matcher.match(candidates)];
    batch = [];
    candidates = [];
    characters = 0;
    for (const [index, row] of given.entries()) if (answer[index] === 1) yield row;
  }
  for await (const row of rows) {
    const values = candidate(row);
    if (values === null) continue;
    batch.push(row);
    candidates.push(values);
    for (const value of values) characters += value?.length ?? 0;
    if (batch.length >= BATCH_ROWS || characters >= BATCH_CHARACTERS) yield* matched();
  }
  yield* matched();
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
