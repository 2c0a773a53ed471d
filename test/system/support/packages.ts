/** The packages that the tests install: made from the release, packed in a hurry. */
import { appendFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { makeDeb } from "../../../scripts/release/package/deb.ts";
import { makeRpm } from "../../../scripts/release/package/rpm.ts";
import { temporaryDirectory } from "../../support/processes.ts";
import { copyRelease, release } from "./release.ts";

const root = dirname(dirname(dirname(import.meta.dirname)));

/** The time of everything in the packages, so that what is made twice is the same. */
const EPOCH = 1_700_000_000;

const MAKERS = { deb: makeDeb, rpm: makeRpm };

/** Makes a package in a new directory and returns its path. `rules`: what its vmq.acl has more than the release's. */
export async function makePackage(
  kind: keyof typeof MAKERS,
  version: string,
  rules?: string,
): Promise<string> {
  const output = temporaryDirectory("vernemq-package-");
  const { directory } = rules === undefined ? await release() : await copyRelease(join(output, "tree"));
  if (rules !== undefined) appendFileSync(join(directory, "etc/vmq.acl"), rules);
  return MAKERS[kind]({
    root,
    tree: directory,
    arch: process.arch === "arm64" ? "arm64" : "x64",
    version,
    epoch: EPOCH,
    work: join(output, "work"),
    output,
    compression: "fast",
  });
}
