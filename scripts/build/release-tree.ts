import { chmodSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { buildBundle } from "../bundle/bundle.ts";
import { inputsDigest } from "./inputs.ts";
import { platformNamed } from "./platform.ts";
import { makeExecutable } from "./sea.ts";
import { executableName, layOutTree } from "./tree.ts";

export interface ReleaseTree {
  readonly directory: string;
  readonly executable: string;
}

function place(root: string): ReleaseTree & { readonly stamp: string } {
  const directory = join(root, "_build/default/rel/vernemq");
  const stamp = join(root, "_build/default/rel/vernemq.inputs");
  return { directory, executable: join(directory, "bin", executableName(platformNamed(root))), stamp };
}

/** The release for the platform this runs on; built if it is not there or not from what the checkout holds now. */
export async function ensureRelease(root: string): Promise<ReleaseTree> {
  const { directory, executable, stamp } = place(root);
  const fresh =
    existsSync(executable) && existsSync(stamp) && readFileSync(stamp, "utf8") === inputsDigest(root);
  return fresh ? { directory, executable } : buildRelease(root);
}

/** Builds the release for the platform this runs on in _build/default/rel/vernemq. */
export async function buildRelease(root: string): Promise<ReleaseTree> {
  const platform = platformNamed(root);
  const work = join(root, "_build");
  const { directory, stamp } = place(root);
  const digest = inputsDigest(root);
  rmSync(stamp, { force: true });
  const { file } = await buildBundle(join(root, "src/main.ts"), join(work, "bundle"));
  const executable = layOutTree({ root, platform, directory });
  const runtime = join(root, "node_modules", platform.package, platform.binary);
  makeExecutable({
    platform,
    base: runtime,
    generator: runtime,
    bundle: file,
    assets: {},
    output: executable,
    scratch: join(work, "scratch"),
  });
  chmodSync(executable, 0o755);
  writeFileSync(stamp, digest);
  return { directory, executable };
}
