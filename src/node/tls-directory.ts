import type { CertificateFacts } from "../listener/tls/certificate-facts.ts";
import type { TlsDirectory } from "../listener/tls/tls-directory.ts";
import type { LabelledValue } from "../metrics/metrics.ts";

/** The certificates of a node, as the commands see them. */
export interface TlsView {
  certificates(): Iterable<CertificateFacts>;
  reload(): Promise<readonly string[]>;
}

/** The certificates of all listeners; what several listeners take from one file is there once. */
export function tlsView(tls: TlsDirectory): TlsView {
  return {
    certificates: () => {
      const found = new Map<string, CertificateFacts>();
      for (const { certificates } of tls.all()) {
        for (const facts of certificates)
          found.set(`${facts.file} ${facts.name} ${facts.issuer} ${facts.notAfter}`, facts);
      }
      return found.values();
    },
    reload: () => tls.reload(),
  };
}

/** Seconds until the certificates of each listener expire; of the certificates in one file the first to do so counts. */
export function certificateSeconds(tls: TlsDirectory, now: number): readonly LabelledValue[] {
  const values: LabelledValue[] = [];
  for (const { name, certificates } of tls.all()) {
    const ends = new Map<string, number>();
    for (const { file, notAfter } of certificates)
      ends.set(file, Math.min(notAfter, ends.get(file) ?? Infinity));
    for (const [file, end] of ends) {
      const labels = [
        ["listener", name.slice("listener.".length)],
        ["file", file],
      ] as const;
      values.push({ labels, value: Math.floor((end - now) / 1000) });
    }
  }
  return values;
}
