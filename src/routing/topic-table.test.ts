import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { Topic } from "../mqtt/topic.ts";
import { TopicTable } from "./topic-table.ts";

function intern(table: TopicTable, text: string | Buffer): Topic {
  const bytes = Buffer.concat([Buffer.from("xx"), Buffer.from(text), Buffer.from("yy")]);
  const topic = table.intern(bytes, 2, bytes.length - 2);
  assert.ok(topic instanceof Topic, `refused: ${String(topic)}`);
  return topic;
}

function refusal(table: TopicTable, text: string | Buffer): unknown {
  const bytes = Buffer.from(text);
  return table.intern(bytes, 0, bytes.length);
}

describe("TopicTable", () => {
  it("gives one object per name, also from text", () => {
    const table = new TopicTable();
    const topic = intern(table, "a/ü/c");
    assert.equal(intern(table, "a/ü/c"), topic);
    assert.equal(table.internText("a/ü/c"), topic);
    assert.equal(table.lookUp(Buffer.from("a/ü/c"), 0, 6), topic);
    assert.notEqual(intern(table, "a/ü/d"), topic);
    assert.equal(topic.text, "a/ü/c");
    assert.deepEqual(topic.bytes, Buffer.from("a/ü/c"));
    assert.equal(topic.depth, 3);
    assert.equal(table.count, 2);
  });

  for (const [pattern, count] of [
    ["bench/p2p/N  ", 50],
    ["N/a", 200],
    ["site/N/temperature", 20_000],
    ["device-N", 20_000],
  ] as const) {
    it(`holds ${count} names like ${pattern} without losing any`, () => {
      const table = new TopicTable({ seed: 42 });
      const names = Array.from({ length: count }, (_, i) => pattern.replace("N", String(i)));
      const topics = names.map((name) => {
        intern(table, name);
        return intern(table, name);
      });
      assert.equal(table.count, count);
      for (const [i, name] of names.entries()) assert.equal(intern(table, name), topics[i]);
    });
  }

  it("does not keep the buffer it was given", () => {
    const table = new TopicTable();
    const bytes = Buffer.from("one/two");
    const topic = table.intern(bytes, 0, bytes.length);
    bytes.fill(0x7a);
    assert.equal(intern(table, "one/two"), topic);
    assert.equal(intern(table, "zzzzzzz").text, "zzzzzzz");
  });

  it("refuses what is no topic name, each with its reason", () => {
    const table = new TopicTable({ maximumDepth: 3 });
    assert.equal(refusal(table, ""), "empty");
    assert.equal(refusal(table, "a/+/b"), "wildcard");
    assert.equal(refusal(table, "#"), "wildcard");
    assert.equal(refusal(table, "a\0b"), "encoding");
    assert.equal(refusal(table, Buffer.from([0x61, 0xc0, 0x80])), "encoding");
    assert.equal(refusal(table, Buffer.from([0xed, 0xa0, 0x80])), "encoding");
    assert.equal(refusal(table, "a/b/c/d"), "depth");
    assert.equal(refusal(table, Buffer.alloc(65_536, 0x61)), "too-long");
    assert.equal(table.count, 0);
    assert.equal(intern(table, Buffer.alloc(65_535, 0x61)).bytes.length, 65_535);
    assert.equal(intern(table, "a/b/c").depth, 3);
  });

  it("takes stored names whatever the limit on levels is now, and throws for what is no name", () => {
    const table = new TopicTable({ maximumDepth: 2 });
    assert.equal(table.internText("a/b/c/d").depth, 4);
    assert.throws(() => table.internText("a/#"), RangeError);
    assert.throws(() => table.internText(""), RangeError);
  });

  it("stays bounded and keeps the names in use", () => {
    const table = new TopicTable({ entries: 1000 });
    const used = intern(table, "in/use");
    for (let i = 0; i < 20_000; i++) {
      intern(table, `other/${i}`);
      if (i % 100 === 0) assert.equal(intern(table, "in/use"), used);
      assert.ok(table.count <= 2000);
    }
  });

  it("is bounded in bytes too", () => {
    const table = new TopicTable({ bytes: 1_000_000 });
    for (let i = 0; i < 400; i++) intern(table, `${i >> 1}/${"x".repeat(60_000)}`);
    assert.ok(table.bytes < 2_600_000, `${table.bytes} bytes`);
    assert.ok(table.bytes > 1_000_000, `${table.bytes} bytes`);
  });

  it("does not keep names that come once where there are many, but those that come again", () => {
    const table = new TopicTable({ entries: 1600 });
    for (let i = 0; i < 50_000; i++) assert.equal(intern(table, `once/${i}`).text, `once/${i}`);
    assert.ok(table.count < 200, `${table.count}`);
    const again = Array.from({ length: 1000 }, (_, i) => `again/${i}`);
    const topics = again.map((name) => {
      intern(table, name);
      return intern(table, name);
    });
    for (const [i, name] of again.entries()) assert.equal(intern(table, name), topics[i]);
  });

  it("does not let a long read push out names", () => {
    const table = new TopicTable({ entries: 100 });
    for (let i = 0; i < 100; i++) intern(table, `mine/${i}`);
    const first = intern(table, "mine/0");
    for (let i = 0; i < 10_000; i++) {
      const bytes = Buffer.from(`read/${i}`);
      const topic = table.lookUp(bytes, 0, bytes.length);
      assert.equal(topic.text, `read/${i}`);
      assert.equal(topic.depth, 2);
    }
    assert.equal(intern(table, "mine/0"), first);
  });

  it("always answers with the topic of the bytes, however small it is", () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ unit: "grapheme", minLength: 1, maxLength: 6 }), {
          minLength: 1,
          maxLength: 300,
        }),
        fc.integer({ min: 1, max: 20 }),
        (names, entries) => {
          const table = new TopicTable({ entries, maximumDepth: 100 });
          for (const name of names) {
            if (/[+#\0]/.test(name)) continue;
            assert.equal(intern(table, name).text, name);
          }
        },
      ),
    );
  });
});
