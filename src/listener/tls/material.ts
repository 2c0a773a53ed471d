import { createHash, type X509Certificate } from "node:crypto";
import type { Server } from "node:net";
import { createSecureContext, type SecureContext, type SecureContextOptions } from "node:tls";
import type { TlsConfiguration } from "../../config/listeners.ts";
import { type Authorities, readAuthorities } from "./authorities.ts";
import { type CertificateFacts, certificateFacts } from "./certificate-facts.ts";
import { type KeyPair, type KeyPairFiles, readKeyPair } from "./key-pair.ts";
import { problem, reasonOf, TlsError } from "./material-file.ts";
import { type PreSharedKeys, readPreSharedKeys } from "./pre-shared-keys.ts";
import { protocolRules } from "./protocol-rules.ts";
import type { RevocationList } from "./revocation-list.ts";
import { type Revocations, readRevocations, revocationWarnings } from "./revocations.ts";
import { ServerNames } from "./server-names.ts";
import { readStaple, staplingServer } from "./stapling.ts";

/** How long a session may be resumed without a full handshake, seconds. */
const SESSION_SECONDS = 7_200;

/** Everything that the handshakes of a listener need, read from its files at one moment. Never changed. */
export interface TlsMaterial {
  readonly context: SecureContext;
  readonly serverNames: ServerNames;
  readonly authorities: Authorities | null;
  /** Null with psk_support off. */
  readonly preSharedKeys: PreSharedKeys | null;
  /** Null without a response to staple. */
  readonly stapling: Server | null;
  readonly certificates: readonly CertificateFacts[];
  readonly revocationLists: readonly RevocationList[];
  /** What was read but will trouble somebody. */
  readonly warnings: readonly string[];
  /** Changes with whatever decides who is let in: sessions of before a change must not be resumed after it. */
  readonly trust: string;
}

interface Pair {
  readonly files: KeyPairFiles;
  readonly staple: Buffer | null;
  readonly pair: KeyPair;
}

/**
 * Reads the files of a listener. `ticketKeys` gives the keys of session tickets for what `trust` stands for. Rejects
 * with a `TlsError` that names all that is wrong.
 */
export async function readTlsMaterial(
  configuration: TlsConfiguration,
  ticketKeys: (trust: string) => Buffer,
  now: number,
): Promise<TlsMaterial> {
  const { caFile, crlFile } = configuration;
  const rules = protocolRules(configuration);
  const { authorities, revocations, preSharedKeys, main, further } = await readTlsFiles(configuration);
  const certificates = further.filter((pair) => pair !== null);
  checkCompleteness(configuration);
  const trust = trustOf(configuration, authorities, revocations);
  const base: SecureContextOptions = {
    ...rules.options,
    ca: authorities?.certificates.map(String) ?? [],
    ...(revocations === null ? {} : { crl: [...revocations.pem] }),
    // An authority of the file need not be a root: so a tenant's own one lets nobody else in. Lists of revoked
    // certificates can be checked up to a root only.
    allowPartialTrustChain: revocations === null,
    ticketKeys: ticketKeys(trust),
    sessionTimeout: SESSION_SECONDS,
  };
  const context = contextOf(base, main);
  const warnings = [...rules.warnings];
  const serverNames = new ServerNames();
  for (const pair of certificates) {
    const [certificate] = pair.pair.chain;
    if (certificate === undefined) continue;
    const taken = serverNames.add(certificate, contextOf(base, pair));
    if (taken.length > 0)
      warnings.push(`${pair.files.option}certfile: another certificate is used for ${taken.join(", ")}`);
  }
  if (revocations !== null) warnings.push(...revocationWarnings(crlFile, revocations, authorities, now));
  for (const certificate of authorities?.certificates ?? []) {
    if (!certificate.ca)
      warnings.push(`cafile ${caFile}: ${oneLine(certificate)} is not the certificate of an authority`);
  }
  const pairs = main === null ? certificates : [main, ...certificates];
  return {
    context,
    serverNames,
    authorities,
    preSharedKeys,
    stapling: stapling(pairs, context),
    certificates: [
      ...pairs.flatMap(({ files, pair }) =>
        pair.chain.map((entry) => certificateFacts(entry, `${files.option}certfile`, files.certificateFile)),
      ),
      ...(authorities?.certificates.map((entry) => certificateFacts(entry, "cafile", caFile)) ?? []),
    ],
    revocationLists: revocations?.lists ?? [],
    warnings,
    trust,
  };
}

