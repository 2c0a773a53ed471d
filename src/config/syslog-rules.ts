import type { Setting } from "./configuration.ts";
import type { Doubts } from "./doubts.ts";
import type { Problem } from "./problem.ts";

const PROTOCOL = "log.syslog.remote.protocol";

/** What syslog over TLS needs besides: messages of RFC 5424 [RFC 5425, 4.3], and authorities. */
export function syslogProblems(texts: ReadonlyMap<string, Setting>, wrong: Doubts): readonly Problem[] {
  const text = (key: string): string => texts.get(key)?.text ?? "";
  if (text("log.syslog") !== "on" || text("log.syslog.remote.host") === "" || text(PROTOCOL) !== "tls")
    return [];
  const { place } = texts.get("log.syslog.format") ?? texts.get(PROTOCOL) ?? {};
  const problems: Problem[] = [];
  if (text("log.syslog.format") !== "rfc5424" && !wrong.about("log.syslog.format")) {
    const problem = "log.syslog.format must be rfc5424 for TLS SysLog";
    problems.push({ ...(place && { place }), key: "log.syslog.format", problem });
  }
  if (text("log.syslog.remote.tls.cafile") === "" && !wrong.about("log.syslog.remote.tls.cafile")) {
    const at = texts.get(PROTOCOL)?.place;
    const problem = "log.syslog.remote.tls.cafile is required for TLS SysLog";
    problems.push({ ...(at && { place: at }), key: PROTOCOL, problem });
  }
  return problems;
}
