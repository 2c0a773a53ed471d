import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, test } from "node:test";
import { parseOptions } from "./options.ts";
import { describeSkips, describeTotals, emptyTotals } from "./report.ts";
import { arrangeSuites, chooseSuites, findTestFiles } from "./suites.ts";

describe("the test files of a checkout", () => {
  test("are those of src, scripts, rel and test that end in .test.ts, without fixtures", (context) => {
    const root = mkdtempSync(join(tmpdir(), "suites-"));
    context.after(() => rmSync(root, { recursive: true, force: true }));
    const files = [
      "src/a/x.test.ts",
      "src/a/x.ts",
      "test/gates/fixtures/y.test.ts",
      "test/z.test.ts",
      "lib/q.test.ts",
    ];
    for (const file of files) {
      mkdirSync(dirname(join(root, file)), { recursive: true });
      writeFileSync(join(root, file), "");
    }
    assert.deepEqual(findTestFiles(root), ["src/a/x.test.ts", "test/z.test.ts"]);
  });

  test("each belong to one suite, none is lost, and services run one at a time and last", () => {
    const files = [
      "src/mqtt/codec.test.ts",
      "test/broker/connect.test.ts",
      "test/elsewhere/odd.test.ts",
      "test/fuzz/wire.test.ts",
      "test/gates/gates.test.ts",
      "test/system/deb.test.ts",
    ];
    const suites = arrangeSuites(files, 2);
    assert.deepEqual(
      suites.map(({ name, files: own, concurrency }) => [name, own.length, concurrency]),
      [
        ["unit", 2, 2],
        ["black-box", 2, 2],
        ["black-box over unix", 1, 2],
        ["black-box over ssl", 1, 2],
        ["black-box over ws", 1, 2],
        ["black-box over wss", 1, 2],
        ["fuzz", 1, 2],
        ["system", 1, 1],
      ],
    );
    const ordinary = suites.filter((suite) => !suite.name.includes(" over "));
    assert.deepEqual(ordinary.flatMap((suite) => suite.files).sort(), files);
  });

  test("run by choice: the system's only when they are asked for", () => {
    const suites = arrangeSuites(["src/a.test.ts", "test/broker/b.test.ts", "test/system/c.test.ts"], 2);
    const choose = (...args: string[]): string[] =>
      chooseSuites(suites, parseOptions(args)).map(({ name }) => name);
    assert.deepEqual(choose(), ["unit", "black-box"]);
    assert.deepEqual(choose("--unit"), ["unit"]);
    assert.deepEqual(choose("--system"), ["system"]);
    assert.deepEqual(choose("test/system/c"), ["unit", "black-box", "system"]);
    assert.deepEqual(choose("test/broker"), ["unit", "black-box"]);
  });
});

test("the options of npm test", () => {
  assert.deepEqual(parseOptions(["--long", "--unit", "--name", "^x", "./src/mqtt"]), {
    unitOnly: true,
    system: false,
    long: true,
    help: false,
    namePattern: "^x",
    paths: ["src/mqtt"],
  });
  assert.throws(() => parseOptions(["--bogus"]), /--bogus/);
});

describe("the report", () => {
  test("names every skipped test under its reason", () => {
    const lines = describeSkips(
      [
        { file: "a.test.ts", name: "one", reason: "needs root" },
        { file: "b.test.ts", name: "two", reason: "needs apt" },
        { file: "c.test.ts", name: "three", reason: "needs root" },
      ],
      ["a notice"],
    );
    assert.deepEqual(lines, [
      "!!! SKIPPED: 3 tests did not run",
      "!!! a notice",
      "!!! because needs root:",
      "      a.test.ts: one",
      "      c.test.ts: three",
      "!!! because needs apt:",
      "      b.test.ts: two",
    ]);
    assert.deepEqual(describeSkips([], []), []);
  });

  test("ends with the lines of node's own summary", () => {
    const lines = describeTotals({ ...emptyTotals(), tests: 3, passed: 2, skipped: 1, durationMs: 1.5 });
    assert.equal(lines[0], "ℹ tests 3");
    assert.equal(lines[2], "ℹ pass 2");
    assert.equal(lines.at(-1), "ℹ duration_ms 1.500");
  });
});
