/** One element of DER: a tag, and where its content lies. */
export interface DerElement {
  readonly tag: number;
  /** Where the element begins, its header included. */
  readonly start: number;
  readonly contentStart: number;
  readonly end: number;
}

/** Tags of the elements that revocation lists are made of. */
export const DerTag = {
  Integer: 0x02,
  BitString: 0x03,
  Sequence: 0x30,
  UtcTime: 0x17,
  GeneralizedTime: 0x18,
};

/** The element at `at`. Throws when there is none that ends before `limit`. */
export function derElement(bytes: Buffer, at: number, limit: number): DerElement {
  const tag = bytes[at];
  const first = bytes[at + 1];
  if (tag === undefined || first === undefined || at + 2 > limit) throw new Error("it is cut short");
  let length = first;
  let contentStart = at + 2;
  if (first >= 0x80) {
    const octets = first - 0x80;
    if (octets === 0 || octets > 4 || contentStart + octets > limit) throw new Error("it has a wrong length");
    length = bytes.readUIntBE(contentStart, octets);
    contentStart += octets;
  }
  const end = contentStart + length;
  if (end > limit) throw new Error("it is cut short");
  return { tag, start: at, contentStart, end };
}

/** The elements within an element. */
export function* derChildren(bytes: Buffer, { contentStart, end }: DerElement): Generator<DerElement> {
  for (let at = contentStart; at < end; ) {
    const child = derElement(bytes, at, end);
    yield child;
    at = child.end;
  }
}

/** A UTCTime or GeneralizedTime as epoch milliseconds. Throws for anything else. */
export function derTime(bytes: Buffer, { tag, contentStart, end }: DerElement): number {
  const text = bytes.toString("latin1", contentStart, end);
  const short = tag === DerTag.UtcTime;
  const parts = /^(\d{2,4})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})Z$/.exec(text);
  const year = parts?.[1] ?? "";
  if (parts === null || year.length !== (short ? 2 : 4)) throw new Error("it has a time of unknown form");
  const [month, day, hour, minute, second] = parts.slice(2).map(Number);
  // [RFC 5280, 4.1.2.5.1]
  const fullYear = short ? Number(year) + (Number(year) < 50 ? 2000 : 1900) : Number(year);
  return Date.UTC(fullYear, (month ?? 1) - 1, day, hour, minute, second);
}
