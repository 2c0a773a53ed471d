/** The imports of source files, type imports included, read with a parser that knows TypeScript. */

import { readFileSync } from "node:fs";
import { builtinModules } from "node:module";
import { join, posix } from "node:path";
import { parseSync } from "oxc-parser";

export interface Import {
  /** The importing file, relative to the project. */
  readonly from: string;
  readonly line: number;
  /** As written. */
  readonly specifier: string;
  /** A file of the project (relative to it), the name of an npm package, or a node module ("node:net"). */
  readonly target: { readonly kind: "file" | "package" | "builtin"; readonly name: string };
}

/**
 * All imports, re-exports and dynamic imports with a literal specifier.
 *
 * @throws {Error} naming the file when one cannot be parsed
 */
export function readImports(root: string, files: readonly string[]): Import[] {
  return files.flatMap((from) => {
    const source = readFileSync(join(root, from), "utf8");
    const { module, errors } = parseSync(from, source);
    const error = errors.find(({ severity }) => severity === "Error");
    if (error) throw new Error(`${from}: ${error.message}`);
    const found = [
      ...module.staticImports.map(({ start, moduleRequest }) => ({ start, specifier: moduleRequest.value })),
      ...module.staticExports.flatMap(({ start, entries }) =>
        entries.flatMap(({ moduleRequest }) =>
          moduleRequest ? [{ start, specifier: moduleRequest.value }] : [],
        ),
      ),
      ...module.dynamicImports.flatMap(({ start, moduleRequest }) => {
        const literal = /^["'`]([^"'`$]+)["'`]$/.exec(source.slice(moduleRequest.start, moduleRequest.end));
        return literal?.[1] === undefined ? [] : [{ start, specifier: literal[1] }];
      }),
    ];
    return found.map(({ start, specifier }) => ({
      from,
      line: source.slice(0, start).split("\n").length,
      specifier,
      target: resolveTarget(from, specifier),
    }));
  });
}

function resolveTarget(from: string, specifier: string): Import["target"] {
  if (specifier.startsWith(".")) {
    return { kind: "file", name: posix.normalize(posix.join(posix.dirname(from), specifier)) };
  }
  if (specifier.startsWith("node:")) return { kind: "builtin", name: specifier };
  if (builtinModules.includes(specifier)) return { kind: "builtin", name: `node:${specifier}` };
  const parts = specifier.split("/");
  return { kind: "package", name: parts.slice(0, specifier.startsWith("@") ? 2 : 1).join("/") };
}
