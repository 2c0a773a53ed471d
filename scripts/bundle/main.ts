/** Builds _build/bundle from the checkout. */

import { dirname, join, relative } from "node:path";
import { buildBundle } from "./bundle.ts";

const root = dirname(dirname(import.meta.dirname));
try {
  const { file, inputs, bytes } = await buildBundle(join(root, "src/main.ts"), join(root, "_build/bundle"));
  console.log(`${relative(root, file)}: ${inputs} files, ${Math.ceil(bytes / 1024)} kB`);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
