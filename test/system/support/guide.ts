/** Install guides as what they tell people to type. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Answer, Machine } from "./machine.ts";

const checkout = dirname(dirname(dirname(import.meta.dirname)));

/** What is done with a command of a guide. */
export interface Step {
  /** The command as the guide has it. */
  readonly command: string;
  /** Lines that are typed when it asks. */
  readonly typed?: readonly string[];
  /** What it prints. */
  readonly prints?: RegExp;
  /** Why it is not tried. */
  readonly skip?: string;
  /** Instead of running it in the system. */
  readonly instead?: () => Promise<unknown>;
  /** Afterwards. */
  readonly afterwards?: () => Promise<unknown>;
}

/** The lines of all blocks of shell commands in a guide, without their comments. */
function guideCommands(guide: string): string[] {
  const text = readFileSync(join(checkout, "docs", guide), "utf8");
  return [...text.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].flatMap(([, block = ""]) =>
    block
      .split("\n")
      .map((line) => line.replace(/\s+#.*$/, "").trim())
      .filter((line) => line !== ""),
  );
}

/** Does what a guide says, line by line, beginning in a directory of the system; the steps must be all of its commands. */
export async function follow(
  system: Machine,
  guide: string,
  directory: string,
  steps: readonly Step[],
): Promise<void> {
  assert.deepEqual(
    guideCommands(guide),
    steps.map(({ command }) => command),
    `the commands of docs/${guide} and those that are tried`,
  );
  let where = directory;
  for (const { command, typed = [], prints, skip, instead, afterwards } of steps) {
    if (skip !== undefined) continue;
    const folder = /^cd (\S+)$/.exec(command)?.[1];
    if (folder !== undefined) where = join(where, folder);
    else if (instead !== undefined) await instead();
    else {
      const answer = await type(system, where, command, typed);
      assert.equal(answer.code, 0, `${command}\n${answer.stdout}${answer.stderr}`);
      if (prints !== undefined) assert.match(answer.stdout, prints, command);
    }
    await afterwards?.();
  }
}

/** Everything is done by root already, and the system has no sudo. */
function type(system: Machine, where: string, command: string, typed: readonly string[]): Promise<Answer> {
  const input = typed.map((line) => `'${line}'`).join(" ");
  const fed = typed.length === 0 ? "" : `printf '%s\\n' ${input} | `;
  return system.run(`sudo() { "$@"; }; cd ${where} && ${fed}${command}`, 120_000);
}
