import { createHash } from "node:crypto";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** All that decides what the release tree holds, as patterns below the checkout. */
const INPUTS = [
  "src/**/*.ts",
  "scripts/{build,bundle}/**/*",
  "etc/**/*",
  "docs/**/*",
  "rel/platforms.json",
  "package.json",
  "package-lock.json",
  "README.md",
  "CHANGELOG.md",
  "LICENSE",
];

/** A digest of everything the release tree is made from; tests and their helpers have no part in it. */
export function inputsDigest(root: string): string {
  const hash = createHash("sha256");
  const files = globSync(INPUTS, { cwd: root, withFileTypes: true })
    .filter((entry) => entry.isFile() && !/(?:\.test|-test-support)\.ts$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  for (const file of files) {
    const content = readFileSync(file);
    hash.update(`${file.slice(root.length)}\0${content.length}\0`).update(content);
  }
  return hash.digest("hex");
}
