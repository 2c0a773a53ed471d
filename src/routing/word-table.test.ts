import assert from "node:assert/strict";
import { it } from "node:test";
import fc from "fast-check";
import { WordTable } from "./word-table.ts";

it("keeps every word as it is, of any length", () => {
  const table = new WordTable();
  fc.assert(
    fc.property(fc.string({ unit: "grapheme", maxLength: 80 }), (word) => {
      assert.equal(table.keep(word), word);
      assert.equal(table.keep(`${word}x`), `${word}x`);
      assert.equal(table.keep(word), word);
    }),
  );
});
