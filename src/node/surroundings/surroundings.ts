import { readFileSync } from "node:fs";
import type { Configuration } from "../../config/configuration.ts";
import type { Problem } from "../../config/problem.ts";
import { inspectDirectories } from "./directories.ts";
import { type Finding, isForbidden, problemAt, reasonOf } from "./finding.ts";
import { inspectListeners } from "./listeners.ts";

/**
 * Everything with which the broker does not start, of what a configuration names outside of itself: files of TLS,
 * directories, addresses; in the order of the configuration. Changes nothing.
 */
export async function inspectSurroundings(configuration: Configuration): Promise<readonly Finding[]> {
  const findings = [
    ...(await inspectListeners(configuration)),
    ...inspectSyslog(configuration),
    ...inspectDirectories(configuration),
  ];
  return findings.toSorted((a, b) => rank(a.problem) - rank(b.problem));
}

/** The lines of one file stay together; what is written nowhere comes last. */
function rank({ place }: Problem): number {
  return place === undefined ? Infinity : place.line;
}

function inspectSyslog(configuration: Configuration): readonly Finding[] {
  const key = "log.syslog.remote.tls.cafile";
  const path = configuration.get(key);
  if (!configuration.get("log.syslog") || path === undefined || path === "") return [];
  if (configuration.get("log.syslog.remote.protocol") !== "tls") return [];
  const finding = (problem: string, forbidden: boolean): readonly Finding[] => [
    { problem: problemAt(configuration, key, path, problem), forbidden },
  ];
  try {
    const pem = readFileSync(path, "latin1").includes("-----BEGIN CERTIFICATE-----");
    return pem ? [] : finding("the file has no certificate in PEM", false);
  } catch (error) {
    return finding(`it cannot be read: ${reasonOf(error)}`, isForbidden(error));
  }
}
