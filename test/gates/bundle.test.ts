import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { buildBundle } from "../../scripts/bundle/bundle.ts";
import { fixture } from "./fixture-project.ts";

test("a bundled program finds its native add-on beside itself, away from the checkout", async (context) => {
  const directory = mkdtempSync(join(tmpdir(), "bundle-"));
  context.after(() => rmSync(directory, { recursive: true, force: true }));
  const { file, inputs, bytes } = await buildBundle(join(fixture("addon"), "store.ts"), directory);
  assert.ok(inputs > 5, `${inputs} files`);
  assert.ok(bytes > 10_000, `${bytes} bytes`);
  const printed = execFileSync(process.execPath, [file], { cwd: tmpdir(), encoding: "utf8" });
  assert.equal(printed.trim(), "value classic-level.node main.js package.json");
});
