import type { LoadRequest } from "../config/load.ts";
import { configurationRequest } from "./configuration-request.ts";
import type { Places } from "./places.ts";

const DEFAULT_NAME = "VerneMQ@127.0.0.1";

/** The name of the node as its configuration has it. */
export async function configuredName(request: LoadRequest): Promise<string> {
  const { loadConfiguration } = await import("../config/load.ts");
  const result = loadConfiguration(request);
  return result.ok ? result.configuration.get("nodename") : DEFAULT_NAME;
}

/** The name of a node that is looked for at these places: for messages about one that does not answer. */
export async function nodeName(places: Places): Promise<string> {
  return configuredName(await configurationRequest(places, process.env));
}
