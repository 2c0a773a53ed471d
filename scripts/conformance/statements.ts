import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";

/** The two specifications; `tag` is how tests name their statements: `[MQTT-3.1.0-1]`, `[MQTT3-3.1.0-1]`. */
export const SPECIFICATIONS = [
  { version: "5.0", tag: "MQTT" },
  { version: "3.1.1", tag: "MQTT3" },
] as const;
export type Tag = (typeof SPECIFICATIONS)[number]["tag"];

/** One normative statement, in short. */
export interface Statement {
  /** As in `[MQTT-3.1.0-1]` without the brackets and the tag. */
  readonly number: string;
  /** S: it binds servers. C: clients alone. N: servers, but this one has no occasion for it; `words` say why. */
  readonly mark: "S" | "C" | "N";
  readonly words: string;
}

const NUMBER = /^\d+\.\d+(?:\.\d+)?-\d+$/;

/** The statements of a specification, in its order, from the list beside this file. */
export function readStatements(version: string): Statement[] {
  const text = readFileSync(join(import.meta.dirname, `mqtt-${version}.txt`), "utf8");
  return text
    .trimEnd()
    .split("\n")
    .map((line) => {
      const [, number = "", mark, words = ""] = /^(\S+) ([SCN]) (.+)$/.exec(line) ?? [];
      if (!NUMBER.test(number) || (mark !== "S" && mark !== "C" && mark !== "N"))
        throw new Error(`mqtt-${version}.txt: not understood: ${line}`);
      return { number, mark, words };
    });
}

/**
 * The statements that a text names, as `MQTT-3.1.0-1`. In one pair of brackets there may be several, ranges and both
 * specifications: `[MQTT-3.2.2-2, -3; MQTT3-3.2.2-1 to -3]`. Throws when a list is written in another way.
 */
export function namedStatements(text: string): Set<string> {
  const found = new Set<string>();
  for (const [whole, list = ""] of text.matchAll(/\[(MQTT3?-[^\]\n]*)\]/g)) {
    for (const part of list.split("; ")) {
      const [, tag, rest = ""] = /^(MQTT3?)-(.+)$/.exec(part) ?? [];
      let section = "";
      for (const item of rest.split(", ")) {
        const [, prefix = "", from, to = from] = /^(\d+(?:\.\d+)*)?-(\d+)(?: to -(\d+))?$/.exec(item) ?? [];
        section = prefix === "" ? section : prefix;
        if (tag === undefined || section === "" || from === undefined)
          throw new Error(`not understood: ${whole}`);
        for (let i = Number(from); i <= Number(to); i++) found.add(`${tag}-${section}-${i}`);
      }
    }
  }
  return found;
}

/** Which test files name which statement. */
export function readProofs(directory: string): Map<string, string[]> {
  const proofs = new Map<string, string[]>();
  for (const file of readdirSync(directory).sort()) {
    if (!file.endsWith(".test.ts")) continue;
    for (const name of namedStatements(readFileSync(join(directory, file), "utf8"))) {
      proofs.set(name, [...(proofs.get(name) ?? []), basename(file, ".test.ts")]);
    }
  }
  return proofs;
}
