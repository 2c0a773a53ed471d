import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isWellFormedText } from "./text-encoding.ts";
import { checkTopicName, isTopicName } from "./topic-name.ts";

function check(name: string | Buffer, maximumDepth = 10): number | string {
  const bytes = Buffer.concat([Buffer.from("x"), Buffer.from(name), Buffer.from("\0")]);
  return checkTopicName(bytes, 1, bytes.length - 1, maximumDepth);
}

test("topic names are counted or refused", () => {
  assert.equal(check("a"), 1);
  assert.equal(check("/a//b"), 4);
  assert.equal(check("größe/日本/😀"), 3);
  assert.equal(check(""), "empty");
  assert.equal(check("a/+"), "wildcard");
  assert.equal(check("a#"), "wildcard");
  assert.equal(check("a\0b"), "encoding");
  assert.equal(check(Buffer.from([0x61, 0xc3])), "encoding");
  assert.equal(check("a/b/c", 2), "depth");
  assert.equal(check("a/b/c", 3), 3);
  assert.equal(check("a".repeat(65536)), "too-long");
  assert.equal(check("a".repeat(65535)), 1);
  assert.equal(isTopicName("a/b"), true);
  assert.equal(isTopicName("a/#"), false);
});

test("text is well formed exactly when the platform decodes it without loss and it has no U+0000", () => {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  const piece = fc.oneof(
    fc.constantFrom("a", "é", "日", "😀", "\ufeff", "\uffff", "\u0001").map((text) => Buffer.from(text)),
    fc.uint8Array({ maxLength: 4 }),
    fc
      .constantFrom(
        "c080",
        "eda080",
        "f4908080",
        "f0808080",
        "e08080",
        "e09fbf",
        "e0a080",
        "f08fbfbf",
        "f0908080",
        "f4808080",
        "00",
        "f48fbfbf",
        "ed9fbf",
        "ee8080",
      )
      .map((hex) => Buffer.from(hex, "hex")),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 5 }), (pieces) => {
      const bytes = Buffer.concat(pieces);
      let expected = !bytes.includes(0);
      try {
        decoder.decode(bytes);
      } catch {
        expected = false;
      }
      assert.equal(isWellFormedText(bytes, 0, bytes.length), expected);
      const longer = Buffer.concat([bytes, Buffer.from([0x80])]);
      assert.equal(isWellFormedText(longer, 0, bytes.length), expected, "looks beyond its end");
    }),
    { numRuns: 3000 },
  );
});
