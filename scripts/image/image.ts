/** Makes container images from release trees, without a container engine and without root. See RELEASING.md. */

import {
  chmodSync,
  cpSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { type Image, writeDockerArchive, writeOciArchive } from "./archives.ts";
import { type ImageArchitecture, layOutBase, VERNEMQ_UID } from "./base-root.ts";
import { imageConfig, imageLabels } from "./image-config.ts";
import { blobOf, makeLayer } from "./layer.ts";

export interface ImageOptions {
  /** The release tree of each architecture. */
  readonly trees: Readonly<Partial<Record<ImageArchitecture, string>>>;
  readonly version: string;
  /** The commit, for a label; empty when it is not known. */
  readonly revision: string;
  /** Time of all that is in the images, seconds since 1970. */
  readonly epoch: number;
  /** Where the archives go. */
  readonly output: string;
  /** Emptied. */
  readonly scratch: string;
}

export interface ImageArchive {
  readonly file: string;
  /** In bytes. */
  readonly size: number;
  /** What the image takes once it is unpacked, in bytes; of the OCI archive, of all architectures. */
  readonly unpacked: number;
}

const REPOSITORY = "vernemq/vernemq";

/** What belongs to the broker's user: it writes there. */
const OWNED = ["vernemq/etc", "vernemq/data", "vernemq/log", "vernemq/run"];

/** Paths that VerneMQ's image has too. */
const LINKS = {
  "etc/vernemq": "/vernemq/etc",
  "var/lib/vernemq": "/vernemq/data",
  "var/log/vernemq": "/vernemq/log",
  "usr/sbin/start_vernemq": "/vernemq/bin/vernemq",
};

function layOutBroker(tree: string, root: string): void {
  rmSync(root, { recursive: true, force: true });
  const home = join(root, "vernemq");
  mkdirSync(root, { recursive: true });
  cpSync(tree, home, { recursive: true, verbatimSymlinks: true });
  // Whoever built the tree, and with whatever umask.
  for (const entry of readdirSync(home, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isDirectory()) chmodSync(path, 0o755);
    else if (!entry.isSymbolicLink()) chmodSync(path, lstatSync(path).mode & 0o100 ? 0o755 : 0o644);
  }
  chmodSync(home, 0o755);
  for (const [folder, mode] of [
    ["data", 0o750],
    ["log", 0o750],
    ["run", 0o700],
  ] as const) {
    mkdirSync(join(home, folder), { recursive: true });
    chmodSync(join(home, folder), mode);
  }
  for (const [path, target] of Object.entries(LINKS)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    symlinkSync(target, join(root, path));
  }
}

async function makeImage(
  architecture: ImageArchitecture,
  tree: string,
  options: ImageOptions,
): Promise<Image> {
  const { epoch, version, revision } = options;
  const scratch = join(options.scratch, architecture);
  const base = join(scratch, "base");
  const broker = join(scratch, "broker");
  const packages = layOutBase(architecture, base, join(scratch, "debian"));
  layOutBroker(tree, broker);
  const baseLayer = await makeLayer({ directory: base, epoch, output: join(scratch, "base.tar") });
  const brokerLayer = await makeLayer({
    directory: broker,
    owned: { id: VERNEMQ_UID, paths: OWNED },
    epoch,
    output: join(scratch, "broker.tar"),
  });
  const config = imageConfig({ architecture, version, revision, epoch }, [
    {
      layer: baseLayer,
      comment: `parts of ${packages.map((entry) => `${entry.name} ${entry.version}`).join(", ")}`,
    },
    { layer: brokerLayer, comment: `VerneMQ ${version}` },
  ]);
  const file = join(scratch, "config.json");
  writeFileSync(file, config);
  return { architecture, config: blobOf(file), layers: [baseLayer, brokerLayer] };
}

/**
 * Makes `vernemq-VERSION-docker-ARCHITECTURE.tar` for each tree, for `docker load`, and
 * `vernemq-VERSION-oci.tar` with all of them.
 */
export async function makeImages(options: ImageOptions): Promise<readonly ImageArchive[]> {
  const { trees, version, epoch, output, scratch } = options;
  rmSync(scratch, { recursive: true, force: true });
  mkdirSync(output, { recursive: true });
  const images: Image[] = [];
  const archives: ImageArchive[] = [];
  const packing = join(scratch, "packing");
  const tag = `${REPOSITORY}:${version}`;
  const unpacked = ({ layers }: Image): number => layers.reduce((sum, { plain }) => sum + plain.size, 0);
  for (const architecture of ["amd64", "arm64"] as const) {
    const tree = trees[architecture];
    if (tree === undefined) continue;
    const image = await makeImage(architecture, tree, options);
    const file = join(output, `vernemq-${version}-docker-${architecture}.tar`);
    writeDockerArchive(image, [tag, `${REPOSITORY}:latest`], epoch, file, packing);
    archives.push({ file, size: statSync(file).size, unpacked: unpacked(image) });
    images.push(image);
  }
  const file = join(output, `vernemq-${version}-oci.tar`);
  writeOciArchive(images, { tag, annotations: imageLabels(options) }, epoch, file, packing);
  const all = images.reduce((sum, image) => sum + unpacked(image), 0);
  archives.push({ file, size: statSync(file).size, unpacked: all });
  rmSync(scratch, { recursive: true, force: true });
  return archives;
}
