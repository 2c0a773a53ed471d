import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { editDistance, nearest } from "./distance.ts";

test("the edit distance counts insertions, deletions, replacements and exchanges", () => {
  assert.equal(editDistance("", "abc"), 3);
  assert.equal(editDistance("abc", "abc"), 0);
  assert.equal(editDistance("abc", "abd"), 1);
  assert.equal(editDistance("abc", "acb"), 1);
  assert.equal(editDistance("kitten", "sitting"), 3);
});

test("the edit distance is symmetric and at most the longer length", () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 12 }), fc.string({ maxLength: 12 }), (a, b) => {
      const distance = editDistance(a, b);
      assert.equal(distance, editDistance(b, a));
      assert.equal(distance === 0, a === b);
      assert.ok(distance <= Math.max(a.length, b.length) && distance >= Math.abs(a.length - b.length));
    }),
  );
});

test("the nearest come first, and far ones not at all", () => {
  assert.deepEqual(nearest("retry", ["something else", "retri", "retry_x", "rety"], 2), ["retri", "rety"]);
  assert.deepEqual(nearest("retry", ["something else"], 2), []);
  assert.deepEqual(nearest("abcdefghij", ["abcdefghiX", "abcdeXXXXX"], 2), ["abcdefghiX"]);
});
