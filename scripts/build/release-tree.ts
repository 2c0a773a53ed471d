import { chmodSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { type Bundle, buildBundle } from "../bundle/bundle.ts";
import { takeLock } from "../setup/lock.mjs";
import { inputsDigest } from "./inputs.ts";
import { licenceText, thirdParties } from "./licences.ts";
import { type Platform, platformName, platformNamed } from "./platform.ts";
import { baseBinary, generatorRuntime } from "./runtime.ts";
import { makeExecutable } from "./sea.ts";
import { executableName, layOutTree } from "./tree.ts";

const LOCK_WAIT_MS = 10 * 60_000;

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
export function ensureRelease(root: string): Promise<ReleaseTree> {
  return alone(root, () => {
    const { directory, executable, stamp } = place(root);
    const fresh =
      existsSync(executable) && existsSync(stamp) && readFileSync(stamp, "utf8") === inputsDigest(root);
    return fresh ? Promise.resolve({ directory, executable }) : build(root);
  });
}

/** Builds the release for the platform this runs on in _build/default/rel/vernemq. */
export function buildRelease(root: string): Promise<ReleaseTree> {
  return alone(root, () => build(root));
}

async function build(root: string): Promise<ReleaseTree> {
  const { directory, stamp } = place(root);
  const digest = inputsDigest(root);
  rmSync(stamp, { force: true });
  const bundle = await releaseBundle(root, join(root, "_build/bundle"));
  const tree = buildTree(root, platformNamed(root), bundle, directory);
  writeFileSync(stamp, digest);
  return tree;
}

/** Does something while no other process builds in this checkout. */
async function alone<T>(root: string, action: () => Promise<T>): Promise<T> {
  const lock = join(root, "_build/build.lock");
  const release = takeLock(lock, LOCK_WAIT_MS);
  if (!release) throw new Error(`another build holds ${lock}; remove it if none runs`);
  try {
    return await action();
  } finally {
    release();
  }
}

/** The bundled program, the same for every platform, in a directory, which is emptied first. */
export function releaseBundle(root: string, directory: string): Promise<Bundle> {
  return buildBundle(join(root, "src/main.ts"), directory);
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
  const licenceFile = join(directory, "share/3rd-party-licenses.txt");
  writeFileSync(licenceFile, licences);
  makeExecutable({
    platform,
    base: baseBinary(root, platform),
    generator,
    main: join(import.meta.dirname, "executable-main.cjs"),
    // What the program asks for by these names: the parts of the bundle, and what src/embedded/assets.ts lists.
    assets: Object.fromEntries(
      [
        bundle.file,
        ...bundle.parts,
        join(directory, "lib/classic-level.node"),
        licenceFile,
        join(root, "LICENSE"),
      ].map((file) => [basename(file), file]),
    ),
    output: executable,
    scratch: join(root, `_build/scratch/${platformName(platform)}-${process.pid}`),
  });
  chmodSync(executable, 0o755);
  return { directory, executable };
}
