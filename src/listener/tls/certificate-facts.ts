import type { X509Certificate } from "node:crypto";

/** What commands, metrics and warnings say of a certificate. */
export interface CertificateFacts {
  readonly file: string;
  /** `certfile`, `cafile`, `sni.NAME.certfile`: the option that names the file. */
  readonly option: string;
  /** Epoch milliseconds. */
  readonly notBefore: number;
  /** Epoch milliseconds. */
  readonly notAfter: number;
  /** The common name of its subject, else the whole subject on one line. */
  readonly name: string;
  /** The common name of its issuer, else the whole name on one line. */
  readonly issuer: string;
  /** Subject alternative names, `DNS:example.org, IP Address:::1`; empty for none. */
  readonly alternativeNames: string;
}

/** The facts of a certificate in a file. */
export function certificateFacts(
  certificate: X509Certificate,
  option: string,
  file: string,
): CertificateFacts {
  return {
    file,
    option,
    notBefore: Date.parse(certificate.validFrom),
    notAfter: Date.parse(certificate.validTo),
    name: commonNameIn(certificate.subject),
    issuer: commonNameIn(certificate.issuer),
    alternativeNames: certificate.subjectAltName ?? "",
  };
}

function commonNameIn(name: string | undefined): string {
  const lines = (name ?? "").split("\n");
  return lines.find((line) => line.startsWith("CN="))?.slice("CN=".length) ?? lines.join(", ");
}
