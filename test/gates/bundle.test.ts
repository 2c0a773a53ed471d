import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { buildBundle } from "../../scripts/bundle/bundle.ts";
import { fixture } from "./fixture-project.ts";

test("what is imported on demand is a part of its own, and what is outside stays outside", async (context) => {
  const directory = mkdtempSync(join(tmpdir(), "bundle-"));
  context.after(() => rmSync(directory, { recursive: true, force: true }));
  const outside = join(directory, "outside.mjs");
  writeFileSync(outside, 'export const word = "outside";\n');
  const { file, parts } = await buildBundle(join(fixture("parts"), "main.ts"), join(directory, "bundle"));
  assert.deepEqual(
    parts.map((part) => basename(part).replace(/-[A-Z0-9]+\.js$/, "")),
    ["late"],
  );
  assert.doesNotMatch(readFileSync(file, "utf8"), /told late/);
  const printed = execFileSync(process.execPath, [file, pathToFileURL(outside).href], { encoding: "utf8" });
  assert.equal(printed, "main\ntold late, undefined\noutside\n");
});

test("a bundled program finds its native add-on beside itself, away from the checkout", async (context) => {
  const directory = mkdtempSync(join(tmpdir(), "bundle-"));
  context.after(() => rmSync(directory, { recursive: true, force: true }));
  const { file, inputs, bytes } = await buildBundle(join(fixture("addon"), "store.ts"), directory);
  assert.ok(inputs > 5, `${inputs} files`);
  assert.ok(bytes > 10_000, `${bytes} bytes`);
  const printed = execFileSync(process.execPath, [file], { cwd: tmpdir(), encoding: "utf8" });
  assert.equal(printed.trim(), "value classic-level.node main.js package.json");
});
