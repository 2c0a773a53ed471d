import { chmodSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { type Bundle, buildBundle } from "../bundle/bundle.ts";
import { inputsDigest } from "./inputs.ts";
import { licenceText, thirdParties } from "./licences.ts";
import { type Platform, platformName, platformNamed } from "./platform.ts";
import { baseBinary, generatorRuntime } from "./runtime.ts";
import { makeExecutable } from "./sea.ts";
import { executableName, layOutTree } from "./tree.ts";

/**
 * Files of the checkout that go into the executable, by the name with which the program asks `node:sea` for them. What
 * people may want to read or change belongs into the tree instead: see tree.ts.
 */
const ASSETS: Readonly<Record<string, string>> = {};

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
  const { directory, stamp } = place(root);
  const digest = inputsDigest(root);
  rmSync(stamp, { force: true });
  const tree = buildTree(root, platformNamed(root), await releaseBundle(root), directory);
  writeFileSync(stamp, digest);
  return tree;
}

/** The bundled program, the same for every platform. */
export function releaseBundle(root: string): Promise<Bundle> {
  return buildBundle(join(root, "src/main.ts"), join(root, "_build/bundle"));
}

/** Builds the release for a platform in a directory, which is emptied first. */
export function buildTree(root: string, platform: Platform, bundle: Bundle, directory: string): ReleaseTree {
  const executable = layOutTree({ root, platform, directory });
  const generator = generatorRuntime(root, platform.version);
  const licences = licenceText(root, thirdParties(root, bundle.packages), {
    // Not every platform's package has the text, which is the same for all.
    folder: dirname(dirname(generator)),
    version: platform.version,
  });
  writeFileSync(join(directory, "share/3rd-party-licenses.txt"), licences);
  makeExecutable({
    platform,
    base: baseBinary(root, platform),
    generator,
    main: join(import.meta.dirname, "executable-main.cjs"),
    assets: {
      ...Object.fromEntries([bundle.file, ...bundle.parts].map((file) => [basename(file), file])),
      ...Object.fromEntries(Object.entries(ASSETS).map(([name, file]) => [name, join(root, file)])),
    },
    output: executable,
    scratch: join(root, "_build/scratch", platformName(platform)),
  });
  chmodSync(executable, 0o755);
  return { directory, executable };
}
