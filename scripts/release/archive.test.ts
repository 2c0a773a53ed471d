import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { crc32, inflateRawSync } from "node:zlib";
import { tarGz, zip } from "./archive.ts";
import { archiveName } from "./archives.ts";

const EPOCH = 1_700_000_000;

describe("an archive", () => {
  let directory = "";
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "archive-"));
    mkdirSync(join(directory, "tree/bin"), { recursive: true });
    mkdirSync(join(directory, "tree/empty"));
    writeFileSync(join(directory, "tree/bin/run"), "#!/bin/sh\n", { mode: 0o700 });
    writeFileSync(join(directory, "tree/text"), "ä".repeat(1000), { mode: 0o600 });
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  it("as .tar.gz is what tar unpacks, links and rights too", { skip: process.platform === "win32" }, () => {
    symlinkSync("run", join(directory, "tree/bin/other"));
    const file = join(directory, "a.tar.gz");
    writeFileSync(file, tarGz(join(directory, "tree"), "name-1.0", EPOCH));
    const listing = execFileSync("tar", ["-tvzf", file], {
      encoding: "utf8",
      env: { PATH: process.env.PATH, TZ: "UTC" },
    });
    assert.match(listing, /^drwxr-xr-x root\/root +0 2023-11-14 22:13 name-1\.0\/$/m);
    assert.match(listing, /^-rwxr-xr-x root\/root +10 .* name-1\.0\/bin\/run$/m);
    assert.match(listing, /^lrwxrwxrwx .* name-1\.0\/bin\/other -> run$/m);
    assert.match(listing, /^-rw-r--r-- .* name-1\.0\/text$/m);
    assert.match(listing, /name-1\.0\/empty\/$/m);
    execFileSync("tar", ["-xzf", file, "-C", directory]);
    assert.equal(readFileSync(join(directory, "name-1.0/text"), "utf8"), "ä".repeat(1000));
  });

  it("as .zip holds every file whole, with its rights", () => {
    const archive = zip(join(directory, "tree"), "name-1.0", EPOCH);
    const entries = readZip(archive);
    assert.deepEqual(
      [...entries.keys()],
      ["name-1.0/", "name-1.0/bin/", "name-1.0/bin/run", "name-1.0/empty/", "name-1.0/text"],
    );
    assert.equal(entries.get("name-1.0/text")?.content, "ä".repeat(1000));
    assert.equal(entries.get("name-1.0/bin/run")?.mode, 0o100755);
    assert.equal(entries.get("name-1.0/text")?.mode, 0o100644);
  });

  it("has the same bytes whatever the times and owner's rights of the files", () => {
    const tree = join(directory, "tree");
    const [tar, packed] = [tarGz(tree, "n", EPOCH), zip(tree, "n", EPOCH)];
    utimesSync(join(tree, "text"), 1, 1);
    chmodSync(join(tree, "text"), 0o644);
    assert.ok(tarGz(tree, "n", EPOCH).equals(tar));
    assert.ok(zip(tree, "n", EPOCH).equals(packed));
    writeFileSync(join(tree, "text"), "changed");
    assert.ok(!tarGz(tree, "n", EPOCH).equals(tar));
  });

  it("for Windows has no links", { skip: process.platform === "win32" }, () => {
    symlinkSync("run", join(directory, "tree/bin/other"));
    assert.throws(() => zip(join(directory, "tree"), "n", EPOCH), /n\/bin\/other is a link/);
  });
});

/** What the directory of a .zip says, each entry read from where it points to. */
function readZip(archive: Buffer): ReadonlyMap<string, { content: string; mode: number }> {
  const end = archive.lastIndexOf(Buffer.from("PK\u0005\u0006", "latin1"));
  const entries = new Map<string, { content: string; mode: number }>();
  let at = archive.readUInt32LE(end + 16);
  for (let index = 0; index < archive.readUInt16LE(end + 10); index++) {
    assert.equal(archive.toString("latin1", at, at + 4), "PK\u0001\u0002");
    const nameLength = archive.readUInt16LE(at + 28);
    const name = archive.toString("utf8", at + 46, at + 46 + nameLength);
    const local = archive.readUInt32LE(at + 42);
    assert.equal(archive.toString("latin1", local, local + 4), "PK\u0003\u0004");
    const start = local + 30 + archive.readUInt16LE(local + 26);
    const content = inflateRawSync(archive.subarray(start, start + archive.readUInt32LE(at + 20)));
    assert.equal(crc32(content), archive.readUInt32LE(at + 16));
    assert.equal(content.length, archive.readUInt32LE(at + 24));
    entries.set(name, { content: content.toString("utf8"), mode: archive.readUInt32LE(at + 38) >>> 16 });
    at += 46 + nameLength;
  }
  assert.equal(at, end);
  return entries;
}

it("archives are named after the systems as people call them", () => {
  assert.equal(archiveName("1.2.3", platform("darwin")), "vernemq-1.2.3-macos-x64");
  assert.equal(archiveName("1.2.3", platform("win32")), "vernemq-1.2.3-windows-x64");
});

function platform(name: "darwin" | "win32") {
  return { platform: name, arch: "x64", package: "p", version: "1.0.0", binary: "bin/node" } as const;
}
