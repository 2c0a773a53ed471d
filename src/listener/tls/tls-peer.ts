import type { X509Certificate } from "node:crypto";
import type { TLSSocket } from "node:tls";
import type { ClientCertificate, Peer } from "../../session/peer.ts";

/** The peer of a TLS connection: who it is says its certificate or pre-shared key. */
export class TlsPeer implements Peer {
  readonly address: string;
  readonly port: number;
  readonly identity: string | null;
  readonly certificate: ClientCertificate | null;

  /** `place` tells where it is; it is asked now, since a closed socket does not know any more. */
  constructor(place: Peer, identity: string | null, certificate: ClientCertificate | null) {
    this.address = place.address;
    this.port = place.port;
    this.identity = identity;
    this.certificate = certificate;
  }
}

/** The certificate of a connected client; its bytes are asked for when they are read. */
export class ConnectedCertificate implements ClientCertificate {
  readonly commonName: string | null;
  readonly #socket: TLSSocket;

  constructor(socket: TLSSocket, commonName: string | null) {
    this.#socket = socket;
    this.commonName = commonName;
  }

  get der(): Buffer | null {
    return this.#socket.getPeerX509Certificate()?.raw ?? null;
  }
}

/** The first common name of a certificate's subject. */
export function commonNameOf(certificate: X509Certificate): string | null {
  const names: unknown = certificate.toLegacyObject().subject.CN;
  const first: unknown = Array.isArray(names) ? names[0] : names;
  return typeof first === "string" && first !== "" ? first : null;
}
