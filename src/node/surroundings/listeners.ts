import type { Configuration } from "../../config/configuration.ts";
import type { Doubts } from "../../config/doubts.ts";
import { joinKey } from "../../config/key.ts";
import {
  attributeKey,
  attributeKeys,
  type ListenerConfiguration,
  resolveListeners,
  type TlsConfiguration,
} from "../../config/listeners.ts";
import { formatPlace } from "../../config/problem.ts";
import { listenerStatus } from "../../config/schema/listener/kind.ts";
import type { Address } from "../../config/type/address.ts";
import { collide, servedBy, WILDCARDS } from "../shared-addresses.ts";
import { type Finding, problemAt } from "./finding.ts";

/** Any keys do: nothing is encrypted with them. */
const TICKET_KEYS = Buffer.alloc(48);

/** Looks at the certificates, keys and lists of listeners, and for two listeners on one address. */
export async function inspectListeners(
  configuration: Configuration,
  doubts: Doubts,
): Promise<readonly Finding[]> {
  const listeners = resolveListeners(configuration).filter(
    (listener) => listenerStatus(listener.kind).kind === "works" && !doubts.about(keyOf(listener)),
  );
  const opened = listeners.filter((listener) => servedBy(listener, listeners) === undefined);
  const findings: Finding[] = [];
  for (const [index, listener] of opened.entries()) {
    // Which HTTP listeners are one depends on all their options.
    if (isHttp(listener) && (doubts.everything || doubts.below("listener") || doubts.below("http_module")))
      continue;
    const taken = opened.slice(0, index).find((other) => collide(other.address, listener.address));
    if (taken !== undefined) findings.push(onOneAddress(configuration, listener, taken));
  }
  for (const listener of opened) {
    if (["ssl", "wss", "https"].includes(listener.kind))
      findings.push(...(await inspectTls(configuration, listener, doubts)));
  }
  return findings;
}

function isHttp({ kind }: ListenerConfiguration): boolean {
  return kind === "http" || kind === "https";
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
  doubts: Doubts,
): Promise<readonly Finding[]> {
  // With the listeners that need it, as at the start.
  const [{ readTlsFiles, readTlsMaterial }, { TlsError }] = await Promise.all([
    import("../../listener/tls/material.ts"),
    import("../../listener/tls/material-file.ts"),
  ]);
  try {
    if (!doubts.everything && !doubts.below(`listener.${listener.kind}`))
      await readTlsMaterial(listener.tls, () => TICKET_KEYS, Date.now());
    else await readTlsFiles(certainFiles(listener, doubts));
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

/**
 * The files of a listener that are what they are whatever other settings are meant to be. A key is not looked at without
 * its certificate, and its password.
 */
function certainFiles(listener: ListenerConfiguration, doubts: Doubts): TlsConfiguration {
  const { tls } = listener;
  const doubtful = (...options: readonly string[]): boolean =>
    options.some((option) => doubts.about(...attributeKeys(listener, option)));
  const file = (option: string, path: string): string => (doubtful(option) ? "" : path);
  const isPair = (prefix: string): boolean =>
    !["certfile", "keyfile", "keypasswd"].some((word) => doubtful(`${prefix}${word}`));
  const psk = ["listener.ssl.pskfile", "listener.ssl.pskfile_separator"];
  return {
    ...tls,
    caFile: file("cafile", tls.caFile),
    crlFile: file("crlfile", tls.crlFile),
    certificateFile: isPair("") ? tls.certificateFile : "",
    ocspFile: file("ocspfile", tls.ocspFile),
    pskSupport: tls.pskSupport && !doubtful("psk_support") && !doubts.about(...psk),
    sni: tls.sni
      .filter(({ name }) => isPair(`sni.${joinKey([name])}.`))
      .map((entry) => ({
        ...entry,
        ocspFile: file(`sni.${joinKey([entry.name])}.ocspfile`, entry.ocspFile),
      })),
  };
}

/** The key that names a file; `option` is its name without the listener. */
function fileKey(configuration: Configuration, listener: ListenerConfiguration, option: string): string {
  if (option === "pskfile") return "listener.ssl.pskfile";
  const [, certificate, word] = /^sni\.(.+)\.(\w+)$/.exec(option) ?? [];
  const attribute =
    certificate === undefined || word === undefined ? option : `sni.${joinKey([certificate])}.${word}`;
  return attributeKey(configuration, listener, attribute);
}
