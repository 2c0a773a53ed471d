import { ByteReader } from "./byte-reader.ts";
import type { ByteWriter } from "./byte-writer.ts";
import { CHECKSUM_BYTES, isSealed } from "./checksum.ts";

/*
 * The references that one commit made for one queue: the first sequence number, then per entry
 * flags (1), step from the previous sequence number (varint, absent for 1), segment (6, absent if the same as before),
 * offset (varint), group (6, if flagged), identifiers (count and each as varint, if flagged); then the checksum.
 */
const FLAG_QOS2 = 0x01;
const FLAG_RETAIN = 0x02;
const FLAG_STEP = 0x04;
const FLAG_SEGMENT = 0x08;
const FLAG_GROUP = 0x10;
const FLAG_IDENTIFIERS = 0x20;
/** Longest entry without identifiers. */
const ENTRY_BYTES = 32;

const NO_IDENTIFIERS: readonly number[] = Object.freeze([]);

/** One reference as it stands in a value. */
export class Reference {
  readonly sequence: number;
  readonly qos: number;
  readonly retain: boolean;
  readonly group: number;
  readonly identifiers: readonly number[];
  readonly segment: number;
  readonly offset: number;

  constructor(
    sequence: number,
    qos: number,
    retain: boolean,
    group: number,
    identifiers: readonly number[],
    segment: number,
    offset: number,
  ) {
    this.sequence = sequence;
    this.qos = qos;
    this.retain = retain;
    this.group = group;
    this.identifiers = identifiers;
    this.segment = segment;
    this.offset = offset;
  }
}

/** Adds one entry to the value being built; the first one (`previousSegment` 0) starts it. */
export function writeReference(
  writer: ByteWriter,
  previous: number,
  previousSegment: number,
  sequence: number,
  qos: number,
  retain: boolean,
  group: number,
  identifiers: readonly number[] | null,
  segment: number,
  offset: number,
): void {
  const count = identifiers === null ? 0 : identifiers.length;
  writer.reserve(ENTRY_BYTES + count * 8);
  const first = previousSegment === 0;
  if (first) writer.u48(sequence);
  const step = first ? 1 : sequence - previous;
  writer.u8(
    (qos === 2 ? FLAG_QOS2 : 0) |
      (retain ? FLAG_RETAIN : 0) |
      (step === 1 ? 0 : FLAG_STEP) |
      (segment === previousSegment ? 0 : FLAG_SEGMENT) |
      (group === 0 ? 0 : FLAG_GROUP) |
      (count === 0 ? 0 : FLAG_IDENTIFIERS),
  );
  if (step !== 1) writer.varint(step);
  if (segment !== previousSegment) writer.u48(segment);
  writer.varint(offset);
  if (group !== 0) writer.u48(group);
  if (identifiers !== null && count > 0) {
    writer.varint(count);
    for (const identifier of identifiers) writer.varint(identifier);
  }
}

/** The references in a stored value, in order; null when it is damaged. */
export function readReferences(value: Buffer): Reference[] | null {
  if (!isSealed(value)) return null;
  const reader = new ByteReader(value, 0, value.length - CHECKSUM_BYTES);
  const references: Reference[] = [];
  let sequence = reader.u48() - 1;
  let segment = 0;
  while (reader.position < reader.end) {
    const flags = reader.u8();
    sequence += (flags & FLAG_STEP) === 0 ? 1 : reader.varint();
    if ((flags & FLAG_SEGMENT) !== 0) segment = reader.u48();
    const offset = reader.varint();
    const group = (flags & FLAG_GROUP) === 0 ? 0 : reader.u48();
    let identifiers = NO_IDENTIFIERS;
    if ((flags & FLAG_IDENTIFIERS) !== 0) {
      const list: number[] = [];
      for (let count = reader.varint(); count > 0 && reader.ok; count--) list.push(reader.varint());
      identifiers = list;
    }
    if (!reader.ok) return null;
    references.push(
      new Reference(
        sequence,
        (flags & FLAG_QOS2) === 0 ? 1 : 2,
        (flags & FLAG_RETAIN) !== 0,
        group,
        identifiers,
        segment,
        offset,
      ),
    );
  }
  return references;
}

/** The segments that references point to, each once, in order of their first use. */
export function segmentsOf(references: readonly Reference[]): number[] {
  const segments: number[] = [];
  let previous = 0;
  for (const { segment } of references) {
    if (segment !== previous && !segments.includes(segment)) segments.push(segment);
    previous = segment;
  }
  return segments;
}
