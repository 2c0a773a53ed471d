import { isUtf8 } from "node:buffer";
import { crc32cWithHole } from "./crc32c.ts";

/** What the type-length-value fields of a header say that is of use here. */
export interface ProxyValues {
  /** Of a client certificate that the proxy found to be valid. */
  readonly commonName: string | undefined;
  /** Why the header has to be refused. */
  readonly problem: string | undefined;
}

const Type = { Checksum: 0x03, Tls: 0x20 } as const;
const TlsType = { CommonName: 0x22 } as const;
/** Bits of the first byte of the TLS field: the client gave a certificate, in this connection or session. */
const GAVE_CERTIFICATE = 0x06;
/** That byte, and the result of the check of the certificate. */
const TLS_FIXED_LENGTH = 5;

interface Field {
  readonly type: number;
  readonly start: number;
  readonly end: number;
}

/** Reads the fields of a complete header of version 2 from `start` on, and checks its CRC-32C if it has one. */
export function readProxyValues(header: Buffer, start: number): ProxyValues {
  const fields = fieldsOf(header, start, header.length);
  if (fields === undefined) return refused("version 2 has a field that ends behind the header");
  let commonName: string | undefined;
  for (const { type, start: from, end: to } of fields) {
    if (type === Type.Checksum) {
      if (to - from !== 4) return refused("version 2 has a checksum of another length than 4 bytes");
      if (header.readUInt32BE(from) !== crc32cWithHole(header, from, to)) {
        return refused("version 2 has another checksum than it says");
      }
    } else if (type === Type.Tls) {
      if (to - from < TLS_FIXED_LENGTH) return refused("version 2 has a TLS field that is too short");
      const inner = fieldsOf(header, from + TLS_FIXED_LENGTH, to);
      if (inner === undefined) return refused("version 2 has a TLS field that is not well-formed");
      const valid = ((header[from] ?? 0) & GAVE_CERTIFICATE) !== 0 && header.readUInt32BE(from + 1) === 0;
      const name = inner.find((field) => field.type === TlsType.CommonName);
      if (valid && name !== undefined) {
        const text = header.subarray(name.start, name.end);
        if (!isUtf8(text)) return refused("version 2 has a common name that is not UTF-8");
        commonName = text.toString("utf8");
        // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what it looks for.
        if (/[\x00-\x1f\x7f]/.test(commonName))
          return refused("version 2 has a common name with control characters");
      }
    }
  }
  return { commonName: commonName === "" ? undefined : commonName, problem: undefined };
}

function refused(problem: string): ProxyValues {
  return { commonName: undefined, problem };
}

function fieldsOf(header: Buffer, start: number, end: number): readonly Field[] | undefined {
  const fields: Field[] = [];
  let at = start;
  while (at < end) {
    if (at + 3 > end) return undefined;
    const from = at + 3;
    const to = from + header.readUInt16BE(at + 1);
    if (to > end) return undefined;
    fields.push({ type: header[at] ?? 0, start: from, end: to });
    at = to;
  }
  return fields;
}
