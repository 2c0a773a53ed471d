import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { type Image, writeDockerArchive, writeOciArchive } from "./archives.ts";
import { imageConfig } from "./image-config.ts";
import { blobOf, makeLayer } from "./layer.ts";

const EPOCH = 1_700_000_000;

describe("archives of images", { skip: process.platform === "linux" ? false : "GNU tar is needed" }, () => {
  let directory = "";
  let images: Image[] = [];
  const path = (...names: string[]): string => join(directory, ...names);

  function tree(name: string): string {
    const root = path(name);
    mkdirSync(join(root, "own/empty"), { recursive: true });
    writeFileSync(join(root, "program"), "#!/bin/sh\n", { mode: 0o755 });
    writeFileSync(join(root, "own/file"), name.slice(0, 1));
    symlinkSync("program", join(root, "link"));
    return root;
  }

  async function image(architecture: "amd64" | "arm64", name: string): Promise<Image> {
    const owned = { id: 10_000, paths: ["own", "absent"] };
    const layer = await makeLayer({
      directory: tree(name),
      owned,
      epoch: EPOCH,
      output: path(`${name}.tar`),
    });
    const facts = { architecture, version: "1.2.3", revision: "abc", epoch: EPOCH };
    writeFileSync(path(`${name}.json`), imageConfig(facts, [{ layer, comment: "a layer" }]));
    return { architecture, config: blobOf(path(`${name}.json`)), layers: [layer] };
  }

  function unpack(archive: string): string {
    const to = `${archive}.unpacked`;
    mkdirSync(to);
    execFileSync("tar", ["-xf", archive, "-C", to]);
    return to;
  }

  before(async () => {
    directory = mkdtempSync(join(tmpdir(), "vernemq-archives-"));
    images = [await image("amd64", "a"), await image("arm64", "b")];
  });
  after(() => rmSync(directory, { recursive: true, force: true }));

  it("have layers with owners, modes and times of their own", () => {
    const list = execFileSync("tar", ["--full-time", "--utc", "--numeric-owner", "-tvf", path("a.tar")], {
      encoding: "utf8",
    });
    const lines = list
      .trim()
      .split("\n")
      .map((line) => line.replace(/\s+/g, " "));
    const expected = [
      /^drwx\S+ 0\/0 0 2023-11-14 22:13:20 \.\/$/,
      /^lrwx\S+ 0\/0 0 2023-11-14 22:13:20 \.\/link -> program$/,
      /^-rwxr-xr-x 0\/0 10 2023-11-14 22:13:20 \.\/program$/,
      /^drwx\S+ 10000\/10000 0 2023-11-14 22:13:20 \.\/own\/$/,
      /^drwx\S+ 10000\/10000 0 2023-11-14 22:13:20 \.\/own\/empty\/$/,
      /^-rw\S+ 10000\/10000 1 2023-11-14 22:13:20 \.\/own\/file$/,
    ];
    assert.equal(lines.length, expected.length, list);
    for (const [index, pattern] of expected.entries()) assert.match(lines[index] ?? "", pattern);
  });

  it("depend on nothing but the content", async () => {
    const [first] = images;
    const again = await image("amd64", "again");
    utimesSync(path("again/program"), 1, 1);
    const later = await makeLayer({
      directory: path("again"),
      owned: { id: 10_000, paths: ["own"] },
      epoch: EPOCH,
      output: path("later.tar"),
    });
    assert.equal(later.plain.digest, first?.layers[0]?.plain.digest);
    assert.equal(later.compressed.digest, first?.layers[0]?.compressed.digest);
    assert.equal(again.config.digest, first?.config.digest);
  });

  it("are what docker load reads", () => {
    const [first] = images;
    assert.ok(first !== undefined);
    writeDockerArchive(first, ["vernemq/vernemq:1.2.3"], EPOCH, path("docker.tar"), path("scratch"));
    const root = unpack(path("docker.tar"));
    const [manifest] = JSON.parse(readFileSync(join(root, "manifest.json"), "utf8"));
    assert.deepEqual(manifest.RepoTags, ["vernemq/vernemq:1.2.3"]);
    const config = JSON.parse(readFileSync(join(root, manifest.Config), "utf8"));
    assert.equal(config.architecture, "amd64");
    assert.deepEqual(config.rootfs.diff_ids, [`sha256:${first.layers[0]?.plain.digest}`]);
    assert.equal(blobOf(join(root, manifest.Layers[0])).digest, first.layers[0]?.compressed.digest);
  });

  it("are an OCI layout in which every digest is right", () => {
    const annotations = { "org.opencontainers.image.version": "1.2.3" };
    writeOciArchive(
      images,
      { tag: "vernemq/vernemq:1.2.3", annotations },
      EPOCH,
      path("oci.tar"),
      path("scratch"),
    );
    const root = unpack(path("oci.tar"));
    assert.deepEqual(JSON.parse(readFileSync(join(root, "oci-layout"), "utf8")), {
      imageLayoutVersion: "1.0.0",
    });
    const read = ({ digest, size }: { digest: string; size: number }): Buffer => {
      const file = join(root, "blobs", digest.replace(":", "/"));
      assert.equal(statSync(file).size, size);
      const bytes = readFileSync(file);
      assert.equal(`sha256:${createHash("sha256").update(bytes).digest("hex")}`, digest);
      return bytes;
    };
    const json = (descriptor: { digest: string; size: number }) => JSON.parse(read(descriptor).toString());
    const [outer] = JSON.parse(readFileSync(join(root, "index.json"), "utf8")).manifests;
    assert.equal(outer.annotations["org.opencontainers.image.ref.name"], "1.2.3");
    assert.deepEqual(json(outer).annotations, annotations);
    const architectures: string[] = [];
    for (const descriptor of json(outer).manifests) {
      const manifest = json(descriptor);
      assert.deepEqual(manifest.annotations, annotations);
      assert.equal(json(manifest.config).architecture, descriptor.platform.architecture);
      for (const layer of manifest.layers) read(layer);
      architectures.push(descriptor.platform.architecture);
    }
    assert.deepEqual(architectures, ["amd64", "arm64"]);
  });
});
