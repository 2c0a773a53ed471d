import { readFileSync } from "node:fs";
import { type Installation, installation, installationRoot } from "./installation.ts";

type Environment = Record<string, string | undefined>;

const ASSIGNMENT = /^(?:export\s+)?([A-Za-z_]\w*)=(.*)$/;
const QUOTED = /^(["'])(.*)\1$/;

/**
 * The variables of a file that a system keeps for a service (/etc/default/vernemq): lines NAME=value as systemd and the
 * shell both read them. What is no such line (`ulimit -n 65536`) is left out, and so is a file that is not there or that
 * this user may not read.
 */
export function environmentFile(file: string): ReadonlyMap<string, string> {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch {
    return new Map();
  }
  const variables = new Map<string, string>();
  for (const line of text.split("\n")) {
    const [, name, raw] = ASSIGNMENT.exec(line.trim()) ?? [];
    if (name !== undefined && raw !== undefined) variables.set(name, QUOTED.exec(raw)?.[2] ?? raw);
  }
  return variables;
}

/**
 * The installation that a program belongs to. The variables that its service is started with are those of its commands
 * too, as far as nobody has set them otherwise: so `vernemq chkconfig` sees what the service sees.
 */
export function ownInstallation(mainFile: string, env: Environment): Installation {
  const installed = installation(installationRoot(mainFile));
  if (installed.environment !== undefined) {
    for (const [name, value] of environmentFile(installed.environment)) env[name] ??= value;
  }
  return installed;
}
