import { ByteReader } from "./byte-reader.ts";
import type { ByteWriter } from "./byte-writer.ts";
import { CHECKSUM_BYTES, isSealed, seal } from "./checksum.ts";
import type { QueueHead } from "./participant.ts";

/** Longest form of a number. */
const VARINT = 8;

/** The value of a queue's head, sealed. */
export function writeHead(writer: ByteWriter, head: QueueHead): Buffer {
  const { done, released, incoming } = head;
  writer.reserve(VARINT * (7 + done.length + released.length) + 2 * incoming.length);
  writer.varint(head.doneBelow);
  writer.varint(head.next);
  writer.varint(head.sentBelow);
  writer.varint(head.stored);
  writeSequences(writer, head.doneBelow, done);
  writeSequences(writer, head.doneBelow, released);
  writer.varint(incoming.length);
  for (const id of incoming) writer.u16(id);
  return seal(writer);
}

/** The head in a stored value, or null when the value is damaged. */
export function readHead(value: Buffer): QueueHead | null {
  if (!isSealed(value)) return null;
  const reader = new ByteReader(value, 0, value.length - CHECKSUM_BYTES);
  const doneBelow = reader.varint();
  const next = reader.varint();
  const sentBelow = reader.varint();
  const stored = reader.varint();
  const done = readSequences(reader, doneBelow);
  const released = readSequences(reader, doneBelow);
  const incoming: number[] = [];
  for (let count = reader.varint(); count > 0 && reader.ok; count--) incoming.push(reader.u16());
  return reader.ok ? { doneBelow, done, released, incoming, next, sentBelow, stored } : null;
}

function writeSequences(writer: ByteWriter, base: number, sequences: readonly number[]): void {
  writer.varint(sequences.length);
  let previous = base;
  for (const sequence of sequences) {
    writer.signedVarint(sequence - previous);
    previous = sequence;
  }
}

function readSequences(reader: ByteReader, base: number): number[] {
  const sequences: number[] = [];
  let previous = base;
  for (let count = reader.varint(); count > 0 && reader.ok; count--) {
    previous += reader.signedVarint();
    sequences.push(previous);
  }
  return sequences;
}
