import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

const checkout = dirname(dirname(import.meta.dirname));

export interface ToolRun {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs a command of a development dependency on this runtime, in the project folder `root`.
 *
 * @param packageName the npm package that brings the command
 * @throws {Error} when the package has no such command or it cannot be run
 */
export function runTool(
  root: string,
  packageName: string,
  command: string,
  args: readonly string[],
): ToolRun {
  const folder = join(checkout, "node_modules", packageName);
  const program = join(folder, commandPath(join(folder, "package.json"), command));
  const result = spawnSync(process.execPath, [program, ...args], {
    cwd: root,
    encoding: "utf8",
    maxBuffer: 256 * 1024 * 1024,
    env: { ...process.env, NO_COLOR: "1" },
  });
  if (result.error) throw new Error(`cannot run ${command}: ${result.error.message}`);
  if (result.status === null) throw new Error(`${command} was ended by ${result.signal}`);
  return { status: result.status, stdout: result.stdout, stderr: result.stderr };
}

function commandPath(manifest: string, command: string): string {
  if (!existsSync(manifest)) throw new Error(`${manifest} is missing: run npm ci`);
  const { bin }: { bin?: string | Record<string, string> } = JSON.parse(readFileSync(manifest, "utf8"));
  const path = typeof bin === "string" ? bin : bin?.[command];
  if (path === undefined) throw new Error(`${manifest} names no command ${command}`);
  return path;
}

/** The non-empty lines of a tool's output. */
export function outputLines(text: string): string[] {
  return text.split("\n").filter((line) => line.trim() !== "");
}
