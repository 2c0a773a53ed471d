import { BINARY_SIGNATURE, LONGEST_BINARY_HEADER, readBinaryHeader } from "./binary-header.ts";
import { INCOMPLETE, malformed, type ProxyHeader } from "./header.ts";
import { LONGEST_TEXT_HEADER, readTextHeader, TEXT_SIGNATURE } from "./text-header.ts";

/** No header is longer than this many bytes. */
export const LONGEST_HEADER: number = Math.max(LONGEST_BINARY_HEADER, LONGEST_TEXT_HEADER);

/**
 * Reads the header of the PROXY protocol, version 1 or 2, from the first bytes of a connection. As long as it is
 * incomplete, call it again with all bytes that have come so far; bytes that can become no header are found out at once.
 */
export function readProxyHeader(bytes: Buffer): ProxyHeader {
  if (startsLike(bytes, TEXT_SIGNATURE)) {
    return bytes.length < TEXT_SIGNATURE.length ? INCOMPLETE : readTextHeader(bytes);
  }
  if (startsLike(bytes, BINARY_SIGNATURE)) {
    return bytes.length < BINARY_SIGNATURE.length ? INCOMPLETE : readBinaryHeader(bytes);
  }
  return malformed("the connection starts with something else");
}

function startsLike(bytes: Buffer, signature: Buffer): boolean {
  const length = Math.min(bytes.length, signature.length);
  return bytes.compare(signature, 0, length, 0, length) === 0;
}
