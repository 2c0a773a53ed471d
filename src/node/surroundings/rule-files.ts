import { readFileSync, statSync } from "node:fs";
import { atOnce } from "../../clock/in-turns.ts";
import type { Configuration } from "../../config/configuration.ts";
import type { LineProblem } from "../../plugin/plugin-file.ts";
import { parseAcl } from "../../plugins/acl/acl-file.ts";
import { parsePasswordFile } from "../../plugins/passwd/password-file.ts";
import { codeOf, type Finding, isForbidden, problemAt, reasonOf } from "./finding.ts";

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
      findings.push({ weight: "warning", problem: problemAt(configuration, key, path, problem), forbidden });
    };
    try {
      const isFile = statSync(path).isFile();
      if (!isFile) add(`it is no file; ${consequence}`, false);
      const { problems } = atOnce(parse(isFile ? readFileSync(path, "utf8") : ""));
      for (const { line, problem } of problems) {
        const finding = { place: { file: path, line }, problem };
        findings.push({ weight: "warning", problem: finding, forbidden: false });
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
