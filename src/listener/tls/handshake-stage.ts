import type { X509Certificate } from "node:crypto";
import type { Socket } from "node:net";
import { type PSKCallbackNegotation, TLSSocket } from "node:tls";
import type { ListenerConfiguration } from "../../config/listeners.ts";
import type { Counters } from "../../metrics/counters.ts";
import { Metric } from "../../metrics/metric.ts";
import type { Arrival } from "../arrival.ts";
import type { IntakeStage } from "../intake-stage.ts";
import { certificateRefusal, handshakeFailure, noTls } from "./handshake-failure.ts";
import type { TlsMaterial } from "./material.ts";
import { ServerTls, type TlsServices } from "./server-tls.ts";
import { releaseControl, verifyError } from "./tls-handle.ts";
import { ConnectedCertificate, commonNameOf, TlsPeer } from "./tls-peer.ts";

/** A handshake under way. */
interface Handshake {
  readonly stage: HandshakeStage;
  readonly arrival: Arrival;
  readonly material: TlsMaterial;
  /** The identity of the pre-shared key that was found. */
  pskIdentity: string | null;
}

/**
 * Sockets, both the accepted one and that of TLS, find their handshake here, so that listeners are shared functions
 * instead of closures.
 */
const handshakes = new WeakMap<Socket, Handshake>();

/**
 * The TLS handshake. The first bytes are looked at before anything is set up: so a peer that sends nothing costs no
 * more than its socket, and one that does not speak TLS is told so in the log.
 */
export class HandshakeStage implements IntakeStage {
  readonly missing = "no TLS handshake";
  readonly deadline: number;
  readonly tls: ServerTls;
  readonly #protocols: Uint8Array;
  readonly #counters: Counters;

