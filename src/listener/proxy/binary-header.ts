import { INCOMPLETE, malformed, type ProxiedSource, type ProxyHeader } from "./header.ts";
import { readProxyValues } from "./values.ts";

/** How every header of version 2 starts. */
export const BINARY_SIGNATURE: Buffer = Buffer.from("\r\n\r\n\0\r\nQUIT\n", "latin1");
/** Signature, version and command, family and transport, length of what follows. */
const FIXED_LENGTH = 16;
/** Room for the addresses, a client certificate and what else proxies tell; the format would allow 64 KiB. */
export const LONGEST_BINARY_HEADER = 8_192;

const Command = { Local: 0, Proxy: 1 } as const;
const Family = { Unspecified: 0, Ipv4: 1, Ipv6: 2, Unix: 3 } as const;
const LARGEST_TRANSPORT = 2;
/** TCP, or a Unix stream. */
const STREAM = 1;

/** Bytes of the addresses and ports of both ends, by family. */
const ADDRESS_LENGTHS = [0, 12, 36, 216];
const UNIX_PATH_LENGTH = 108;

/** Reads a header of version 2; the bytes start with its signature. */
export function readBinaryHeader(bytes: Buffer): ProxyHeader {
  const kind = bytes[12];
  const protocol = bytes[13];
  if (kind === undefined) return INCOMPLETE;
  if (kind >> 4 !== 2) return malformed(`version ${kind >> 4} in the format of version 2`);
  const command = kind & 0x0f;
  if (command > Command.Proxy) return malformed(`version 2 with the unknown command ${command}`);
  if (protocol === undefined || bytes.length < FIXED_LENGTH) return INCOMPLETE;
  const length = FIXED_LENGTH + bytes.readUInt16BE(14);
  if (length > LONGEST_BINARY_HEADER) {
    return malformed(`version 2 of ${length} bytes, more than ${LONGEST_BINARY_HEADER}`);
  }
  if (bytes.length < length) return INCOMPLETE;
  const header = bytes.subarray(0, length);
  // The proxy's own connection, for a health check: the rest must be ignored.
  if (command === Command.Local) return { kind: "header", length, source: null };
  return readProxied(header, protocol >> 4, protocol & 0x0f);
}

function readProxied(header: Buffer, family: number, transport: number): ProxyHeader {
  const { length } = header;
  const addressLength = ADDRESS_LENGTHS[family];
  if (addressLength === undefined || transport > LARGEST_TRANSPORT) {
    return malformed(`version 2 with the unknown family ${family} and transport ${transport}`);
  }
  if (length < FIXED_LENGTH + addressLength) return malformed("version 2 is too short for its addresses");
  const values = readProxyValues(header, FIXED_LENGTH + addressLength);
  if (values.problem !== undefined) return malformed(values.problem);
  const addresses = header.subarray(FIXED_LENGTH, FIXED_LENGTH + addressLength);
  const source = transport === STREAM ? sourceOf(family, addresses, values.commonName) : null;
  return { kind: "header", length, source };
}

function sourceOf(family: number, addresses: Buffer, commonName: string | undefined): ProxiedSource | null {
  switch (family) {
    case Family.Ipv4:
      return { address: addresses.subarray(0, 4).join("."), port: addresses.readUInt16BE(8), commonName };
    case Family.Ipv6:
      return { address: ipv6Text(addresses), port: addresses.readUInt16BE(32), commonName };
    case Family.Unix:
      return { address: `local:${unixPath(addresses)}`, port: 0, commonName };
    default:
      return null;
  }
}

/** As RFC 5952 wants it: the longest run of zeros left out, an IPv4 address within shown as one. */
function ipv6Text(addresses: Buffer): string {
  const groups = Array.from({ length: 8 }, (_, i) => addresses.readUInt16BE(i * 2));
  if (groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff) {
    return `::ffff:${addresses.subarray(12, 16).join(".")}`;
  }
  return new URL(`http://[${groups.map((group) => group.toString(16)).join(":")}]/`).hostname.slice(1, -1);
}

function unixPath(addresses: Buffer): string {
  const path = addresses.subarray(0, UNIX_PATH_LENGTH);
  const end = path.indexOf(0);
  // No control characters: the path is the proxy's word, and goes to logs.
  return path.toString("latin1", 0, end === -1 ? path.length : end).replace(/[^\x20-\x7e]/g, "?");
}
