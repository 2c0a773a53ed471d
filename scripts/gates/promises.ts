import type { GateResult } from "./gate.ts";
import { runTool } from "./run-tool.ts";

interface Report {
  readonly diagnostics: readonly {
    readonly message: string;
    readonly filename: string;
    readonly code?: string;
    readonly labels: readonly { readonly span: { readonly line: number; readonly column: number } }[];
  }[];
  readonly number_of_files: number;
}

/**
 * No promise floats and no `any` leaks from where it arose: the lint rules that need types
 * (.oxlintrc.json), which Biome only half sees.
 */
export function checkPromises(root: string): GateResult {
  const { status, stdout, stderr } = runTool(root, "oxlint", "oxlint", ["--format=json", "."]);
  const report = parseReport(stdout);
  if (report === undefined) return { files: 0, problems: [stderr.trim() || stdout.trim()] };
  const problems = report.diagnostics.map(({ filename, labels, code, message }) => {
    const span = labels[0]?.span;
    return `${filename}:${span?.line ?? 1}:${span?.column ?? 1}: ${message} ${code ?? ""}`.trimEnd();
  });
  if (status !== 0 && problems.length === 0)
    problems.push(stderr.trim() || `oxlint ended with status ${status}`);
  return { files: report.number_of_files, problems };
}

function parseReport(text: string): Report | undefined {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
