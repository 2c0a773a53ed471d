import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { GateResult } from "./gate.ts";
import { sourceFiles } from "./source-files.ts";

const MAX_LINES = 500;
const REASONS = "scripts/gates/long-files.json";

/** A file of more than 500 lines has a reason in long-files.json, and every reason there is still needed. */
export function checkLength(root: string): GateResult {
  const files = sourceFiles(root, "{src,scripts,test,rel}/**/*.{ts,mjs,sh}");
  const reasons = readReasons(join(root, REASONS));
  const problems: string[] = [];
  const long = new Set<string>();
  for (const file of files) {
    const lines = countLines(readFileSync(join(root, file), "utf8"));
    if (lines <= MAX_LINES) continue;
    long.add(file);
    if (!reasons[file]?.trim())
      problems.push(`${file}: ${lines} lines; split it, or give the reason in ${REASONS}`);
  }
  for (const file of Object.keys(reasons)) {
    if (!long.has(file)) problems.push(`${REASONS}: ${file} has at most ${MAX_LINES} lines or is gone`);
  }
  return { files: files.length, problems };
}

function countLines(text: string): number {
  return text.split("\n").length - (text.endsWith("\n") ? 1 : 0);
}

function readReasons(path: string): Record<string, string> {
  if (!existsSync(path)) return {};
  const { files }: { files: Record<string, string> } = JSON.parse(readFileSync(path, "utf8"));
  return files;
}
