import { type CommandOutput, errorLines, reportLines } from "../config/commands.ts";
import { type LoadRequest, loadConfiguration } from "../config/load.ts";
import { formatProblem } from "../config/problem.ts";
import { certainOnes } from "../node/surroundings/certain.ts";
import { inspectRoom } from "../node/surroundings/directories.ts";
import type { Finding } from "../node/surroundings/finding.ts";
import { inspectHttpModules } from "../node/surroundings/http-modules.ts";
import { inspectPlugins, inspectRuleFiles } from "../node/surroundings/plugins.ts";
import { allErrors, inspectSurroundings } from "../node/surroundings/surroundings.ts";

/**
 * `vernemq chkconfig`: says that the configuration is right, or everything that is wrong with it and with the files and
 * directories it names. `owner` is the user that runs the broker, when that is another one than the user of this
 * process: then what this one may not look at is no error, and what it may look at proves nothing about rights.
 */
export async function checkConfiguration(
  request: LoadRequest,
  owner: string | undefined,
): Promise<CommandOutput> {
  const loaded = loadConfiguration(request);
  const lines = loaded.ok ? [...reportLines(loaded)] : [];
  const errors = await inspectSurroundings(loaded);
  const configuration = loaded.ok ? loaded.configuration : loaded.remainder;
  const doubtful = [
    ...inspectPlugins(configuration),
    ...inspectRuleFiles(configuration),
    ...inspectHttpModules(configuration),
    ...inspectRoom(configuration),
  ];
  const doubts = loaded.ok ? doubtful : certainOnes(doubtful, configuration, loaded.doubts);
  const isHidden = ({ forbidden }: Finding): boolean => forbidden && owner !== undefined;
  for (const found of doubts) if (!isHidden(found)) lines.push(`warning: ${formatProblem(found.problem)}`);
  for (const { problem } of [...errors, ...doubts].filter(isHidden))
    lines.push(`warning: could not be checked: ${formatProblem(problem)}`);
  if (owner !== undefined) {
    lines.push(
      `warning: the broker runs as ${owner}: what that user may read and write could not be checked; for that, run this as root or as ${owner}`,
    );
  }
  const certain = allErrors(
    loaded,
    errors.filter((found) => !isHidden(found)),
  );
  if (certain.length > 0) return output(1, "", [...lines, ...errorLines(certain)]);
  return output(0, "config is OK\n", lines);
}

function output(exitCode: 0 | 1, stdout: string, lines: readonly string[]): CommandOutput {
  return { exitCode, stdout, stderr: lines.map((line) => `${line}\n`).join("") };
}
