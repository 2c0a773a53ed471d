import { readFileSync, statSync } from "node:fs";
import { atOnce } from "../../clock/in-turns.ts";
import type { Configuration } from "../../config/configuration.ts";
import { joinKey } from "../../config/key.ts";
import { pluginSettings } from "../../config/plugin-settings.ts";
import { unknownPlugin } from "../../plugin/manager.ts";
import type { LineProblem } from "../../plugin/plugin-file.ts";
import { parseAcl } from "../../plugins/acl/acl-file.ts";
import { parsePasswordFile } from "../../plugins/passwd/password-file.ts";
import { codeOf, type Finding, isForbidden, problemAt, reasonOf } from "./finding.ts";

const BUNDLED = ["vmq_acl", "vmq_passwd"];

/**
 * Looks at the files of vmq_passwd and vmq_acl. The start goes on without them, with nobody let in or nothing allowed;
 * it says so in the log.
 */
export function inspectRuleFiles(configuration: Configuration): readonly Finding[] {
  const findings: Finding[] = [];
  const inspect = (
    key: "vmq_passwd.password_file" | "vmq_acl.acl_file",
    parse: (text: string) => Iterator<unknown, { readonly problems: readonly LineProblem[] }>,
    consequence: string,
  ): void => {
    const path = configuration.get(key);
    const add = (problem: string, forbidden: boolean): void => {
      findings.push({ problem: problemAt(configuration, key, path, problem), forbidden });
    };
    try {
      const isFile = statSync(path).isFile();
      if (!isFile) add(`it is no file; ${consequence}`, false);
      const { problems } = atOnce(parse(isFile ? readFileSync(path, "utf8") : ""));
      for (const { line, problem } of problems) {
        const finding = { place: { file: path, line }, problem };
        findings.push({ problem: finding, forbidden: false });
      }
    } catch (error) {
      const missing = codeOf(error) === "ENOENT";
      // There is none while no user has been made.
      if (missing && key === "vmq_passwd.password_file" && configuration.setting(key) === undefined) return;
      add(`it cannot be read: ${reasonOf(error)}; ${consequence}`, isForbidden(error));
    }
  };
  if (configuration.get("plugins.vmq_passwd") && !configuration.get("allow_anonymous"))
    inspect("vmq_passwd.password_file", parsePasswordFile, "vmq_passwd lets nobody in");
  if (configuration.get("plugins.vmq_acl")) inspect("vmq_acl.acl_file", parseAcl, "vmq_acl allows nothing");
  return findings;
}

/** Plugins that cannot be started, because nobody has them. The start goes on without them, and says so in the log. */
export function inspectPlugins(configuration: Configuration): readonly Finding[] {
  const findings: Finding[] = [];
  for (const { name, enabled, path } of pluginSettings(configuration)) {
    if (!enabled) continue;
    const key = joinKey(["plugins", name]);
    const add = (problem: string, forbidden = false): void => {
      findings.push({ problem: problemAt(configuration, key, undefined, problem), forbidden });
    };
    if (path === undefined) {
      const reason = unknownPlugin(name, BUNDLED);
      if (reason !== undefined) add(`there is no such plugin; ${reason}`);
      continue;
    }
    try {
      statSync(path);
    } catch (error) {
      add(`${path} cannot be loaded: ${reasonOf(error)}`, isForbidden(error));
    }
  }
  return findings;
}
