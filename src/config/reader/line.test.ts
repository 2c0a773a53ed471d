import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { joinKey, splitKey } from "../key.ts";
import { readStatements } from "./line.ts";
import { quoteValue } from "./quote.ts";

/** The settings of a text without errors, as pairs. */
function settings(text: string): readonly (readonly [string, string])[] {
  return readStatements(text).map((statement) => {
    assert.equal(statement.kind, "setting", JSON.stringify(statement));
    return statement.kind === "setting" ? [statement.key, statement.value] : ["", ""];
  });
}

function problems(text: string): readonly string[] {
  return readStatements(text).flatMap((each) =>
    each.kind === "error" ? [`${each.line}: ${each.problem}`] : [],
  );
}

describe("a line", () => {
  it("is a key and a value, with blanks and tabs around them or none", () => {
    assert.deepEqual(settings("a = 1\nb=2\n \tc\t=\t3 \t"), [
      ["a", "1"],
      ["b", "2"],
      ["c", "3"],
    ]);
  });

  it("may be empty, blank or a comment, and may end in CRLF", () => {
    assert.deepEqual(settings("\r\n  \t\n# a = 1\n   # b = 2\r\nc = 3\r\nd = ä ö\r\n"), [
      ["c", "3"],
      ["d", "ä ö"],
    ]);
  });

  it("may follow a byte order mark", () => {
    assert.deepEqual(settings("\uFEFFa = 1"), [["a", "1"]]);
  });

  it("has its number, also after a value of several lines", () => {
    const lines = readStatements("a = '''1\n2\n3'''\n\nb = 1").map(({ line }) => line);
    assert.deepEqual(lines, [1, 5]);
  });
});

describe("a key", () => {
  it("may have letters, digits, _ and -, and dots within words as \\.", () => {
    assert.deepEqual(settings("A-b_1.x\\.y.2 = v"), [["A-b_1.x\\.y.2", "v"]]);
    assert.deepEqual(splitKey("A-b_1.x\\.y.2"), ["A-b_1", "x.y", "2"]);
    assert.equal(joinKey(["A-b_1", "x.y", "2"]), "A-b_1.x\\.y.2");
  });

  it("is refused with other characters or empty words", () => {
    for (const key of ["a..b", ".a", "a.", "a/b", "ä", "$x"]) {
      assert.match(problems(`${key} = 1`)[0] ?? "", /^1: .* is not a key/, key);
      assert.equal(splitKey(key), undefined);
    }
  });
});

describe("a value", () => {
  it("without quotes ends before a comment", () => {
    assert.deepEqual(settings("x = 6   # why\nt = /demo/# both 1"), [
      ["x", "6"],
      ["t", "/demo/"],
    ]);
  });

  it("in single quotes keeps blanks and #, and '' is empty", () => {
    assert.deepEqual(settings("x = ' a # b '  # why\ny = ''"), [
      ["x", " a # b "],
      ["y", ""],
    ]);
  });

  it("in three quotes may have several lines and quotes", () => {
    assert.deepEqual(settings("x = '''it's\n # no comment'''\ny = '''end''''"), [
      ["x", "it's\n # no comment"],
      ["y", "end'"],
    ]);
  });

  it("keeps double quotes", () => {
    assert.deepEqual(settings('x = "a b"'), [["x", '"a b"']]);
  });

  it("must not be missing", () => {
    assert.deepEqual(problems("a =\nb = 1\nc = # none"), [
      "1: a has no value; write '' for an empty one",
      "3: c has no value; write '' for an empty one",
    ]);
  });

  it("must close its quotes and end after them", () => {
    assert.deepEqual(problems("a = 'x\nb = 'y' z\nc = '''q"), [
      "1: a has a quote that is never closed",
      '2: b has "z" after the closing quote',
      "3: c has three quotes that are never closed",
    ]);
  });

  it("is read back from its quoted form, whatever it is", () => {
    const text = fc.oneof(
      fc.string(),
      fc.string({ unit: "binary" }),
      fc.string({ unit: fc.constantFrom("'", "#", " ", "\n", "\r", "a", '"', "=") }),
    );
    let written = 0;
    fc.assert(
      fc.property(text, text, (first, second) => {
        const quoted = [first, second].map((value) => quoteValue(value));
        if (quoted[0] === undefined || quoted[1] === undefined) return;
        written++;
        assert.deepEqual(settings(`a = ${quoted[0]}\n  b=${quoted[1]} # end\n`), [
          ["a", first],
          ["b", second],
        ]);
      }),
      { numRuns: 2000 },
    );
    assert.ok(written > 1500);
  });

  it("can be quoted unless three quotes are followed by something else", () => {
    assert.equal(quoteValue("a'''b\n"), undefined);
    assert.equal(quoteValue("plain value"), "plain value");
    assert.equal(quoteValue("# it"), "'# it'");
    assert.equal(quoteValue("'it's # '"), "''''it's # ''''");
  });
});

describe("an include", () => {
  it("names a path", () => {
    assert.deepEqual(readStatements("include conf.d/*.conf # all\r\n\tinclude\t/etc/x.conf"), [
      { kind: "include", line: 1, path: "conf.d/*.conf" },
      { kind: "include", line: 2, path: "/etc/x.conf" },
    ]);
  });

  it("is an ordinary key before =", () => {
    assert.deepEqual(settings("include = x"), [["include", "x"]]);
  });

  it("has no other characters, and a * in its last part only", () => {
    assert.deepEqual(problems("include a,b\ninclude */x.conf"), [
      "1: the path a,b to include has a character that is not allowed",
      "2: the path */x.conf to include has a * before its last part",
    ]);
  });
});

describe("anything else", () => {
  it("is an error, and reading goes on", () => {
    const statements = readStatements("nonsense\na = 1\n= 3\n");
    assert.deepEqual(
      statements.map(({ kind, line }) => `${line} ${kind}`),
      ["1 error", "2 setting", "3 error"],
    );
  });

  it("never throws, whatever the text is", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom("'", "#", " ", "\n", "=", "a", ".", "\\", "i") }),
        (text) => {
          const lines = text.split("\n").length;
          for (const { line } of readStatements(text)) assert.ok(line >= 1 && line <= lines);
        },
      ),
    );
  });
});
