import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { licenceText, thirdParties } from "./licences.ts";

test("the licences of packages, of the libraries in them and of the runtime are all there", (context) => {
  const root = mkdtempSync(join(tmpdir(), "licences-"));
  context.after(() => rmSync(root, { recursive: true, force: true }));
  const file = (path: string, text: string): void => {
    mkdirSync(join(root, path, ".."), { recursive: true });
    writeFileSync(join(root, path), text);
  };
  file("node_modules/a/package.json", '{ "name": "a", "version": "1.0.0", "license": "MIT" }');
  file("node_modules/a/LICENSE.md", "terms of a\r\n");
  file("node_modules/a/deps/b/COPYING", "terms of b");
  file("runtime/LICENSE", "terms of the runtime");
  file("node_modules/c/package.json", '{ "name": "c", "version": "2.0.0", "license": "ISC" }');
  file("node_modules/d/package.json", '{ "name": "d", "version": "2.0.0" }');
  const runtime = { folder: join(root, "runtime"), version: "24.21.0" };
  const text = licenceText(root, thirdParties(root, ["node_modules/a"]), runtime);
  assert.deepEqual(
    text.split("\n").filter((line) => /^(a |Node|terms)/.test(line)),
    [
      "a 1.0.0 (MIT)",
      "terms of a",
      "a 1.0.0, deps/b",
      "terms of b",
      "Node.js 24.21.0",
      "terms of the runtime",
    ],
  );
  assert.throws(
    () => licenceText(root, thirdParties(root, ["node_modules/c"]), runtime),
    /node_modules\/c holds no licence file/,
  );
  assert.throws(() => thirdParties(root, ["node_modules/d"]), /names no licence/);
});
