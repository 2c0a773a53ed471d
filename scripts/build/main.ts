/** Builds the release of one platform: see RELEASING.md. */

import { statSync } from "node:fs";
import { dirname, relative } from "node:path";
import { buildRelease } from "./release-tree.ts";

const root = dirname(dirname(import.meta.dirname));
const started = performance.now();
try {
  const { directory, executable } = await buildRelease(root);
  const megabytes = (statSync(executable).size / 1e6).toFixed(1);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`${relative(root, directory)}: the executable has ${megabytes} MB; built in ${seconds} s`);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
