import { isIPv4 } from "node:net";

/** A field of a header of version 2. */
export type ProxyField = readonly [type: number, value: Uint8Array];

/** The first byte of the TLS field: over TLS, with a certificate in this connection. */
const WITH_CERTIFICATE = 0x03;

/** A header of version 1. */
export function textHeader(source: string, port: number, destination = "127.0.0.1", to = 1883): Buffer {
  return Buffer.from(`PROXY ${isIPv4(source) ? "TCP4" : "TCP6"} ${source} ${destination} ${port} ${to}\r\n`);
}

/** The addresses of a header of version 2 for IPv4. */
export function ipv4Addresses(source: string, port: number): Buffer {
  const ports = Buffer.alloc(4);
  ports.writeUInt16BE(port, 0);
  ports.writeUInt16BE(1883, 2);
  return Buffer.concat([Buffer.from(source.split(".").map(Number)), Buffer.from([127, 0, 0, 1]), ports]);
}

/** A header of version 2; `protocol` is the byte of family and transport. */
export function binaryHeader(
  protocol: number,
  addresses: Uint8Array,
  fields: readonly ProxyField[] = [],
): Buffer {
  return binary(0x21, protocol, Buffer.concat([addresses, ...fields.map(field)]));
}

/** A header of version 2 by which the proxy speaks for itself. */
export function localHeader(): Buffer {
  return binary(0x20, 0, Buffer.alloc(0));
}

/** A header of version 2 with any first bytes behind the signature. */
export function binary(kind: number, protocol: number, rest: Uint8Array): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(rest.length);
  return Buffer.concat([
    Buffer.from("0d0a0d0a000d0a515549540a", "hex"),
    Buffer.from([kind, protocol]),
    length,
    rest,
  ]);
}

/** The TLS field with the common name of a certificate; `verify` 0: the proxy found it to be valid. */
export function tlsField(
  commonName: string | Uint8Array,
  client: number = WITH_CERTIFICATE,
  verify = 0,
): ProxyField {
  const result = Buffer.alloc(4);
  result.writeUInt32BE(verify);
  const version: ProxyField = [0x21, Buffer.from("TLSv1.3")];
  const name: ProxyField = [0x22, Buffer.from(commonName)];
  return [0x20, Buffer.concat([Buffer.from([client]), result, field(version), field(name)])];
}

function field([type, value]: ProxyField): Buffer {
  const head = Buffer.from([type, 0, 0]);
  head.writeUInt16BE(value.length, 1);
  return Buffer.concat([head, value]);
}

/** CRC-32C by its definition, one bit after the other. */
export function slowCrc32c(bytes: Uint8Array): number {
  let value = 0xffff_ffff;
  for (const byte of bytes) {
    value ^= byte;
    for (let bit = 0; bit < 8; bit++) value = (value >>> 1) ^ (value & 1 ? 0x82f6_3b78 : 0);
  }
  return (value ^ 0xffff_ffff) >>> 0;
}
