/** Makes the artifacts of a release. */

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { commit } from "../build/commit.ts";
import { thirdParties } from "../build/licences.ts";
import { type Platform, platformName } from "../build/platform.ts";
import { buildTree, releaseBundle } from "../build/release-tree.ts";
import { generatorRuntime } from "../build/runtime.ts";
import { prove } from "./proof.ts";
import { type RuntimeParts, sbom } from "./sbom.ts";
import type { BuiltTree, ReleaseContext } from "./step.ts";
import { STEPS } from "./steps.ts";

export interface ReleaseOptions {
  readonly root: string;
  readonly platforms: readonly Platform[];
  /** Emptied first. */
  readonly output: string;
  /** Names of the kinds of artifacts to make; all if not given. */
  readonly only?: readonly string[];
  readonly say: (line: string) => void;
}

/** An artifact in the manifest, `release.json`. */
export interface Artifact {
  readonly file: string;
  readonly bytes: number;
  readonly sha256: string;
}

/** Makes all artifacts, the list of parts, the manifest and SHA256SUMS in `output`. */
export async function makeRelease(options: ReleaseOptions): Promise<void> {
  const { root, output, only = STEPS.map(({ name }) => name) } = options;
  const unknown = only.find((wanted) => STEPS.every(({ name }) => name !== wanted));
  if (unknown !== undefined)
    throw new Error(
      `there are no artifacts ${unknown}; there are ${STEPS.map(({ name }) => name).join(", ")}`,
    );
  rmSync(output, { recursive: true, force: true });
  mkdirSync(output, { recursive: true });
  const scratch = join(root, `_build/release-scratch-${process.pid}`);
  try {
    await make(options, only, scratch);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

async function make(options: ReleaseOptions, only: readonly string[], scratch: string): Promise<void> {
  const { root, platforms, output, say } = options;
  const manifest: { readonly version: string } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const { version } = manifest;
  const bundle = await releaseBundle(root, join(scratch, "bundle"));
  const trees: BuiltTree[] = [];
  const proofs: { platform: string; node: string; proof: string }[] = [];
  for (const platform of platforms) {
    const tree = buildTree(root, platform, bundle, join(scratch, platformName(platform), "vernemq"));
    trees.push({ ...tree, platform });
    const proof = prove(root, { ...tree, platform }, version);
    proofs.push({ platform: platformName(platform), node: platform.version, proof });
    const megabytes = (statSync(tree.executable).size / 1e6).toFixed(1);
    say(`${platformName(platform)}: Node.js ${platform.version}, executable ${megabytes} MB; ${proof}`);
  }
  const context: ReleaseContext = {
    root,
    version,
    ...commit(root),
    trees,
    output,
    scratch,
  };
  const files: string[] = [];
  for (const step of STEPS.filter(({ name }) => only.includes(name))) {
    const made = await step.make(context);
    for (const file of made) say(`${file}: ${(statSync(join(output, file)).size / 1e6).toFixed(1)} MB`);
    files.push(...made);
  }
  const parts = `vernemq-${version}.cdx.json`;
  writeFileSync(
    join(output, parts),
    sbom({
      root,
      version,
      epoch: context.epoch,
      parties: thirdParties(root, bundle.packages),
      runtimes: runtimeParts(root, platforms),
    }),
  );
  const artifacts = [...files, parts].map((file) => describeFile(output, file));
  const { revision } = context;
  const release = { version, revision, executables: proofs, artifacts };
  writeFileSync(join(output, "release.json"), `${JSON.stringify(release, null, 2)}\n`);
  const sums = [...artifacts, describeFile(output, "release.json")];
  writeFileSync(join(output, "SHA256SUMS"), sums.map(({ sha256, file }) => `${sha256}  ${file}\n`).join(""));
}

function describeFile(directory: string, file: string): Artifact {
  const content = readFileSync(join(directory, file));
  return { file, bytes: content.length, sha256: createHash("sha256").update(content).digest("hex") };
}

/** Each version of the runtime once, with the platforms that have it and what is in it. */
function runtimeParts(root: string, platforms: readonly Platform[]): RuntimeParts[] {
  return [...Map.groupBy(platforms, ({ version }) => version)].map(([version, group]) => {
    const print = "process.stdout.write(JSON.stringify(process.versions))";
    const versions: Record<string, string> = JSON.parse(
      execFileSync(generatorRuntime(root, version), ["-e", print], { encoding: "utf8" }),
    );
    return { version, platforms: group.map(platformName), versions };
  });
}
