import { colonList, wordList } from "../../type/list.ts";
import { integer, numberOr } from "../../type/number.ts";
import { file } from "../../type/path.ts";
import { flag, string } from "../../type/text.ts";
import { attribute } from "./attribute.ts";
import { tlsVersions } from "./attributes.ts";
import type { ListenerKind } from "./kind.ts";

const TLS: readonly ListenerKind[] = ["ssl", "wss", "vmqs", "https"];
const CLIENTS: readonly ListenerKind[] = ["ssl", "wss"];
const PSK: readonly ListenerKind[] = ["ssl"];
const levels = { protocol: TLS, named: TLS, commentedFor: PSK };

/** The attributes of listeners with TLS. */
export const tlsAttributes = {
  cafile: attribute(file, "", {
    ...levels,
    doc: "The certificates of the authorities that may vouch for clients, as a PEM file.",
    inherits: "",
    visibility: "commented",
    example: "./etc/cacerts.pem",
  }),
  certfile: attribute(file, "", {
    ...levels,
    doc: "The listener's certificate, followed by those between it and its authority, as a PEM file.",
    inherits: "",
    visibility: "commented",
    example: "./etc/cert.pem",
  }),
  keyfile: attribute(file, "", {
    ...levels,
    doc: "The key of the certificate, as a PEM file.",
    inherits: "",
    visibility: "commented",
    example: "./etc/key.pem",
  }),
  keypasswd: attribute(string, "", {
    ...levels,
    doc: "The password of the key.",
    inherits: "",
    secret: true,
  }),
  ciphers: attribute(colonList, "", {
    ...levels,
    doc: "The ciphers that may be used, by their OpenSSL names; empty for a safe choice.",
    inherits: "",
    visibility: "commented",
    example: "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384",
  }),
  eccs: attribute(wordList, "", {
    ...levels,
    doc: "The elliptic curves that may be used; empty for all.",
    inherits: "",
    visibility: "commented",
    example: "[secp384r1,secp256r1]",
  }),
  crlfile: attribute(file, "", {
    ...levels,
    doc: "The certificates that have been revoked, as a PEM file.",
    inherits: "",
    visibility: "commented",
    example: "./etc/crl.pem",
  }),
  ocspfile: attribute(file, "", {
    ...levels,
    doc: "What the authority answers about the certificate (OCSP), as a DER file, for clients that ask for it.",
    inherits: "",
  }),
  depth: attribute(integer({ min: 0 }), "1", {
    ...levels,
    doc: "How many certificates may lie between a client's certificate and the authority's.",
  }),
  require_certificate: attribute(flag, "off", {
    ...levels,
    doc: "Refuses clients without a valid certificate.",
    visibility: "commented",
  }),
  tls_version: attribute(tlsVersions, "tlsv1.2", {
    ...levels,
    doc: "The versions of TLS that may be used.",
    visibility: "commented",
    example: "tlsv1.2,tlsv1.3",
  }),
  tls_handshake_timeout: attribute(numberOr(integer({ min: -1 }), { infinity: Infinity }), "5000", {
    ...levels,
    doc: "How long the beginning of a TLS connection may take.",
    unit: "milliseconds",
    inherits: "-1",
  }),
  use_identity_as_username: attribute(flag, "off", {
    doc: "Takes the common name of the client's certificate as its user name.",
    protocol: CLIENTS,
    named: CLIENTS,
    visibility: "commented",
    commentedFor: PSK,
  }),
  psk_support: attribute(flag, "off", {
    doc: "Lets clients in that know a pre-shared key.",
    protocol: PSK,
    named: PSK,
    visibility: "commented",
    commentedFor: PSK,
  }),
  psk_identity_hint: attribute(string, "VMQ_PSK", {
    doc: "The hint for clients by which they choose their key.",
    protocol: PSK,
    named: PSK,
    visibility: "commented",
    commentedFor: PSK,
    inherits: "",
  }),
};
