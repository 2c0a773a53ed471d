import { isIPv4, isIPv6 } from "node:net";
import { INCOMPLETE, malformed, type ProxyHeader } from "./header.ts";

/** How every header of version 1 starts. */
export const TEXT_SIGNATURE: Buffer = Buffer.from("PROXY ");
/** The longest header of version 1, its end included. */
export const LONGEST_TEXT_HEADER = 107;

const LINE_FEED = 0x0a;

/** Reads a header of version 1, one line of text; the bytes start with its signature. */
export function readTextHeader(bytes: Buffer): ProxyHeader {
  const end = bytes.subarray(0, LONGEST_TEXT_HEADER).indexOf(LINE_FEED);
  if (end === -1) {
    return bytes.length < LONGEST_TEXT_HEADER
      ? INCOMPLETE
      : malformed(`version 1 without an end within ${LONGEST_TEXT_HEADER} bytes`);
  }
  const length = end + 1;
  const line = bytes.toString("latin1", 0, end);
  if (!line.endsWith("\r")) return malformed("version 1 does not end with CR LF");
  const words = line.slice(TEXT_SIGNATURE.length, -1).split(" ");
  // What follows UNKNOWN must be ignored.
  if (words[0] === "UNKNOWN") return { kind: "header", length, source: null };
  const [family, address = "", , sourcePort = ""] = words;
  if (words.length !== 5) return malformed("version 1 has not the six words it needs");
  const isAddress = family === "TCP4" ? isIPv4 : family === "TCP6" ? isIPv6Text : undefined;
  if (isAddress === undefined) return malformed("version 1 is neither of TCP4 nor TCP6 nor UNKNOWN");
  if (!isAddress(address) || !isAddress(words[2] ?? ""))
    return malformed(`version 1 has no ${family} address`);
  const port = portOf(sourcePort);
  if (port === undefined || portOf(words[4] ?? "") === undefined) return malformed("version 1 has no port");
  return { kind: "header", length, source: { address, port, commonName: undefined } };
}

/** Without a zone, which says nothing on another machine. */
function isIPv6Text(text: string): boolean {
  return isIPv6(text) && !text.includes("%");
}

function portOf(text: string): number | undefined {
  if (!/^(0|[1-9][0-9]{0,4})$/.test(text)) return undefined;
  const port = Number(text);
  return port <= 65_535 ? port : undefined;
}
