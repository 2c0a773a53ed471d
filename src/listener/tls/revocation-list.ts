import { type DerElement, DerTag, derChildren, derElement, derTime } from "./der.ts";

/** What is known about a list of revoked certificates. The runtime checks its signature and its entries. */
export interface RevocationList {
  /** The issuer's name, DER as hexadecimal digits. */
  readonly issuer: string;
  /** The issuer's common name, or what is readable of its name. */
  readonly issuerName: string;
  /** Epoch milliseconds after which the list counts as outdated; Infinity when it does not say. */
  readonly nextUpdate: number;
  /** How many certificates it revokes. */
  readonly entries: number;
}

/** Reads the bytes of a certificate revocation list [RFC 5280, 5.1]. Throws with the reason when they are none. */
export function readRevocationList(bytes: Buffer): RevocationList {
  const list = derElement(bytes, 0, bytes.length);
  if (list.tag !== DerTag.Sequence) throw new Error("it is no sequence");
  const signed = derElement(bytes, list.contentStart, list.end);
  const fields = [...derChildren(bytes, signed)];
  // The version may be left out.
  const offset = fields[0]?.tag === DerTag.Integer ? 1 : 0;
  const [, issuer, thisUpdate, ...rest] = fields.slice(offset);
  if (issuer?.tag !== DerTag.Sequence || thisUpdate === undefined) throw new Error("it has no issuer");
  derTime(bytes, thisUpdate);
  const next = rest[0];
  const dated = next !== undefined && isTime(next);
  const revoked = rest[dated ? 1 : 0];
  return {
    issuer: bytes.toString("hex", issuer.start, issuer.end),
    issuerName: nameText(bytes, issuer),
    nextUpdate: dated ? derTime(bytes, next) : Infinity,
    entries: revoked?.tag === DerTag.Sequence ? [...derChildren(bytes, revoked)].length : 0,
  };
}

function isTime({ tag }: DerElement): boolean {
  return tag === DerTag.UtcTime || tag === DerTag.GeneralizedTime;
}

/** The last part of a name, which usually is its common name. */
function nameText(bytes: Buffer, name: DerElement): string {
  let text = "";
  for (const set of derChildren(bytes, name)) {
    for (const pair of derChildren(bytes, set)) {
      const value = [...derChildren(bytes, pair)][1];
      if (value !== undefined) text = bytes.toString("utf8", value.contentStart, value.end);
    }
  }
  return text;
}
