import type { X509Certificate } from "node:crypto";
import { derChildren, derElement } from "./der.ts";
import { readCertificates } from "./key-pair.ts";
import { readMaterial } from "./material-file.ts";

/** Where the subject stands in a certificate without a version field [RFC 5280, 4.1]. */
const SUBJECT = 4;
const VERSION_TAG = 0xa0;

/** The authorities that may vouch for the clients of a listener. */
export class Authorities {
  readonly certificates: readonly X509Certificate[];
  readonly #bySubject = new Map<string, X509Certificate[]>();

  constructor(certificates: readonly X509Certificate[]) {
    this.certificates = certificates;
    for (const certificate of certificates) {
      const same = this.#bySubject.get(certificate.subject) ?? [];
      this.#bySubject.set(certificate.subject, [...same, certificate]);
    }
  }

  /**
   * How many certificates lie between a client's certificate, which has been verified, and the last authority that
   * vouches for it. Those that are not in the CA file are found among what the client sent.
   */
  between(leaf: X509Certificate): number {
    let current = leaf;
    let count = 0;
    let sent: X509Certificate | undefined = leaf.issuerCertificate;
    for (;;) {
      const subject: X509Certificate = current;
      const trusted = this.#bySubject
        .get(subject.issuer)
        ?.find((candidate) => subject.checkIssued(candidate));
      const issuer: X509Certificate | undefined = trusted ?? sent;
      if (issuer === undefined || issuer.fingerprint256 === subject.fingerprint256) break;
      sent = issuer === sent ? sent.issuerCertificate : sent;
      current = issuer;
      count++;
    }
    return Math.max(0, count - 1);
  }
}

/** Reads the option cafile. Rejects with a `TlsError`. */
export async function readAuthorities(path: string): Promise<Authorities> {
  return new Authorities(readCertificates("cafile", path, await readMaterial("cafile", path)));
}

/** A certificate's subject, DER as hexadecimal digits, as revocation lists name their issuer. */
export function subjectOf({ raw }: X509Certificate): string {
  const certificate = derElement(raw, 0, raw.length);
  const signed = derElement(raw, certificate.contentStart, certificate.end);
  const fields = [...derChildren(raw, signed)];
  const subject = fields[fields[0]?.tag === VERSION_TAG ? SUBJECT + 1 : SUBJECT];
  return subject === undefined ? "" : raw.toString("hex", subject.start, subject.end);
}
