import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { it } from "node:test";
import { VERSION } from "./version.ts";

it("the version is that of package.json", () => {
  const packageJson: unknown = JSON.parse(
    readFileSync(join(import.meta.dirname, "../../package.json"), "utf8"),
  );
  assert.ok(typeof packageJson === "object" && packageJson !== null && "version" in packageJson);
  assert.equal(packageJson.version, VERSION);
});
