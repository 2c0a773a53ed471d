import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { Message } from "../mqtt/message.ts";
import { ByteReader } from "./byte-reader.ts";
import { ByteWriter } from "./byte-writer.ts";
import { isSealed, seal } from "./checksum.ts";
import { readHead, writeHead } from "./head.ts";
import {
  keyNumber,
  keySequence,
  queueRange,
  recordKey,
  recordName,
  recordRange,
  referencesKey,
} from "./keys.ts";
import { readReferences, segmentsOf, writeReference } from "./reference-record.ts";
import { BodyReader, beginSegment, endSegment, isSegment, sparseSegment, writeBody } from "./segment.ts";
import { topics } from "./store-test-support.ts";

const u48 = fc.oneof(
  fc.nat({ max: 300 }),
  fc.maxSafeNat().map((value) => value % 2 ** 48),
);
const sequences = fc.uniqueArray(fc.oneof(fc.nat({ max: 2000 }), u48), { maxLength: 50 });

describe("numbers", () => {
  it("come back as they were written, from a writer that grows", () => {
    fc.assert(
      fc.property(
        fc.array(fc.maxSafeNat().map((value) => Math.floor(value / 4))),
        fc.array(fc.maxSafeInteger().map((value) => Math.trunc(value / 8))),
        fc.array(u48),
        (plain, signed, fixed) => {
          const writer = new ByteWriter(16);
          for (let round = 0; round < 2; round++) {
            writer.rewind();
            for (const value of plain) {
              writer.reserve(8);
              writer.varint(value);
            }
            for (const value of signed) {
              writer.reserve(8);
              writer.signedVarint(value);
            }
            for (const value of fixed) {
              writer.reserve(6);
              writer.u48(value);
            }
            const bytes = writer.end();
            const reader = new ByteReader(bytes, 0, bytes.length);
            assert.deepEqual(
              plain.map(() => reader.varint()),
              plain,
            );
            assert.deepEqual(
              signed.map(() => reader.signedVarint() + 0),
              signed.map((value) => value + 0),
            );
            assert.deepEqual(
              fixed.map(() => reader.u48()),
              fixed,
            );
            assert.ok(reader.ok && reader.position === bytes.length);
            reader.u8();
            assert.equal(reader.ok, false);
          }
        },
      ),
    );
  });

  it("leave earlier strings as they are while later ones grow", () => {
    const writer = new ByteWriter(8);
    const parts: Buffer[] = [];
    for (let i = 1; i < 50; i++) {
      const part = Buffer.alloc(i, i);
      writer.reserve(part.length);
      writer.bytes(part, 0, part.length);
      parts.push(writer.end());
    }
    parts.forEach((part, index) => {
      assert.deepEqual(part, Buffer.alloc(index + 1, index + 1));
    });
  });
});

describe("checksums", () => {
  it("find any single flipped bit", () => {
    const writer = new ByteWriter();
    writer.reserve(20);
    writer.bytes(Buffer.from("the quick brown fox"), 0, 19);
    const value = seal(writer);
    assert.equal(isSealed(value), true);
    for (let bit = 0; bit < value.length * 8; bit++) {
      const copy = Buffer.from(value);
      copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      assert.equal(isSealed(copy), false);
    }
    assert.equal(isSealed(Buffer.alloc(3)), false);
  });
});

describe("keys", () => {
  it("sort by queue and sequence, and a seek finds the value that holds a sequence number", () => {
    fc.assert(
      fc.property(u48, u48, u48, (queue, one, two) => {
        const a = referencesKey(queue, one);
        const b = referencesKey(queue, two);
        assert.equal(Math.sign(a.compare(b)), Math.sign(one - two));
        assert.deepEqual([keyNumber(a), keySequence(a)], [queue, one]);
        const range = queueRange(Math.min(queue, 2 ** 48 - 2), one);
        assert.ok(range.gte.compare(range.lt) < 0);
      }),
    );
  });

  it("keep records of a table together", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), (name) => {
        const key = recordKey("retained", name);
        const { gte, lt } = recordRange("retained");
        assert.ok(gte.compare(key) <= 0 && key.compare(lt) < 0);
        assert.equal(recordName(key), name);
      }),
    );
  });
});

describe("heads", () => {
  it("come back as they were written", () => {
    const head = fc.record({
      doneBelow: u48,
      done: sequences,
      released: sequences,
      incoming: fc.array(fc.nat({ max: 65_535 })),
      next: u48,
      sentBelow: u48,
      stored: u48,
    });
    fc.assert(
      fc.property(head, (given) => {
        const value = writeHead(new ByteWriter(16), given);
        assert.deepEqual(readHead(value), { ...given });
        assert.equal(readHead(value.subarray(1)), null);
      }),
    );
  });
});

