import type { Authorities } from "./authorities.ts";
import { subjectOf } from "./authorities.ts";
import { problem, readMaterial, reasonOf } from "./material-file.ts";
import { pemBlocks, pemBytes } from "./pem.ts";
import { type RevocationList, readRevocationList } from "./revocation-list.ts";

/** The lists of a CRL file. */
export interface Revocations {
  readonly lists: readonly RevocationList[];
  /** As the runtime takes them. */
  readonly pem: readonly string[];
}

/** Reads the option crlfile, a PEM file with one list or several. Rejects with a `TlsError`. */
export async function readRevocations(path: string): Promise<Revocations> {
  const blocks = pemBlocks((await readMaterial("crlfile", path)).toString("latin1"));
  const pem = blocks.filter(({ label }) => label === "X509 CRL");
  if (pem.length === 0) {
    const reason =
      blocks.length === 0 ? "the file is not PEM" : "it has no list of revoked certificates (X509 CRL)";
    throw problem("crlfile", path, reason);
  }
  const lists = pem.map((block, index) => {
    try {
      return readRevocationList(pemBytes(block));
    } catch (error) {
      throw problem("crlfile", path, `list ${index + 1} cannot be read: ${reasonOf(error)}`);
    }
  });
  return { lists, pem: pem.map(({ text }) => text) };
}

/** What of the lists will keep clients out: outdated lists, and authorities without a list. */
export function revocationWarnings(
  path: string,
  { lists }: Revocations,
  authorities: Authorities | null,
  now: number,
): readonly string[] {
  const warnings = lists
    .filter(({ nextUpdate }) => nextUpdate <= now)
    .map(
      ({ issuerName, nextUpdate }) =>
        `crlfile ${path}: the list of ${issuerName} is outdated since ${new Date(nextUpdate).toISOString()}; ` +
        "clients of that authority are refused until there is a newer one",
    );
  const issuers = new Set(lists.map(({ issuer }) => issuer));
  for (const authority of authorities?.certificates ?? []) {
    if (issuers.has(subjectOf(authority))) continue;
    const name = authority.subject.split("\n").at(-1) ?? "";
    warnings.push(`crlfile ${path}: there is no list of ${name}; clients of that authority are refused`);
  }
  return warnings;
}
