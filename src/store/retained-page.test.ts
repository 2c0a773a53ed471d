import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import {
  deathsKey,
  ENTRY_HEADER,
  entriesOf,
  entryExpiresAt,
  entryPayloadLength,
  entryPropertyLength,
  entryPublisherLength,
  entryQos,
  entrySize,
  entryTopicLength,
  isDeadIn,
  PAGE_BYTES,
  PageBuilder,
  pageKey,
  readPageKey,
  writeDeaths,
  writeEntryHeader,
} from "./retained-page.ts";

const entry = fc.record({
  qos: fc.nat(2),
  topic: fc.uint8Array({ minLength: 1, maxLength: 40 }),
  properties: fc.uint8Array({ maxLength: 20 }),
  payload: fc.uint8Array({ minLength: 1, maxLength: 200 }),
  publisher: fc.uint8Array({ maxLength: 30 }),
  expiresAt: fc.maxSafeNat().map((value) => value % 2 ** 48),
});

type Entry = typeof entry extends fc.Arbitrary<infer T> ? T : never;

function add(builder: PageBuilder, { qos, topic, properties, payload, publisher, expiresAt }: Entry): void {
  const size = ENTRY_HEADER + topic.length + properties.length + payload.length + publisher.length;
  const at = builder.reserve(size);
  writeEntryHeader(
    builder.buffer,
    at,
    qos,
    topic.length,
    publisher.length,
    properties.length,
    payload.length,
    expiresAt,
  );
  Buffer.concat([topic, properties, payload, publisher]).copy(builder.buffer, at + ENTRY_HEADER);
}

describe("a page of retained messages", () => {
  it("gives back what was put in", () => {
    const builder = new PageBuilder();
    fc.assert(
      fc.property(fc.array(entry, { minLength: 1, maxLength: 20 }), (entries) => {
        for (const each of entries) add(builder, each);
        const page = Buffer.from(builder.take());
        assert.equal(builder.isEmpty, true);
        const starts = entriesOf(page);
        assert.equal(starts?.length, entries.length);
        for (const [i, { qos, topic, properties, payload, publisher, expiresAt }] of entries.entries()) {
          const at: number = starts?.[i] ?? 0;
          assert.equal(entryQos(page, at), qos);
          assert.equal(entryExpiresAt(page, at), expiresAt);
          assert.equal(entryTopicLength(page, at), topic.length);
          assert.equal(entryPublisherLength(page, at), publisher.length);
          assert.equal(entryPropertyLength(page, at), properties.length);
          assert.equal(entryPayloadLength(page, at), payload.length);
          const body = page.subarray(at + ENTRY_HEADER, at + entrySize(page, at));
          assert.deepEqual(body, Buffer.concat([topic, properties, payload, publisher]));
        }
      }),
    );
  });

  it("is refused whole when its lengths do not add up, whatever the bytes are", () => {
    fc.assert(
      fc.property(fc.array(entry, { minLength: 1, maxLength: 5 }), fc.nat(), (entries, cut) => {
        const builder = new PageBuilder();
        for (const each of entries) add(builder, each);
        const page = builder.take();
        const starts = entriesOf(page) ?? [];
        const length = cut % page.length;
        const found = entriesOf(page.subarray(0, length));
        if (starts.includes(length)) assert.deepEqual(found, starts.slice(0, starts.indexOf(length)));
        else assert.equal(found, null);
      }),
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const page = Buffer.concat([Buffer.from([1]), bytes]);
        let end = 1;
        for (const start of entriesOf(page) ?? []) end = start + entrySize(page, start);
        assert.ok(end <= page.length);
      }),
    );
    assert.equal(entriesOf(Buffer.alloc(0)), null);
    assert.equal(entriesOf(Buffer.from([2])), null);
  });

  it("is full with 64 KiB; a larger entry has one of its own", () => {
    const builder = new PageBuilder();
    assert.equal(builder.isFullFor(10 * PAGE_BYTES), false);
    builder.reserve(PAGE_BYTES - 1);
    assert.equal(builder.isFullFor(1), true);
    assert.equal(builder.take().length, PAGE_BYTES);
    builder.reserve(3 * PAGE_BYTES);
    assert.equal(builder.isFullFor(1), true);
    assert.equal(builder.take().length, 3 * PAGE_BYTES + 1);
    assert.equal(builder.isFullFor(PAGE_BYTES), false);
  });

  it("has its deaths as bits", () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { maxLength: 100 }), (dead) => {
        const deaths = writeDeaths(dead.length, (index) => dead[index] === true);
        assert.equal(deaths.length, Math.ceil(dead.length / 8));
        for (const [i, each] of dead.entries()) assert.equal(isDeadIn(deaths, i), each);
      }),
    );
  });

  it("is found by mountpoint and number, its deaths first, both in the order of the numbers", () => {
    const mountpoint = fc.string({ maxLength: 8 }).filter((text) => !text.includes("\0"));
    fc.assert(
      fc.property(mountpoint, fc.nat(2 ** 31 - 1), fc.nat(2 ** 31 - 1), (name, a, b) => {
        assert.deepEqual(readPageKey(pageKey(name, a)), { mountpoint: name, number: a, deaths: false });
        assert.deepEqual(readPageKey(deathsKey(name, a)), { mountpoint: name, number: a, deaths: true });
        assert.ok(deathsKey(name, a) < pageKey(name, a));
        if (a < b) assert.ok(pageKey(name, a) < deathsKey(name, b));
      }),
    );
    for (const key of ["", "\0", "a\0topic", "000000000001p", "\x000000000000001p", "\x0000000000000Gp"])
      assert.equal(readPageKey(key), null, key);
  });
});