describe("reference values", () => {
  it("come back as they were written", () => {
    const entry = fc.record({
      step: fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 100_000 })),
      qos: fc.integer({ min: 1, max: 2 }),
      retain: fc.boolean(),
      group: fc.oneof(fc.constant(0), u48),
      identifiers: fc.array(fc.integer({ min: 1, max: 268_435_455 }), { maxLength: 3 }),
      segment: fc.oneof(
        fc.constant(5),
        fc.constant(6),
        u48.filter((value) => value > 0),
      ),
      offset: fc.integer({ min: 7, max: 2 ** 31 }),
    });
    fc.assert(
      fc.property(
        fc.nat({ max: 2 ** 31 }),
        fc.array(entry, { minLength: 1, maxLength: 40 }),
        (first, entries) => {
          const writer = new ByteWriter(32);
          let sequence = first - 1;
          let previousSegment = 0;
          const expected = entries.map(({ step, ...rest }, index) => {
            const previous = sequence;
            sequence += index === 0 ? 1 : step;
            const { qos, retain, group, identifiers, segment, offset } = rest;
            writeReference(
              writer,
              previous,
              previousSegment,
              sequence,
              qos,
              retain,
              group,
              identifiers.length === 0 ? null : identifiers,
              segment,
              offset,
            );
            previousSegment = segment;
            return { sequence, ...rest };
          });
          const read = readReferences(seal(writer));
          assert.deepEqual(
            read?.map((reference) => ({ ...reference })),
            expected,
          );
          assert.deepEqual(segmentsOf(read ?? []), [...new Set(entries.map((each) => each.segment))]);
        },
      ),
    );
    assert.equal(readReferences(Buffer.from("nonsense")), null);
  });
});

describe("segments", () => {
  const body = fc.record({
    topic: fc.constantFrom("a", "a/b", "ü/ß", "long/".repeat(50)),
    qos: fc.nat({ max: 2 }),
    retain: fc.boolean(),
    payload: fc.uint8Array({ maxLength: 300 }),
    properties: fc.uint8Array({ maxLength: 30 }),
    expiresAt: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 2 ** 47 })),
  });

  it("give back every body, and thinned ones those that were kept", () => {
    fc.assert(
      fc.property(
        fc.array(body, { minLength: 1, maxLength: 20 }),
        fc.array(fc.boolean()),
        u48,
        (bodies, keep, number) => {
          const writer = new ByteWriter(64);
          beginSegment(writer, number);
          const offsets = bodies.map((each) => {
            const buffer = Buffer.concat([
              Buffer.from("#"),
              each.properties,
              Buffer.from("--"),
              each.payload,
            ]);
            const end = 1 + each.properties.length;
            return writeBody(
              writer,
              new Message(
                topics.internText(each.topic),
                each.qos,
                each.retain,
                buffer,
                end + 2,
                buffer.length,
                1,
                end,
                each.expiresAt,
                null,
              ),
            );
          });
          const dense = endSegment(writer);
          const kept = offsets.filter((_, index) => keep[index] === true);
          const sparse = sparseSegment(dense, kept);
          const twice = sparseSegment(sparse, kept.slice(1));
          for (const value of [dense, sparse, twice]) {
            assert.ok(isSegment(value, number));
            assert.equal(isSegment(value, number + 1), false);
            const reader = new BodyReader(topics);
            bodies.forEach((each, index) => {
              const offset = offsets[index] ?? 0;
              const read = reader.read(value, number, offset);
              const there =
                value === dense || (kept.includes(offset) && (value === sparse || offset !== kept[0]));
              if (!there) {
                assert.equal(read, null);
                return;
              }
              assert.ok(read !== null);
              assert.equal(read.topic.text, each.topic);
              assert.deepEqual(
                [read.qos, read.retain, read.expiresAt],
                [each.qos, each.retain, each.expiresAt],
              );
              assert.deepEqual(
                new Uint8Array(read.buffer.subarray(read.payloadStart, read.payloadEnd)),
                each.payload,
              );
              assert.deepEqual(
                new Uint8Array(read.buffer.subarray(read.propertyStart, read.propertyEnd)),
                each.properties,
              );
            });
            for (const wrong of [0, 3, value.length, value.length + 100]) {
              if (!offsets.includes(wrong)) assert.equal(reader.read(value, number, wrong), null);
            }
          }
        },
      ),
    );
  });
});
