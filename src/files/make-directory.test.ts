import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { makeDirectory } from "./make-directory.ts";

test("makes what is missing, and minds nothing that is there", (context) => {
  const root = mkdtempSync(join(tmpdir(), "vernemq-directory-"));
  context.after(() => rmSync(root, { recursive: true }));
  makeDirectory(join(root, "a", "b", "c"), 0o750);
  assert.equal(statSync(join(root, "a", "b")).mode & 0o777, 0o750);
  makeDirectory(join(root, "a", "b", "c"));
  makeDirectory(join(root, "a", "d"));
  assert.ok(existsSync(join(root, "a", "d")));
  mkdirSync(join(root, "e"));
  writeFileSync(join(root, "file"), "");
  assert.throws(() => makeDirectory(join(root, "file")), { code: "EEXIST" });
  assert.throws(() => makeDirectory(join(root, "file", "below")), { code: "ENOTDIR" });
});

test("comes to an end where nothing can be made", { skip: !existsSync("/proc/self") }, () => {
  for (const path of ["/proc/vernemq", "/proc/vernemq/a/b", "/proc/self/vernemq"])
    assert.throws(() => makeDirectory(path), { code: "ENOENT" });
});
