import { isAbsolute, relative } from "node:path";
import type { GateResult } from "./gate.ts";
import { outputLines, runTool } from "./run-tool.ts";

/** The TypeScript compiler finds no error. */
export function checkTypes(root: string): GateResult {
  const { status, stdout, stderr } = runTool(root, "typescript", "tsc", [
    ...["--project", "tsconfig.json", "--noEmit", "--pretty", "false", "--listFiles"],
  ]);
  const lines = outputLines(stdout);
  // Listed files are absolute paths on lines of their own; diagnostics start with relative ones, and what
  // explains a diagnostic follows it, indented.
  const listed = lines.filter((line) => isAbsolute(line) && !line.includes("): error "));
  const problems: string[] = [];
  for (const line of lines) {
    if (listed.includes(line)) continue;
    if (/^\s/.test(line) && problems.length > 0) problems.push(`${problems.pop()}\n${line}`);
    else problems.push(line);
  }
  if (status !== 0 && problems.length === 0)
    problems.push(stderr.trim() || `tsc ended with status ${status}`);
  const own = listed.filter((file) => {
    const path = relative(root, file);
    return !path.startsWith("..") && !path.includes("node_modules");
  });
  return { files: own.length, problems };
}
