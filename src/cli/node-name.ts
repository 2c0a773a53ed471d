import type { LoadResult } from "../config/load.ts";
import { configurationRequest } from "./configuration-request.ts";
import type { Places } from "./places.ts";

const DEFAULT_NAME = "VerneMQ@127.0.0.1";

/** The name of the node as its configuration has it; the default when that is not in order. */
export function configuredName(result: LoadResult): string {
  return result.ok ? result.configuration.get("nodename") : DEFAULT_NAME;
}

/** The name of a node that is looked for at these places: for messages about one that does not answer. */
export async function nodeName(places: Places): Promise<string> {
  const { loadConfiguration } = await import("../config/load.ts");
  return configuredName(loadConfiguration(await configurationRequest(places, process.env)));
}
