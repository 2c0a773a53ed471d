import { describeOption } from "./description.ts";
import { findKey, nearestKeys } from "./key-index.ts";
import { type LoadRequest, type LoadResult, loadConfiguration } from "./load.ts";
import { formatProblem, type Problem } from "./problem.ts";
import { wrap } from "./wrap.ts";

/** What a command prints and with which status it ends. */
export interface CommandOutput {
  readonly exitCode: 0 | 1;
  readonly stdout: string;
  readonly stderr: string;
}

/** The lines for standard error about a configuration that was loaded or refused: `error: …`, `warning: …`. */
export function reportLines(result: LoadResult): readonly string[] {
  return result.ok ? result.warnings.map(({ text }) => `warning: ${text}`) : errorLines(result.errors);
}

/** The lines for standard error about errors, with their number at the end. */
export function errorLines(errors: readonly Problem[]): readonly string[] {
  const { length } = errors;
  const end = `error: the configuration has ${length === 1 ? "one error" : `${length} errors`}`;
  return [...errors.map((problem) => `error: ${formatProblem(problem)}`), end];
}

function text(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join("");
}

/** Loads the configuration; when it is refused, the errors are the output, else `print` makes it. */
function withConfiguration(
  request: LoadRequest,
  print: (result: LoadResult & { readonly ok: true }) => readonly string[],
): CommandOutput {
  const result = loadConfiguration(request);
  const stderr = text(reportLines(result));
  if (!result.ok) return { exitCode: 1, stdout: "", stderr };
  return { exitCode: 0, stdout: text(print(result)), stderr };
}

/** `vernemq config generate`: checks the configuration and prints the arguments that the broker works with. */
export function generateCommand(request: LoadRequest): CommandOutput {
  return withConfiguration(request, ({ configuration: { confFile, directories } }) => [
    ` --conf ${confFile} --data-dir ${directories.data} --log-dir ${directories.log} --run-dir ${directories.run}`,
  ]);
}

/** `vernemq config effective`: every setting and default, sorted, with secrets masked. */
export function effectiveCommand(request: LoadRequest): CommandOutput {
  return withConfiguration(request, ({ configuration }) => configuration.effective());
}

/** `vernemq config describe KEY`: what an option does, its values, its default, and how it is set. */
export function describeCommand(request: LoadRequest, key: string | undefined): CommandOutput {
  if (key === undefined) {
    const stderr = text([
      "vernemq config describe requires a variable name to query",
      "  Try `vernemq config describe allow_anonymous`",
    ]);
    return { exitCode: 1, stdout: "", stderr };
  }
  const known = findKey(key) ?? findKey(key.replaceAll("$", ""));
  if (known === undefined) {
    const problem = { key, problem: "there is no option of this name", nearest: nearestKeys(key) };
    return { exitCode: 1, stdout: "", stderr: text([`error: ${formatProblem(problem)}`]) };
  }
  const { option } = known;
  const result = loadConfiguration(request);
  const set = result.ok && result.configuration.setting(known.key)?.place !== undefined;
  const lines = [
    `Documentation for ${known.key}`,
    ...wrap(describeOption(option), "", 80),
    "",
    "   Valid Values: ",
    `     - ${option.type.name}: ${option.type.allowed}`,
    option.default === undefined ? "   No default set" : `   Default Value : ${option.default}`,
    set
      ? `   Set Value     : ${result.configuration.show(known.key)}`
      : `   Value not set in ${request.confFile}`,
    `   ${option.runtime ? "May be changed on a running node" : "A change needs a restart"}`,
  ];
  return { exitCode: 0, stdout: text(lines), stderr: text(result.ok ? [] : reportLines(result)) };
}

/** What `vernemq config` prints when its second word is none of its commands; it ends with status 1. */
export function configUsage(): CommandOutput {
  const stderr = text([
    "Valid commands for vernemq config are:",
    "   vernemq config { generate | effective }",
    "   vernemq config describe VARIABLE",
  ]);
  return { exitCode: 1, stdout: "", stderr };
}
