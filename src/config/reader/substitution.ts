import { dirname, resolve } from "node:path";
import { accepted, type Parsed, refused } from "../type/value-type.ts";
import { contentOf, readFailure } from "./files.ts";

/** What the texts that may stand in a value are replaced by. */
export interface Sources {
  /** The value of a key as it was written, or its default; undefined when it has neither. */
  written(key: string): { readonly value: string; readonly file: string } | undefined;
  /** The environment. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

function fileContent(path: string, file: string): Parsed<string> {
  const target = resolve(dirname(file), path);
  try {
    return accepted(
      contentOf(target)
        .toString("utf8")
        .replace(/\r?\n$/, ""),
    );
  } catch (error) {
    return refused(`cannot be replaced by the content of ${target}: ${readFailure(error)}`);
  }
}

/**
 * The value with each `$(KEY)` replaced by the value of that key or, when there is none, of the environment
 * variable KEY. A whole value `$(<PATH)` is the content of a file without its last line end; PATH starts at the
 * directory of the file that the value stands in, and the content is taken as it is.
 */
export function substitute(key: string, value: string, file: string, sources: Sources): Parsed<string> {
  return expand(value, file, sources, [key]);
}

function expand(value: string, file: string, sources: Sources, open: readonly string[]): Parsed<string> {
  const path = /^\$\(<(.+)\)$/.exec(value)?.[1];
  if (path !== undefined) return fileContent(path.trim(), file);
  let expanded = "";
  let position = 0;
  for (const found of value.matchAll(/\$\(([^()]*)\)/g)) {
    const replacement = reference((found[1] ?? "").trim(), sources, open);
    if (!replacement.ok) return replacement;
    expanded += value.slice(position, found.index) + replacement.value;
    position = found.index + found[0].length;
  }
  return accepted(expanded + value.slice(position));
}

function reference(key: string, sources: Sources, open: readonly string[]): Parsed<string> {
  if (open.includes(key)) return refused(`refers to itself: ${[...open, key].join(" -> ")}`);
  const written = sources.written(key);
  if (written !== undefined) return expand(written.value, written.file, sources, [...open, key]);
  const variable = sources.env[key];
  if (variable !== undefined) return accepted(variable);
  return refused(`refers to ${key}, which is neither a key with a value nor an environment variable`);
}
