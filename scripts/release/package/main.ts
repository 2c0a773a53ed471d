/**
 * npm run packages: the .deb and .rpm of the release in _build/default/rel/vernemq, in _build/packages.
 * SOURCE_DATE_EPOCH is the time of every file in them; without it that of the last commit.
 */

import { dirname, join, relative } from "node:path";
import { VERSION } from "../../../src/config/version.ts";
import { commit } from "../../build/commit.ts";
import { ensureRelease } from "../../build/release-tree.ts";
import { makeDeb } from "./deb.ts";
import type { PackageOptions } from "./package.ts";
import { makeRpm } from "./rpm.ts";

const root = dirname(dirname(dirname(import.meta.dirname)));

try {
  const { directory } = await ensureRelease(root);
  const options: PackageOptions = {
    root,
    tree: directory,
    arch: process.arch === "arm64" ? "arm64" : "x64",
    version: VERSION,
    epoch: commit(root).epoch,
    work: join(root, "_build/package"),
    output: join(root, "_build/packages"),
    compression: process.argv.includes("--fast") ? "fast" : "small",
  };
  for (const make of [makeDeb, makeRpm]) console.log(relative(root, make(options)));
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
