import type { Configuration } from "../config/configuration.ts";
import { joinKey } from "../config/key.ts";
import type { ListenerConfiguration } from "../config/listeners.ts";
import { formatPlace } from "../config/problem.ts";
import { TlsError } from "../listener/tls/material-file.ts";

const REASONS: ReadonlyMap<string, string> = new Map([
  ["EADDRINUSE", "another program listens there"],
  ["EADDRNOTAVAIL", "this machine does not have that address"],
  ["EAFNOSUPPORT", "this machine does not have addresses of that kind"],
  ["EACCES", "permission denied; ports below 1024 take more rights"],
]);

/** Why a listener cannot be opened, a line each, with the place where its address is written. */
export function openFailure(
  configuration: Configuration,
  listener: ListenerConfiguration,
  error: unknown,
): readonly string[] {
  const { kind, name, address } = listener;
  const key = joinKey(["listener", kind, name]);
  const place = configuration.setting(key)?.place;
  const which = `error: ${place === undefined ? "" : `${formatPlace(place)}: `}${key}`;
  if (error instanceof TlsError) return error.lines.map((line) => `${which}: ${line}`);
  const where = address.kind === "ip" ? `${address.host}:${address.port}` : address.path;
  return [`${which} cannot listen on ${where}: ${reasonOf(error)}`];
}

function reasonOf(error: unknown): string {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  const known = REASONS.get(code);
  if (known !== undefined) return `${known} (${code})`;
  return error instanceof Error ? error.message : String(error);
}
