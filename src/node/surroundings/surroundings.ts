import type { Configuration } from "../../config/configuration.ts";
import { NO_DOUBTS } from "../../config/doubts.ts";
import type { LoadResult } from "../../config/load.ts";
import type { Problem } from "../../config/problem.ts";
import { inOrder } from "../../config/problem-order.ts";
import { contentOf } from "../../config/reader/files.ts";
import { certainOnes } from "./certain.ts";
import { inspectDirectories } from "./directories.ts";
import { type Finding, isForbidden, problemAt, reasonOf } from "./finding.ts";
import { inspectListeners } from "./listeners.ts";

/**
 * Everything with which the broker does not start, of what a configuration names outside of itself: files of TLS,
 * directories, addresses. Of a configuration with errors what is certain all the same. Changes nothing.
 */
export async function inspectSurroundings(loaded: LoadResult): Promise<readonly Finding[]> {
  const configuration = loaded.ok ? loaded.configuration : loaded.remainder;
  const doubts = loaded.ok ? NO_DOUBTS : loaded.doubts;
  const findings = [
    ...(await inspectListeners(configuration, doubts)),
    ...inspectSyslog(configuration),
    ...inspectDirectories(configuration),
  ];
  return certainOnes(findings, configuration, doubts);
}

/** All errors of a configuration, with those that a look at its surroundings has found, in the order of its files. */
export function allErrors(loaded: LoadResult, findings: readonly Finding[]): readonly Problem[] {
  const own = loaded.ok ? [] : loaded.errors;
  return inOrder([...own, ...findings.map(({ problem }) => problem)], loaded.files);
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
    const pem = contentOf(path).includes("-----BEGIN CERTIFICATE-----");
    return pem ? [] : finding("the file has no certificate in PEM", false);
  } catch (error) {
    return finding(`it cannot be read: ${reasonOf(error)}`, isForbidden(error));
  }
}
