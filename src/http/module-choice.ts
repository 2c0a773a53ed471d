import type { HttpModuleConfiguration } from "../config/listeners.ts";

/** The modules that this version has, each with the beginning of what it serves. */
export const moduleNames = ["vmq_health_http", "vmq_metrics_http"] as const;

export type ModuleName = (typeof moduleNames)[number];

/** Modules of VerneMQ that this version does not have. */
const LACKING: readonly string[] = [
  "vmq_http_mgmt_api",
  "vmq_http_v2_api",
  "vmq_status_http",
  "vmq_http_pub",
  "vmq_web_ui",
];

/** What a listener serves of what it is to serve, and what there is to say about the rest. */
export interface ModuleChoice {
  readonly served: readonly ModuleName[];
  /** Modules that would be served if this version had them, and that somebody asked for. */
  readonly warnings: readonly string[];
  /** The same for those that nobody asked for, because they are in the default. */
  readonly remarks: readonly string[];
}

/** Chooses among the configured modules. One that asks for an API key is not served: it would be open to everyone. */
export function chooseModules(configured: readonly HttpModuleConfiguration[]): ModuleChoice {
  const served: ModuleName[] = [];
  const warnings: string[] = [];
  const lacking: string[] = [];
  for (const { name, auth, wished } of configured) {
    const known = moduleNames.find((candidate) => candidate === name);
    if (known !== undefined && auth === "noauth") served.push(known);
    else if (known !== undefined)
      warnings.push(
        `HTTP module ${name} is not served: its auth.mode is apikey, and this version has no API keys`,
      );
    else if (!LACKING.includes(name))
      warnings.push(`there is no HTTP module ${name}; there are ${[...moduleNames, ...LACKING].join(", ")}`);
    else if (wished) warnings.push(`HTTP module ${name} is not served: this version does not have it yet`);
    else lacking.push(name);
  }
  const remarks =
    lacking.length === 0
      ? []
      : [`HTTP modules of the default that this version does not have yet: ${lacking.join(", ")}`];
  return { served, warnings, remarks };
}
