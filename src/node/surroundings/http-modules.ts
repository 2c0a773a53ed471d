import type { Configuration } from "../../config/configuration.ts";
import { joinKey } from "../../config/key.ts";
import { resolveListeners } from "../../config/listeners.ts";
import { chooseModules } from "../../http/module-choice.ts";
import { type Finding, problemAt } from "./finding.ts";

/** HTTP modules that somebody asks for and that are not served. The start goes on without them, and says so in the log. */
export function inspectHttpModules(configuration: Configuration): readonly Finding[] {
  const findings = new Map<string, Finding>();
  for (const { kind, name, httpModules } of resolveListeners(configuration)) {
    const own = `${joinKey(["listener", kind, name])}.http_modules`;
    const key = configuration.setting(own) === undefined ? "http_modules" : own;
    for (const warning of chooseModules(httpModules).warnings) {
      const problem = problemAt(configuration, key, undefined, warning);
      findings.set(`${key}: ${warning}`, { problem, forbidden: false });
    }
  }
  return [...findings.values()];
}
