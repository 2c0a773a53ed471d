/** Runs the gates behind `npm run check`, all or those named, and says what each saw and found. */

import { dirname } from "node:path";
import type { Gate } from "./gate.ts";
import { checkLayers } from "./layers.ts";
import { checkLength } from "./length.ts";
import { checkLint } from "./lint.ts";
import { checkLockFile } from "./lock-file.ts";
import { checkPromises } from "./promises.ts";
import { checkTypes } from "./types.ts";
import { checkUnused } from "./unused.ts";

const GATES: Readonly<Record<string, Gate>> = {
  types: checkTypes,
  lint: checkLint,
  promises: checkPromises,
  layers: checkLayers,
  unused: checkUnused,
  length: checkLength,
  lock: checkLockFile,
};

const root = dirname(dirname(import.meta.dirname));
const names = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(GATES);
let failed = 0;

for (const name of names) {
  const gate = GATES[name];
  if (gate === undefined) {
    console.error(`no gate is called ${name}; there are: ${Object.keys(GATES).join(", ")}`);
    process.exit(2);
  }
  const { files, problems } = await gate(root);
  const verdict = files === 0 ? "FAILED: saw no file" : problems.length > 0 ? "FAILED" : "ok";
  for (const problem of problems) console.log(problem);
  console.log(
    `${name.padEnd(9)} ${String(files).padStart(5)} files  ${problems.length} problems  ${verdict}`,
  );
  if (verdict !== "ok") failed += 1;
}

console.log(`gates: ${names.length - failed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
