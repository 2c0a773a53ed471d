import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { conformanceProblems, DOCUMENT, documentText } from "./document.ts";
import { namedStatements, readStatements } from "./statements.ts";

test("every statement that binds servers has a test, and tests name none that does not exist", () => {
  assert.deepEqual(conformanceProblems(), []);
});

test("docs/conformance.md is fresh", () => {
  assert.equal(readFileSync(DOCUMENT, "utf8"), documentText(), "npm run generate makes it anew");
});

test("the lists are complete and in order", () => {
  for (const [version, count] of [
    ["5.0", 251],
    ["3.1.1", 141],
  ] as const) {
    const numbers = readStatements(version).map(({ number }) => number);
    assert.equal(numbers.length, count);
    const sorted = [...new Set(numbers)].sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
    assert.deepEqual(numbers, sorted);
  }
});

test("names of statements: lists, ranges, both specifications; anything else is an error", () => {
  const names = (text: string): string[] => [...namedStatements(text)];
  assert.deepEqual(names("a [MQTT-1.2.3-4] b [MQTT3-1.2.3-5] [other] []"), ["MQTT-1.2.3-4", "MQTT3-1.2.3-5"]);
  assert.deepEqual(names("[MQTT-1.2.3-4, -6 to -8, 4.2-1; MQTT3-5.0.0-1 to -2]"), [
    ...["MQTT-1.2.3-4", "MQTT-1.2.3-6", "MQTT-1.2.3-7", "MQTT-1.2.3-8", "MQTT-4.2-1"],
    ...["MQTT3-5.0.0-1", "MQTT3-5.0.0-2"],
  ]);
  for (const wrong of ["[MQTT-1.2.3]", "[MQTT-1.2.3-4 and 5]", "[MQTT-1.2.3-4, 5]", "[MQTT--4]"]) {
    assert.throws(() => namedStatements(wrong), /not understood/);
  }
});