/** Reads and judges the files of a listener alone. Rejects with a `TlsError` that names all that are wrong. */
export async function readTlsFiles(configuration: TlsConfiguration) {
  const { caFile, crlFile, pskSupport, pskFile, pskSeparator, certificateFile } = configuration;
  const [authorities, revocations, preSharedKeys, main, ...further] = await allOf([
    caFile === "" ? null : readAuthorities(caFile),
    crlFile === "" ? null : readRevocations(crlFile),
    pskSupport ? readPreSharedKeys(pskFile, pskSeparator) : null,
    certificateFile === "" ? null : readPair("", configuration),
    ...configuration.sni.map((entry) => readPair(`sni.${entry.name}.`, entry)),
  ]);
  return { authorities, revocations, preSharedKeys, main, further };
}

async function readPair(
  option: string,
  files: Pick<TlsConfiguration, "certificateFile" | "keyFile" | "keyPassword" | "ocspFile">,
): Promise<Pair> {
  const pairFiles = { ...files, option };
  const [pair, staple] = await Promise.all([
    readKeyPair(pairFiles),
    files.ocspFile === "" ? null : readStaple(`${option}ocspfile`, files.ocspFile),
  ]);
  return { files: pairFiles, pair, staple };
}

/** Waits for all, and tells all problems at once. */
async function allOf<T extends readonly unknown[]>(
  reads: T,
): Promise<{ -readonly [I in keyof T]: Awaited<T[I]> }> {
  const results = await Promise.allSettled(reads);
  const reasons = results.flatMap((result): unknown[] =>
    result.status === "rejected" ? [result.reason] : [],
  );
  if (reasons.length > 0) throw TlsError.all(reasons);
  return await Promise.all(reads);
}

function checkCompleteness(configuration: TlsConfiguration): void {
  const { certificateFile, caFile, crlFile, pskSupport, requireCertificate } = configuration;
  const { useIdentityAsUsername } = configuration;
  const lines: string[] = [];
  if (certificateFile === "" && !pskSupport)
    lines.push("there is no certfile; without one only pre-shared keys (psk_support = on) would do");
  if (caFile === "" && requireCertificate)
    lines.push("require_certificate is on, but there is no cafile with the authorities of the clients");
  if (caFile === "" && useIdentityAsUsername && !pskSupport)
    lines.push("use_identity_as_username is on, but there is no cafile with the authorities of the clients");
  if (crlFile !== "" && caFile === "") lines.push("there is a crlfile, but no cafile");
  if (lines.length > 0) throw new TlsError(lines);
}

function contextOf(base: SecureContextOptions, pair: Pair | null): SecureContext {
  try {
    return createSecureContext(
      pair === null ? base : { ...base, cert: pair.pair.certificate, key: pair.pair.key },
    );
  } catch (error) {
    const reason = `the TLS library refuses it: ${reasonOf(error)}`;
    throw pair === null
      ? new TlsError([reason])
      : problem(`${pair.files.option}certfile`, pair.files.certificateFile, reason);
  }
}

function stapling(pairs: readonly Pair[], context: SecureContext): Server | null {
  const staples = new Map<string, Buffer>();
  for (const { staple, pair } of pairs) {
    const [certificate] = pair.chain;
    if (staple !== null && certificate !== undefined) staples.set(certificate.raw.toString("hex"), staple);
  }
  return staples.size === 0 ? null : staplingServer(staples, context);
}

function trustOf(
  { requireCertificate, useIdentityAsUsername, depth }: TlsConfiguration,
  authorities: Authorities | null,
  revocations: Revocations | null,
): string {
  const hash = createHash("sha256").update(`${requireCertificate} ${useIdentityAsUsername} ${depth}\n`);
  for (const { fingerprint256 } of authorities?.certificates ?? []) hash.update(fingerprint256);
  for (const text of revocations?.pem ?? []) hash.update(text);
  return hash.digest("hex");
}

function oneLine({ subject }: X509Certificate): string {
  return subject.split("\n").join(", ");
}
