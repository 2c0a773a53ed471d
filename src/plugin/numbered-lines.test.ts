import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { encodingProblem, numberedLines, textOf } from "./numbered-lines.ts";

const PROBLEM = "the line is not UTF-8";

test("a file of UTF-8 is its text, without a byte order mark", () => {
  assert.equal(textOf(Buffer.from("\ufeffé\ufffd\r\n\ufeff")), "é\ufffd\r\n\ufeff");
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      assert.equal(textOf(Buffer.from(`x${text}`)), `x${text}`);
      assert.equal(encodingProblem(text), null);
    }),
  );
});

test("lines that are no UTF-8 are known, the others are read", () => {
  const text = textOf(Buffer.from("a\ncaf\xe9\n\xc3\xa9\n\n\xed\xa0\x80\nz", "latin1"));
  const lines = Array.from(numberedLines(text), ([number, line]) => [number, encodingProblem(line) ?? line]);
  assert.deepEqual(lines, [
    [1, "a"],
    [2, PROBLEM],
    [3, "é"],
    [4, ""],
    [5, PROBLEM],
    [6, "z"],
  ]);
  assert.equal(encodingProblem(textOf(Buffer.from("\xef\xbb\xbf\xff", "latin1"))), PROBLEM);
});
