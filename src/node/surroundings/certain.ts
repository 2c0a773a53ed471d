import type { Configuration } from "../../config/configuration.ts";
import type { Doubts } from "../../config/doubts.ts";
import { allOptions } from "../../config/schema/schema.ts";
import type { Finding } from "./finding.ts";

const DATA_DIRECTORY = "platform_data_dir";

/** Whether what a key names is used at all: that depends on these. */
const CONDITIONS: ReadonlyMap<string, readonly string[]> = new Map([
  ["log.console.file", ["log.console"]],
  ["log.error.file", ["log.error"]],
  ["log.crash.file", ["log.crash"]],
  ["log.syslog.remote.tls.cafile", ["log.syslog", "log.syslog.remote.host", "log.syslog.remote.protocol"]],
  ["vmq_passwd.password_file", ["plugins.vmq_passwd", "allow_anonymous"]],
  ["vmq_acl.acl_file", ["plugins.vmq_acl"]],
]);

/**
 * What remains wrong when the wrong settings have been mended, whatever they are meant to be: not what is found only
 * because a default stands in for one of them.
 */
export function certainOnes(
  findings: readonly Finding[],
  configuration: Configuration,
  doubts: Doubts,
): readonly Finding[] {
  return findings.filter(({ problem: { key } }) => {
    if (key === undefined) return true;
    const setting = configuration.setting(key);
    if (doubts.everything && setting?.place === undefined) return false;
    if (doubts.about(key, `${key}.path`, ...(CONDITIONS.get(key) ?? []))) return false;
    const path = setting?.text ?? allOptions.get(key)?.default ?? "";
    return !(doubts.about(DATA_DIRECTORY) && /^(\.\/)?data(\/|$)/.test(path));
  });
}
