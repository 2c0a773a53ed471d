import { chmodSync } from "node:fs";
import { join } from "node:path";
import { buildBundle } from "../bundle/bundle.ts";
import { platformNamed } from "./platform.ts";
import { makeExecutable } from "./sea.ts";
import { layOutTree } from "./tree.ts";

export interface ReleaseTree {
  readonly directory: string;
  readonly executable: string;
}

/** Builds the release for the platform this runs on in _build/default/rel/vernemq. */
export async function buildRelease(root: string): Promise<ReleaseTree> {
  const platform = platformNamed(root);
  const work = join(root, "_build");
  const directory = join(work, "default/rel/vernemq");
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
  return { directory, executable };
}
