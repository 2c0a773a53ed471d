/** npm run release [-- --platform NAME]... [--only KIND]... [--output DIRECTORY] [--check]: see RELEASING.md. */

import { readFileSync, rmSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { parseArgs } from "node:util";
import { platformNamed, platforms } from "../build/platform.ts";
import { makeRelease } from "./release.ts";

const root = dirname(dirname(import.meta.dirname));
const { values } = parseArgs({
  options: {
    platform: { type: "string", multiple: true },
    only: { type: "string", multiple: true },
    output: { type: "string" },
    check: { type: "boolean", default: false },
  },
});
const output = values.output === undefined ? join(root, "_build/release") : resolve(values.output);
const sums = (directory: string): string[] =>
  readFileSync(join(directory, "SHA256SUMS"), "utf8").trimEnd().split("\n");

try {
  const wanted = values.platform?.map((name) => platformNamed(root, name)) ?? platforms(root);
  const { only = [] } = values;
  const options = { root, platforms: wanted, ...(only.length > 0 && { only }) };
  await makeRelease({ ...options, output, say: (line) => console.log(line) });
  if (values.check) {
    const again = `${output}.again`;
    await makeRelease({ ...options, output: again, say: () => {} });
    const expected = new Set(sums(output));
    const different = sums(again).filter((line) => !expected.has(line));
    if (different.length > 0) {
      throw new Error(`a second build differs, see ${again}:\n${different.join("\n")}`);
    }
    rmSync(again, { recursive: true });
    console.log(`a second build gave the same bytes in all ${expected.size} files`);
  }
  console.log(`the release is in ${relative(process.cwd(), output)}`);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
