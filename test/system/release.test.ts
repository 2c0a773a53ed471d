/** The artifacts of a release, for the platform this runs on. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { it } from "node:test";
import { platformNamed } from "../../scripts/build/platform.ts";
import { archiveName } from "../../scripts/release/archives.ts";
import { makeRelease } from "../../scripts/release/release.ts";
import { VERSION } from "../../src/config/version.ts";
import { temporaryDirectory } from "../support/processes.ts";
import { runBare } from "./support/bare-process.ts";
import { missing } from "./support/requirements.ts";

const root = dirname(dirname(import.meta.dirname));

it("a release has the same bytes when it is made again, sums that fit, and an archive that runs", {
  skip: missing({ commands: ["sha256sum", "tar"] }),
}, async () => {
  const platform = platformNamed(root);
  const directory = temporaryDirectory();
  const outputs = ["first", "second"].map((name) => join(directory, name));
  for (const output of outputs)
    await makeRelease({ root, platforms: [platform], only: ["archives"], output, say: () => {} });
  const [first = "", second = ""] = outputs;
  assert.equal(
    readFileSync(join(first, "SHA256SUMS"), "utf8"),
    readFileSync(join(second, "SHA256SUMS"), "utf8"),
  );
  execFileSync("sha256sum", ["--check", "--quiet", "--strict", "SHA256SUMS"], { cwd: first });

  const name = archiveName(VERSION, platform);
  const manifest: {
    version: string;
    executables: { platform: string; proof: string }[];
    artifacts: { file: string }[];
  } = JSON.parse(readFileSync(join(first, "release.json"), "utf8"));
  assert.equal(manifest.version, VERSION);
  assert.deepEqual(
    manifest.executables.map(({ proof }) => proof),
    ["run"],
  );
  const files = readdirSync(first).filter((file) => file !== "SHA256SUMS" && file !== "release.json");
  assert.deepEqual(manifest.artifacts.map(({ file }) => file).sort(), files.sort());

  execFileSync("tar", ["-xzf", join(first, `${name}.tar.gz`), "-C", directory]);
  const tree = join(directory, name);
  const finished = await runBare(join(tree, "bin/vernemq"), ["version"], {});
  assert.deepEqual(finished, { status: 0, stdout: `${VERSION}\n`, stderr: "" });
  for (const path of [
    "etc/vernemq.conf",
    "etc/conf.d",
    "data",
    "log",
    "share/3rd-party-licenses.txt",
    "share/LICENSE",
    "share/schema/vernemq.json",
  ])
    assert.ok(existsSync(join(tree, path)), path);
});
