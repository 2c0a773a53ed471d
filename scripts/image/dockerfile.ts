import { readFileSync } from "node:fs";
import { join } from "node:path";

/** A line of a Dockerfile, continued ones joined. */
export interface Instruction {
  readonly name: string;
  readonly text: string;
}

/** The instructions of the last stage of packaging/docker/Dockerfile, its build arguments filled in. */
export function dockerfile(root: string): readonly Instruction[] {
  const file = readFileSync(join(root, "packaging/docker/Dockerfile"), "utf8");
  const lines = file
    .replaceAll(/^#.*\n/gm, "")
    .replaceAll(/\s*\\\n\s*/g, " ")
    .split("\n");
  const instructions = lines.flatMap((line) => {
    const [, name, text] = /^([A-Z]+)\s+(.*)$/.exec(line) ?? [];
    return name === undefined || text === undefined ? [] : [{ name, text }];
  });
  const last = instructions.slice(instructions.findLastIndex(({ name }) => name === "FROM"));
  const values = new Map(
    last.flatMap(({ name, text }) => {
      const [, key, value] = /^(\w+)=(.*)$/.exec(text) ?? [];
      return name === "ARG" && key !== undefined && value !== undefined ? [[key, value] as const] : [];
    }),
  );
  return last.map(({ name, text }) => ({
    name,
    text: text.replaceAll(/\$\{(\w+)\}/g, (whole, key: string) => values.get(key) ?? whole),
  }));
}
