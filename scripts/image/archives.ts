/** The two forms in which images are given away: an archive for `docker load`, and the layout of the OCI. */

import { copyFileSync, linkSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ImageArchitecture } from "./base-root.ts";
import { command } from "./debian-packages.ts";
import { type Blob, blobOf, type Layer } from "./layer.ts";

/** An image of one architecture. */
export interface Image {
  readonly architecture: ImageArchitecture;
  readonly config: Blob;
  readonly layers: readonly Layer[];
}

const TYPE = "application/vnd.oci.image";

function place(blob: Blob, path: string): void {
  try {
    linkSync(blob.file, path);
  } catch {
    copyFileSync(blob.file, path);
  }
}

function pack(directory: string, epoch: number, output: string, names: readonly string[]): void {
  const fixed = [
    "--format=gnu",
    "--sort=name",
    `--mtime=@${epoch}`,
    "--numeric-owner",
    "--owner=0",
    "--group=0",
  ];
  command("tar", [
    ...fixed,
    "--mode=u=rwX,go=rX",
    "--hard-dereference",
    "-cf",
    output,
    "-C",
    directory,
    ...names,
  ]);
}

/**
 * Writes what `docker load` and `podman load` read: one architecture. The layers are compressed, not the whole: not every
 * version of podman takes that.
 */
export function writeDockerArchive(
  image: Image,
  tags: readonly string[],
  epoch: number,
  output: string,
  scratch: string,
): void {
  rmSync(scratch, { recursive: true, force: true });
  mkdirSync(scratch, { recursive: true });
  const names = image.layers.map(({ compressed }) => {
    const name = `${compressed.digest}.tar.gz`;
    place(compressed, join(scratch, name));
    return name;
  });
  const config = `${image.config.digest}.json`;
  place(image.config, join(scratch, config));
  const manifest = [{ Config: config, RepoTags: tags, Layers: names }];
  writeFileSync(join(scratch, "manifest.json"), JSON.stringify(manifest));
  pack(scratch, epoch, output, ["manifest.json", config, ...names]);
  rmSync(scratch, { recursive: true, force: true });
}

export interface OciNames {
  /** `repository:version` */
  readonly tag: string;
  /** Said of each image and of the index of all. */
  readonly annotations: Readonly<Record<string, string>>;
}

/** Writes the OCI layout of all architectures as one archive; its layers are compressed. */
export function writeOciArchive(
  images: readonly Image[],
  { tag, annotations }: OciNames,
  epoch: number,
  output: string,
  scratch: string,
): void {
  rmSync(scratch, { recursive: true, force: true });
  const blobs = join(scratch, "blobs/sha256");
  mkdirSync(blobs, { recursive: true });
  const add = (blob: Blob): Blob => {
    rmSync(join(blobs, blob.digest), { force: true });
    place(blob, join(blobs, blob.digest));
    return blob;
  };
  const addText = (text: string): Blob => {
    const file = join(scratch, "text");
    writeFileSync(file, text);
    const blob = blobOf(file);
    copyFileSync(file, join(blobs, blob.digest));
    rmSync(file);
    return blob;
  };
  const descriptor = (type: string, { digest, size }: Blob) => ({
    mediaType: `${TYPE}.${type}`,
    digest: `sha256:${digest}`,
    size,
  });
  const manifests = images.map(({ architecture, config, layers }) => {
    const manifest = addText(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: `${TYPE}.manifest.v1+json`,
        config: descriptor("config.v1+json", add(config)),
        layers: layers.map(({ compressed }) => descriptor("layer.v1.tar+gzip", add(compressed))),
        annotations,
      }),
    );
    return { ...descriptor("manifest.v1+json", manifest), platform: { architecture, os: "linux" } };
  });
  const index = { schemaVersion: 2, mediaType: `${TYPE}.index.v1+json` };
  const inner = descriptor("index.v1+json", addText(JSON.stringify({ ...index, manifests, annotations })));
  const names = {
    "io.containerd.image.name": tag,
    "org.opencontainers.image.ref.name": tag.split(":")[1],
  };
  writeFileSync(
    join(scratch, "index.json"),
    JSON.stringify({ ...index, manifests: [{ ...inner, annotations: names }] }),
  );
  writeFileSync(join(scratch, "oci-layout"), JSON.stringify({ imageLayoutVersion: "1.0.0" }));
  pack(scratch, epoch, output, ["oci-layout", "index.json", "blobs"]);
  rmSync(scratch, { recursive: true, force: true });
}
