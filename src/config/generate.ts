import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { shippedConfFile } from "./generate/conf-file.ts";
import { referencePage } from "./generate/reference-page.ts";

/*
 * Writes the files that are generated from the schema: etc/vernemq.conf and docs/configuration.md. With --check
 * it writes nothing and ends with status 1 when a file is not as it would be written.
 */
const root = join(import.meta.dirname, "..", "..");
const files: ReadonlyMap<string, string> = new Map([
  [join(root, "etc", "vernemq.conf"), shippedConfFile()],
  [join(root, "docs", "configuration.md"), referencePage()],
]);

function present(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

const stale = [...files].filter(([path, content]) => present(path) !== content);
if (process.argv.includes("--check")) {
  for (const [path] of stale)
    process.stderr.write(`${path} is not as the schema says: run src/config/generate.ts\n`);
  if (stale.length > 0) process.exitCode = 1;
  else process.stdout.write(`${files.size} generated files are fresh\n`);
} else {
  for (const [path, content] of stale) {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content);
    process.stdout.write(`wrote ${path}\n`);
  }
}
