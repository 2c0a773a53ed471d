import type { GateResult } from "./gate.ts";
import { outputLines, runTool } from "./run-tool.ts";

/** Biome finds nothing wrong with form and style (rules in biome.json); warnings count. */
export function checkLint(root: string): GateResult {
  const { status, stdout, stderr } = runTool(root, "@biomejs/biome", "biome", [
    ...["check", "--colors=off", "--reporter=concise", "--error-on-warnings", "--max-diagnostics=none"],
  ]);
  const files = Number(/Checked (\d+) files?/.exec(stdout + stderr)?.[1] ?? 0);
  if (status === 0) return { files, problems: [] };
  const lines = outputLines(stdout + stderr);
  const diagnostics = lines.filter((line) => /^[×!] .+:/.test(line)).map((line) => line.slice(2));
  return { files, problems: diagnostics.length > 0 ? diagnostics : lines };
}