  /** `protocols` are those that clients may choose by ALPN; those who do not ask get the first. */
  constructor(tls: ServerTls, protocols: readonly string[], counters: Counters) {
    this.tls = tls;
    this.deadline = tls.configuration.handshakeTimeoutMilliseconds;
    this.#counters = counters;
    this.#protocols = Buffer.concat(
      protocols.map((name) => Buffer.from([name.length, ...Buffer.from(name)])),
    );
  }

  open(): Promise<void> {
    return this.tls.open();
  }

  close(): void {
    this.tls.close();
  }

  begin(arrival: Arrival): void {
    arrival.startReading((chunk, start, end) => {
      const first = chunk[start];
      if (first === undefined) return;
      arrival.stopReading(chunk.subarray(start, end));
      const refusal = noTls(first);
      if (refusal === null) this.#shake(arrival);
      else this.failed(arrival, refusal);
    });
  }

  /** Ends a connection, with the reason for the log. */
  failed(arrival: Arrival, reason: string): void {
    if (arrival.over) return;
    this.#counters.increment(Metric.tls_handshake_failed);
    arrival.refuse(`TLS handshake failed: ${reason}`);
  }

  /** The handshake is through. What OpenSSL does not judge is judged here. */
  done(socket: TLSSocket, { arrival, material, pskIdentity }: Handshake): void {
    const { requireCertificate, useIdentityAsUsername } = this.tls.configuration;
    const certificate = socket.getPeerX509Certificate();
    if (certificate === undefined) {
      // A session without certificate can be resumed, but it is one without certificate all the same.
      if (requireCertificate && pskIdentity === null) {
        this.failed(arrival, "the client has no certificate, and require_certificate is on");
        return;
      }
    } else {
      const refusal = this.#judge(socket, certificate, material);
      if (refusal !== null) {
        this.failed(arrival, refusal);
        return;
      }
    }
    releaseControl(socket);
    this.#counters.increment(Metric.tls_handshake_ok);
    if (pskIdentity === null && socket.isSessionReused())
      this.#counters.increment(Metric.tls_handshake_resumed);
    const name = certificate === undefined ? null : commonNameOf(certificate);
    arrival.peer = new TlsPeer(
      arrival.peer,
      (useIdentityAsUsername ? (name ?? pskIdentity) : null) ?? arrival.peer.identity,
      certificate === undefined ? arrival.peer.certificate : new ConnectedCertificate(socket, name),
    );
    arrival.wrap(socket);
    arrival.advance();
  }

  #shake(arrival: Arrival): void {
    const { material, configuration } = this.tls;
    const { requireCertificate, useIdentityAsUsername, caFile, pskIdentityHint } = configuration;
    const { preSharedKeys, serverNames, stapling } = material;
    const accepted = arrival.socket;
    arrival.peer = new TlsPeer(arrival.peer, arrival.peer.identity, arrival.peer.certificate);
    const requestCert = caFile !== "" && (requireCertificate || useIdentityAsUsername);
    const socket = new TLSSocket(accepted, {
      isServer: true,
      secureContext: material.context,
      requestCert,
      // With pre-shared keys a client may come without a certificate: `done` judges that.
      rejectUnauthorized: requestCert && requireCertificate && preSharedKeys === null,
      ALPNProtocols: this.#protocols,
      ...(serverNames.size === 0
        ? {}
        : { SNICallback: (name, answer) => answer(null, serverNames.find(name)) }),
      ...(stapling === null ? {} : { server: stapling }),
      ...(preSharedKeys === null ? {} : { pskCallback: findKey, pskIdentityHint }),
    });
    const handshake = { stage: this, arrival, material, pskIdentity: null };
    handshakes.set(socket, handshake);
    handshakes.set(accepted, handshake);
    socket.on("secure", onSecure);
    socket.on("error", onError);
    // Before the arrival hears of it, which would take it for a peer that has just gone.
    accepted.prependListener("close", onClose);
  }

  /** Why a certificate is not accepted; null when it is. */
  #judge(socket: TLSSocket, certificate: X509Certificate, { authorities }: TlsMaterial): string | null {
    const error = verifyError(socket);
    const name = commonNameOf(certificate);
    if (error !== null) return certificateRefusal(error, name);
    const { depth, useIdentityAsUsername } = this.tls.configuration;
    if (socket.isSessionReused()) {
      // Nothing of the certificate is verified anew, and its chain is not at hand.
      if (Date.parse(certificate.validTo) < Date.now()) return certificateRefusal("CERT_HAS_EXPIRED", name);
    } else {
      if (certificate.checkIssued(certificate))
        return certificateRefusal("DEPTH_ZERO_SELF_SIGNED_CERT", name);
      const between = authorities?.between(certificate) ?? 0;
      if (between > depth)
        return `${certificateRefusal("CERT_CHAIN_TOO_LONG", name)}: ${between} certificates between it and the authority, and depth is ${depth}`;
    }
    return useIdentityAsUsername && name === null
      ? "the client's certificate has no common name, which use_identity_as_username would take"
      : null;
  }
}

function onSecure(this: TLSSocket): void {
  const handshake = handshakes.get(this);
  if (handshake === undefined) return;
  const accepted = handshake.arrival.socket;
  handshakes.delete(this);
  handshakes.delete(accepted);
  accepted.off("close", onClose);
  this.off("secure", onSecure);
  this.off("error", onError);
  try {
    handshake.stage.done(this, handshake);
  } catch (error) {
    handshake.stage.failed(handshake.arrival, error instanceof Error ? error.message : String(error));
    this.destroy();
  }
}

function onError(this: TLSSocket, error: Error): void {
  const handshake = handshakes.get(this);
  handshake?.stage.failed(handshake.arrival, handshakeFailure(error));
}

function onClose(this: Socket): void {
  const handshake = handshakes.get(this);
  handshake?.stage.failed(handshake.arrival, "the client has closed the connection");
}

function findKey(socket: TLSSocket, identity: string): PSKCallbackNegotation | null {
  const handshake = handshakes.get(socket);
  const psk = handshake?.material.preSharedKeys?.get(identity);
  if (handshake === undefined || psk === undefined) return null;
  handshake.pskIdentity = identity;
  return { psk, identity };
}

/** The TLS stage of a listener. `protocols` are those that clients may choose by ALPN. */
export function tlsStage(
  { kind, name, tls }: ListenerConfiguration,
  services: TlsServices & { readonly counters: Counters },
  protocols: readonly string[],
): HandshakeStage {
  return new HandshakeStage(
    new ServerTls(`listener.${kind}.${name}`, tls, services),
    protocols,
    services.counters,
  );
}
