import type { Places } from "./places.ts";

const DEFAULT_NAME = "VerneMQ@127.0.0.1";

/** The name of the node as its configuration has it: for messages about a node that does not answer. */
export async function nodeName({ confFile, directories, given }: Places): Promise<string> {
  const { loadConfiguration } = await import("../config/load.ts");
  const result = loadConfiguration({ confFile, directories, given, env: process.env });
  return result.ok ? result.configuration.get("nodename") : DEFAULT_NAME;
}
