import { copyFileSync, cpSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { TestContext } from "node:test";

const checkout = dirname(dirname(import.meta.dirname));

const SETTINGS = ["tsconfig.json", "biome.json", ".oxlintrc.json", "knip.json"];

/** The folder with the named fixture's files. */
export function fixture(name: string): string {
  return join(import.meta.dirname, "fixtures", name);
}

/**
 * A project of its own with the named fixture's files and this checkout's settings, so that what a gate
 * finds in it is what the gate finds in the checkout. Removed after the test.
 */
export function fixtureProject(context: TestContext, name: string): string {
  const root = mkdtempSync(join(tmpdir(), `gate-${name}-`));
  context.after(() => rmSync(root, { recursive: true, force: true }));
  cpSync(fixture(name), root, { recursive: true });
  for (const file of SETTINGS) copyFileSync(join(checkout, file), join(root, file));
  symlinkSync(join(checkout, "node_modules"), join(root, "node_modules"), "dir");
  const manifest = { name: "fixture", type: "module", private: true };
  writeFileSync(join(root, "package.json"), `${JSON.stringify(manifest, null, 2)}\n`);
  return root;
}

/** A copy of the checkout's manifests, to be spoiled by the test. Removed after it. */
export function manifestProject(context: TestContext): string {
  const root = mkdtempSync(join(tmpdir(), "gate-manifests-"));
  context.after(() => rmSync(root, { recursive: true, force: true }));
  for (const file of ["package.json", "package-lock.json", ".npmrc"]) {
    copyFileSync(join(checkout, file), join(root, file));
  }
  cpSync(join(checkout, "rel"), join(root, "rel"), { recursive: true });
  return root;
}
