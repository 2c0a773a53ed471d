import { join } from "node:path";
import type { GateResult } from "./gate.ts";
import { runTool } from "./run-tool.ts";

interface Report {
  readonly files: number;
  readonly found: readonly Finding[];
}

interface Finding {
  readonly kind: string;
  readonly file: string;
  readonly symbol: string;
  readonly line?: number;
}

/**
 * No unused file, export or dependency and no dependency that package.json does not name (knip.json).
 * A second pass looks at what is shipped alone: a file that only its own test uses is unused.
 */
export function checkUnused(root: string): GateResult {
  const all = runKnip(root, []);
  const shipped = runKnip(root, ["--production", "--include", "files,unlisted,dependencies"]);
  const problems = [
    ...all.found.map((finding) => describe(finding, "")),
    ...shipped.found
      .filter(({ kind, file }) => !all.found.some((other) => other.kind === kind && other.file === file))
      .map((finding) => describe(finding, " in what is shipped")),
  ];
  return { files: all.files, problems };
}

function runKnip(root: string, args: readonly string[]): Report {
  const { stdout, stderr } = runTool(root, "knip", "knip", [
    ...["--no-progress", "--no-config-hints", "--no-exit-code"],
    ...["--reporter", join(import.meta.dirname, "knip-reporter.mjs"), ...args],
  ]);
  try {
    return JSON.parse(stdout);
  } catch {
    throw new Error(`knip gave no report: ${stderr.trim() || stdout.trim()}`);
  }
}

function describe({ kind, file, symbol, line }: Finding, where: string): string {
  const place = line === undefined ? file : `${file}:${line}`;
  return kind === "files"
    ? `${file}: unused file${where}`
    : `${place}: ${symbol}: unused or unknown (${kind})${where}`;
}
