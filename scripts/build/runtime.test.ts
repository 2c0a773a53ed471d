import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { dirname } from "node:path";
import { test } from "node:test";
import { generatorPackage, platformNamed, platforms, runtimePackage } from "./platform.ts";
import { verifyIntegrity } from "./runtime.ts";

const root = dirname(dirname(import.meta.dirname));

test("an archive that is not the locked one is refused", () => {
  const archive = Buffer.from("archive");
  const integrity = `sha512-${createHash("sha512").update(archive).digest("base64")}`;
  verifyIntegrity(archive, integrity, "name 1.0.0");
  assert.throws(
    () => verifyIntegrity(Buffer.from("other"), integrity, "name 1.0.0"),
    /name 1\.0\.0: the archive's sha512 is .*, the lock says/,
  );
});

test("every platform has a locked runtime, and one of its version that runs on Linux x64", () => {
  const host = platformNamed(root, "linux-x64").version;
  for (const platform of platforms(root)) {
    assert.match(runtimePackage(root, platform).integrity, /^sha512-[A-Za-z0-9+/]{86}==$/);
    if (platform.version === host) continue;
    assert.match(generatorPackage(root, platform.version)?.integrity ?? "none", /^sha512-/, platform.version);
  }
  assert.throws(() => platformNamed(root, "plan9-x64"), /no platform plan9-x64; there are linux-x64, /);
});
