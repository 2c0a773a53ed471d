import type { Configuration } from "../../config/configuration.ts";
import { joinKey } from "../../config/key.ts";
import { attributeKey, type ListenerConfiguration, resolveListeners } from "../../config/listeners.ts";
import { formatPlace } from "../../config/problem.ts";
import { listenerStatus } from "../../config/schema/listener/kind.ts";
import type { Address } from "../../config/type/address.ts";
import { collide, servedBy, WILDCARDS } from "../shared-addresses.ts";
import { type Finding, problemAt } from "./finding.ts";

/** Any keys do: nothing is encrypted with them. */
const TICKET_KEYS = Buffer.alloc(48);

/** Looks at the certificates, keys and lists of listeners, and for two listeners on one address. */
export async function inspectListeners(configuration: Configuration): Promise<readonly Finding[]> {
  const listeners = resolveListeners(configuration).filter(
    (listener) => listenerStatus(listener.kind).kind === "works",
  );
  const opened = listeners.filter((listener) => servedBy(listener, listeners) === undefined);
  const findings: Finding[] = [];
  for (const [index, listener] of opened.entries()) {
    const taken = opened.slice(0, index).find((other) => collide(other.address, listener.address));
    if (taken !== undefined) findings.push(onOneAddress(configuration, listener, taken));
  }
  for (const listener of opened) {
    if (["ssl", "wss", "https"].includes(listener.kind))
      findings.push(...(await inspectTls(configuration, listener)));
  }
  return findings;
}

function keyOf({ kind, name }: ListenerConfiguration): string {
  return joinKey(["listener", kind, name]);
}

function onOneAddress(
  configuration: Configuration,
  listener: ListenerConfiguration,
  other: ListenerConfiguration,
): Finding {
  const place = configuration.setting(keyOf(other))?.place;
  const where = place === undefined ? "" : ` (${formatPlace(place)})`;
  const problem = `${keyOf(other)}${where} has ${shared(listener.address, other.address)} already`;
  return { problem: problemAt(configuration, keyOf(listener), undefined, problem), forbidden: false };
}

/** What two listeners cannot both have. */
function shared(one: Address, other: Address): string {
  if (one.kind === "unix" || other.kind === "unix") return "this path";
  if (one.host === other.host) return "this address and port";
  return WILDCARDS.includes(other.host) ? "this port on all addresses" : `this port on ${other.host}`;
}

async function inspectTls(
  configuration: Configuration,
  listener: ListenerConfiguration,
): Promise<readonly Finding[]> {
  // With the listeners that need it, as at the start.
  const [{ readTlsMaterial }, { TlsError }] = await Promise.all([
    import("../../listener/tls/material.ts"),
    import("../../listener/tls/material-file.ts"),
  ]);
  try {
    await readTlsMaterial(listener.tls, () => TICKET_KEYS, Date.now());
    return [];
  } catch (error) {
    if (!(error instanceof TlsError)) throw error;
    return error.problems.map((found): Finding => {
      if (typeof found === "string") {
        const problem = problemAt(configuration, keyOf(listener), undefined, found);
        return { problem, forbidden: false };
      }
      const { option, path, reason, forbidden } = found;
      const key = fileKey(configuration, listener, option);
      return { problem: problemAt(configuration, key, path, reason), forbidden };
    });
  }
}

/** The key that names a file; `option` is its name without the listener. */
function fileKey(configuration: Configuration, listener: ListenerConfiguration, option: string): string {
  if (option === "pskfile") return "listener.ssl.pskfile";
  const [, certificate, word] = /^sni\.(.+)\.(\w+)$/.exec(option) ?? [];
  const attribute =
    certificate === undefined || word === undefined ? option : `sni.${joinKey([certificate])}.${word}`;
  return attributeKey(configuration, listener, attribute);
}
