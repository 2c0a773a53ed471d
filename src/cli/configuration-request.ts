import type { LoadRequest } from "../config/load.ts";
import type { Places } from "./places.ts";

/** Set in the image: the environment is a part of the configuration then, for all commands alike. */
const CONTAINER = "VERNEMQ_CONTAINER";

/** What the configuration of a node is loaded from. In a container its environment belongs to it. */
export async function configurationRequest(
  places: Places,
  env: Readonly<Record<string, string | undefined>>,
): Promise<LoadRequest> {
  if (!env[CONTAINER]) return { ...places, env };
  const { containerConfiguration } = await import("./container/configuration.ts");
  const { confFile, overlay } = containerConfiguration(places.confFile, env);
  return { ...places, confFile, overlay, env };
}

/** From now on this process takes its environment for that of a container. */
export function markAsContainer(env: Record<string, string | undefined>): void {
  env[CONTAINER] ||= "1";
}
