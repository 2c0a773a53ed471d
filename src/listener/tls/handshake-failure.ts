/** What the certificate of a client is refused for, by OpenSSL's codes. */
const VERDICTS: ReadonlyMap<string, string> = new Map([
  ["CERT_HAS_EXPIRED", "has expired"],
  ["CERT_NOT_YET_VALID", "is not valid yet"],
  ["CERT_REVOKED", "has been revoked"],
  [
    "CRL_HAS_EXPIRED",
    "cannot be judged: the list of revoked certificates of its authority is outdated (crlfile)",
  ],
  ["CRL_NOT_YET_VALID", "cannot be judged: the list of revoked certificates is not valid yet (crlfile)"],
  [
    "UNABLE_TO_GET_CRL",
    "cannot be judged: the crlfile has no list of its authority, or of one between it and the root",
  ],
  ["UNABLE_TO_GET_ISSUER_CERT", "comes from an authority that is not in the cafile"],
  ["UNABLE_TO_GET_ISSUER_CERT_LOCALLY", "comes from an authority that is not in the cafile"],
  ["UNABLE_TO_VERIFY_LEAF_SIGNATURE", "comes from an authority that is not in the cafile"],
  ["SELF_SIGNED_CERT_IN_CHAIN", "comes from an authority that is not in the cafile"],
  ["DEPTH_ZERO_SELF_SIGNED_CERT", "is signed by itself"],
  ["INVALID_PURPOSE", "is not meant for clients (extended key usage)"],
  ["INVALID_CA", "was issued by a certificate that is no authority"],
  ["CERT_SIGNATURE_FAILURE", "has a wrong signature"],
  ["CERT_CHAIN_TOO_LONG", "has too long a chain"],
  ["PATH_LENGTH_EXCEEDED", "has a longer chain than its authority allows"],
]);

/** Failures of a handshake, by the runtime's codes. */
const FAILURES: ReadonlyMap<string, string> = new Map([
  [
    "ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE",
    "the client has no certificate, and require_certificate is on",
  ],
  ["ERR_SSL_UNSUPPORTED_PROTOCOL", "the client offers none of the versions in tls_version"],
  ["ERR_SSL_VERSION_TOO_LOW", "the client offers none of the versions in tls_version"],
  ["ERR_SSL_NO_SHARED_CIPHER", "client and listener have no cipher in common, or the certificate fits none"],
  ["ERR_SSL_NO_SUITABLE_KEY_SHARE", "client and listener have no elliptic curve in common"],
  ["ERR_SSL_NO_SUITABLE_GROUPS", "client and listener have no elliptic curve in common"],
  ["ERR_SSL_NO_SHARED_GROUPS", "client and listener have no elliptic curve in common"],
  [
    "ERR_SSL_NO_SUITABLE_SIGNATURE_ALGORITHM",
    "the client accepts no signature that the certificate can make",
  ],
  ["ERR_SSL_NO_APPLICATION_PROTOCOL", "the client offers other protocols only (ALPN)"],
  ["ERR_SSL_NO_PROTOCOLS_AVAILABLE", "no version of TLS is left to use"],
  ["ERR_SSL_WRONG_VERSION_NUMBER", "what came is not TLS, or of a version that the TLS library has not"],
  ["ERR_SSL_PSK_IDENTITY_NOT_FOUND", "the pre-shared key's identity is not in the pskfile"],
  ["ERR_SSL_BINDER_DOES_NOT_VERIFY", "the client's pre-shared key is another than in the pskfile"],
  [
    "ERR_SSL_DECRYPTION_FAILED_OR_BAD_RECORD_MAC",
    "a record cannot be decrypted (a wrong pre-shared key looks like this)",
  ],
  ["ERR_SSL_TLSV1_ALERT_UNKNOWN_CA", "the client does not know the authority of the listener's certificate"],
  [
    "ERR_SSL_SSL/TLS_ALERT_UNKNOWN_CA",
    "the client does not know the authority of the listener's certificate",
  ],
  [
    "ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE",
    "the client does not accept the listener's certificate (a wrong host name, often)",
  ],
  [
    "ERR_SSL_SSL/TLS_ALERT_BAD_CERTIFICATE",
    "the client does not accept the listener's certificate (a wrong host name, often)",
  ],
  ["ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED", "the client says that the listener's certificate has expired"],
  [
    "ERR_SSL_SSL/TLS_ALERT_CERTIFICATE_EXPIRED",
    "the client says that the listener's certificate has expired",
  ],
  ["ERR_SSL_SSLV3_ALERT_CERTIFICATE_UNKNOWN", "the client does not accept the listener's certificate"],
  ["ERR_SSL_SSL/TLS_ALERT_CERTIFICATE_UNKNOWN", "the client does not accept the listener's certificate"],
  ["ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION", "the client accepts none of the versions in tls_version"],
  ["ERR_SSL_TLSV1_ALERT_DECRYPT_ERROR", "the client could not verify the handshake"],
  ["ECONNRESET", "the client has cut the connection"],
  ["EPIPE", "the client has cut the connection"],
]);

/** Why a client's certificate is not accepted: `the client's certificate CN has expired`. */
export function certificateRefusal(code: string, name: string | null): string {
  const which = name === null ? "the client's certificate" : `the client's certificate ${name}`;
  return `${which} ${VERDICTS.get(code) ?? `is not accepted (${code})`}`;
}

/** Why a handshake has failed, from the error of the runtime. */
export function handshakeFailure(error: Error): string {
  const code = "code" in error ? String(error.code) : "";
  const known = FAILURES.get(code);
  if (known !== undefined) return known;
  const text = /^[0-9A-F]+:error:[0-9A-F]+:[^:]*:[^:]*:([^:]+)/.exec(error.message)?.[1];
  return (text ?? error.message).trim();
}

const MQTT_CONNECT = 0x10;
const TLS_HANDSHAKE = 0x16;
/** The first length byte of an SSL 2.0 hello: what very old clients begin with. */
const SSL2_HELLO = 0x80;

/** Why something that begins like this is no TLS; null when it may be. */
export function noTls(first: number): string | null {
  if (first === TLS_HANDSHAKE) return null;
  if (first === MQTT_CONNECT) return "this is MQTT without TLS; the port is one for TLS";
  if (first >= 0x41 && first <= 0x5a) return "this looks like HTTP without TLS; the port is one for TLS";
  if (first === SSL2_HELLO) return "this looks like SSL 2.0, which nobody should use";
  return `this is not TLS: the first byte is 0x${first.toString(16).padStart(2, "0")}`;
}
