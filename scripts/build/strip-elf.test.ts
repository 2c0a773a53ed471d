import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { stripElf } from "./strip-elf.ts";

test("an executable without its symbols is smaller and runs", {
  skip: process.platform !== "linux",
}, (context) => {
  const directory = mkdtempSync(join(tmpdir(), "strip-"));
  context.after(() => rmSync(directory, { recursive: true, force: true }));
  const whole = readFileSync(process.execPath);
  const stripped = stripElf(whole);
  assert.ok(stripped.length < whole.length * 0.9, `${stripped.length} of ${whole.length} bytes`);
  const file = join(directory, "node");
  writeFileSync(file, stripped, { mode: 0o755 });
  assert.equal(execFileSync(file, ["-p", "6 * 7"], { encoding: "utf8" }), "42\n");
  assert.ok(stripElf(stripped).equals(stripped), "there is nothing more to take out");
});

test("other files stay as they are", () => {
  for (const text of ["MZ and more", "", "\u007fELF\u0001\u0001 of 32 bits"]) {
    const file = Buffer.from(text, "latin1");
    assert.equal(stripElf(file), file);
  }
});
