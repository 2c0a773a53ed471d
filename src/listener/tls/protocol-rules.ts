import { constants, createHash } from "node:crypto";
import { createSecureContext, type SecureContextOptions, type SecureVersion } from "node:tls";
import type { TlsConfiguration } from "../../config/listeners.ts";
import { TlsError } from "./material-file.ts";

const VERSIONS: readonly {
  readonly word: TlsConfiguration["versions"][number];
  readonly version: SecureVersion;
  readonly off: number;
}[] = [
  { word: "tlsv1", version: "TLSv1", off: constants.SSL_OP_NO_TLSv1 },
  { word: "tlsv1.1", version: "TLSv1.1", off: constants.SSL_OP_NO_TLSv1_1 },
  { word: "tlsv1.2", version: "TLSv1.2", off: constants.SSL_OP_NO_TLSv1_2 },
  { word: "tlsv1.3", version: "TLSv1.3", off: constants.SSL_OP_NO_TLSv1_3 },
];

const SUITES = "TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256";
/** For listeners that name no ciphers: forward secrecy and authenticated encryption first. */
const SAFE =
  "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:" +
  "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:" +
  "ECDHE-ECDSA-AES256-SHA384:ECDHE-RSA-AES256-SHA384:ECDHE-ECDSA-AES128-SHA256:ECDHE-RSA-AES128-SHA256:" +
  "ECDHE-ECDSA-AES256-SHA:ECDHE-RSA-AES256-SHA:ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES128-SHA:" +
  "AES256-GCM-SHA384:AES128-GCM-SHA256:AES256-SHA256:AES128-SHA256:AES256-SHA:AES128-SHA";
const PRE_SHARED =
  "ECDHE-PSK-CHACHA20-POLY1305:ECDHE-PSK-AES256-CBC-SHA384:ECDHE-PSK-AES128-CBC-SHA256:" +
  "PSK-AES256-GCM-SHA384:PSK-AES128-GCM-SHA256:PSK-CHACHA20-POLY1305:" +
  "PSK-AES256-CBC-SHA384:PSK-AES128-CBC-SHA256:PSK-AES256-CBC-SHA:PSK-AES128-CBC-SHA";

/** Versions, ciphers and curves in the runtime's terms, and what of the configuration has no effect. */
export interface ProtocolRules {
  readonly options: SecureContextOptions;
  readonly warnings: readonly string[];
}

/** Reads the options tls_version, ciphers and eccs. Throws a `TlsError` for what leaves nothing to talk with. */
export function protocolRules(configuration: TlsConfiguration): ProtocolRules {
  const warnings: string[] = [];
  const known = VERSIONS.filter(({ word }) => configuration.versions.includes(word));
  const [oldest, newest] = [known[0], known.at(-1)];
  if (oldest === undefined || newest === undefined) throw new TlsError(["tls_version: no version is named"]);
  const within = VERSIONS.slice(VERSIONS.indexOf(oldest), VERSIONS.indexOf(newest) + 1);
  // By new handshakes on old connections clients of version 1.2 could keep the broker busy.
  const secureOptions = within
    .filter((candidate) => !known.includes(candidate))
    .reduce((bits, { off }) => bits | off, constants.SSL_OP_NO_RENEGOTIATION);
  // A resumed session would not tell whose pre-shared key it came from, and would outlive the key.
  const tickets = configuration.pskSupport ? constants.SSL_OP_NO_TICKET : 0;
  const old = known.filter(({ word }) => word === "tlsv1" || word === "tlsv1.1").map(({ word }) => word);
  if (old.length > 0) {
    warnings.push(
      `tls_version: ${old.join(" and ")} ${old.length > 1 ? "are" : "is"} broken and should not be used; for its ` +
        "sake the listener accepts weak signatures and keys (security level 0) in all versions",
    );
  }
  const options: SecureContextOptions = {
    minVersion: oldest.version,
    maxVersion: newest.version,
    secureOptions: secureOptions | tickets,
    honorCipherOrder: true,
    ciphers: ciphersOf(configuration, old.length > 0, warnings),
    sessionIdContext: createHash("sha1").update("vernemq").digest("hex").slice(0, 32),
  };
  const curves = curvesOf(configuration.curves);
  return { options: curves === "" ? options : { ...options, ecdhCurve: curves }, warnings };
}

function ciphersOf(
  { ciphers, versions, pskSupport }: TlsConfiguration,
  lowest: boolean,
  warnings: string[],
): string {
  const unknown = ciphers.filter((name) => /^[A-Za-z0-9_-]+$/.test(name) && !accepts({ ciphers: name }));
  if (unknown.length > 0) {
    warnings.push(
      `ciphers: the TLS library has no ${unknown.join(", ")}; ${unknown.length > 1 ? "they are" : "it is"} left out`,
    );
  }
  const used = ciphers.filter((name) => !unknown.includes(name));
  if (ciphers.length > 0 && used.length === 0) {
    throw new TlsError([`ciphers: the TLS library has none of ${ciphers.join(", ")}`]);
  }
  const list = used.length > 0 ? [...used] : [SAFE, ...(pskSupport ? [PRE_SHARED] : [])];
  const suites = used.some((name) => name.startsWith("TLS_"));
  // A list of older ciphers says nothing about those of 1.3, which have names of their own.
  if (versions.includes("tlsv1.3") && !suites) list.push(SUITES);
  if (
    versions.some((version) => version !== "tlsv1.3") &&
    used.length > 0 &&
    used.every((name) => name.startsWith("TLS_"))
  ) {
    warnings.push("ciphers: all are for tlsv1.3, so no older version can be used");
  }
  if (
    pskSupport &&
    used.length > 0 &&
    !used.some((name) => name.includes("PSK")) &&
    !versions.includes("tlsv1.3")
  ) {
    warnings.push("ciphers: psk_support is on, but none of the ciphers uses pre-shared keys");
  }
  if (lowest && !list.some((name) => name.includes("@SECLEVEL"))) list.push("@SECLEVEL=0");
  const text = list.join(":");
  if (!accepts({ ciphers: text })) throw new TlsError([`ciphers: no cipher is left of ${ciphers.join(":")}`]);
  return text;
}

function curvesOf(curves: readonly string[]): string {
  const unknown = curves.filter((name) => !accepts({ ecdhCurve: name }));
  if (unknown.length > 0) throw new TlsError([`eccs: Unknown ECC named curves: ${unknown.join(", ")}`]);
  return curves.join(":");
}

function accepts(options: SecureContextOptions): boolean {
  try {
    createSecureContext(options);
    return true;
  } catch {
    return false;
  }
}
