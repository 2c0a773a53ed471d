/** Where a connection came from before a proxy took it, as the header of the PROXY protocol tells. */
export interface ProxiedSource {
  /** The address of the client: IPv4, IPv6, or `local:` and the path of its Unix socket. */
  readonly address: string;
  /** 0 for a Unix socket. */
  readonly port: number;
  /** The common name of the client's certificate, if the client had one that the proxy found to be valid. */
  readonly commonName: string | undefined;
}

/** What the bytes at the beginning of a connection turned out to be. */
export type ProxyHeader =
  | {
      readonly kind: "header";
      /** Bytes it takes; what follows belongs to the protocol behind it. */
      readonly length: number;
      /** Null when the proxy speaks for itself or does not know the client: the socket's own peer is meant. */
      readonly source: ProxiedSource | null;
    }
  | { readonly kind: "incomplete" }
  | { readonly kind: "malformed"; readonly problem: string };

/** More bytes are needed. */
export const INCOMPLETE: ProxyHeader = { kind: "incomplete" };

/** The bytes are no header; `problem` completes "PROXY header: …". */
export function malformed(problem: string): ProxyHeader {
  return { kind: "malformed", problem };
}
