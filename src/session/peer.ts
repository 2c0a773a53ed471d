/** A client's certificate, checked by the listener or reported by a trusted proxy. */
export interface ClientCertificate {
  /** The first common name of its subject. */
  readonly commonName: string | null;
  /** As it came (DER); null when a proxy told the name only. */
  readonly der: Buffer | null;
}

/**
 * Who is at the other end of a connection, as the listener knows it when the session begins: from the socket, or from
 * what a trusted proxy says. One object per connection; what costs a system call is found out when it is read.
 */
export interface Peer {
  /** An IP address without port; `local` for a Unix socket. */
  readonly address: string;
  /** 0 for a Unix socket. */
  readonly port: number;
  /** The user name that the listener vouches for (certificate, proxy); it goes before the one of CONNECT. */
  readonly identity: string | null;
  /** Null when it showed none. */
  readonly certificate: ClientCertificate | null;
}

/** Where a peer is, for log lines. */
export function peerText({ address, port }: Peer): string {
  if (address === "local" || address.startsWith("local:")) return address;
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}
