/** The Debian package, made by dpkg-deb. */

import { createHash } from "node:crypto";
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { gzipSync } from "node:zlib";
import { MAINTAINER, type PackageOptions, run } from "./package.ts";
import { fill, settle, stagePackage } from "./stage.ts";

const ARCHITECTURES = { x64: "amd64", arm64: "arm64" } as const;
const SCRIPTS = ["postinst", "prerm", "postrm"];

/**
 * How dpkg-deb packs. Debian 12 and Ubuntu 22.04 and their successors read zstd, but any dpkg reads xz, which is smaller
 * by a fifth, too; it takes half a minute once, where the package is made. See RELEASING.md.
 */
const COMPRESSION = { small: ["-Zxz", "-z6"], fast: ["-Zxz", "-z0"] } as const;

/** The version as dpkg orders them: 1.0.0-rc.1 comes before 1.0.0. */
function debVersion(version: string): string {
  return `${version.replace("-", "~")}-1`;
}

/** Makes the package and returns its path. */
export function makeDeb(options: PackageOptions): string {
  const { root, arch, output, version, epoch, work, compression } = options;
  const directory = join(work, "deb");
  stagePackage({ ...options, directory, environment: "/etc/default/vernemq" });
  writeDocuments(options, directory);
  const control = join(directory, "DEBIAN");
  rmSync(control, { recursive: true, force: true });
  const files = filesBelow(directory);
  mkdirSync(control);
  const template = join(root, "packaging/deb");
  writeFileSync(
    join(control, "control"),
    fill(join(template, "control"), {
      VERSION: debVersion(version),
      ARCHITECTURE: ARCHITECTURES[arch],
      MAINTAINER,
      INSTALLED_SIZE: String(installedSize(directory)),
    }),
  );
  const conffiles = readFileSync(join(template, "conffiles"), "utf8");
  writeFileSync(join(control, "conffiles"), conffiles);
  const sums = files
    .filter((path) => !conffiles.split("\n").includes(`/${path}`))
    .map((path) => `${md5(join(directory, path))}  ${path}\n`);
  writeFileSync(join(control, "md5sums"), sums.join(""));
  for (const script of SCRIPTS)
    writeFileSync(join(control, script), readFileSync(join(template, script)), { mode: 0o755 });
  settle(directory, epoch);
  for (const script of SCRIPTS) chmodSync(join(control, script), 0o755);
  const file = join(output, `vernemq_${debVersion(version)}_${ARCHITECTURES[arch]}.deb`);
  mkdirSync(output, { recursive: true });
  run("dpkg-deb", ["--root-owner-group", ...COMPRESSION[compression], "--build", directory, file], epoch);
  rmSync(directory, { recursive: true, force: true });
  return file;
}

/** What Debian wants below /usr/share/doc and for lintian. */
function writeDocuments({ root, version, epoch }: PackageOptions, directory: string): void {
  const doc = join(directory, "usr/share/doc/vernemq");
  const template = join(root, "packaging/deb");
  writeFileSync(join(doc, "copyright"), readFileSync(join(template, "copyright")));
  // The licence is named in the copyright file; Debian has its text.
  rmSync(join(directory, "usr/share/vernemq/LICENSE"), { force: true });
  writeFileSync(join(doc, "changelog.gz"), gzipSync(readFileSync(join(doc, "CHANGELOG.md")), { level: 9 }));
  rmSync(join(doc, "CHANGELOG.md"));
  const date = new Date(epoch * 1000).toUTCString().replace("GMT", "+0000");
  const entry = `vernemq (${debVersion(version)}) unstable; urgency=medium

  * See changelog.gz for what users notice.

 -- ${MAINTAINER}  ${date}
`;
  writeFileSync(join(doc, "changelog.Debian.gz"), gzipSync(entry, { level: 9 }));
  const overrides = join(directory, "usr/share/lintian/overrides");
  mkdirSync(overrides, { recursive: true });
  writeFileSync(join(overrides, "vernemq"), readFileSync(join(template, "lintian-overrides")));
}

function filesBelow(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(directory, join(entry.parentPath, entry.name)))
    .sort();
}

function md5(path: string): string {
  return createHash("md5").update(readFileSync(path)).digest("hex");
}

/** KiB, each file rounded up, a KiB for everything else: as dpkg-gencontrol counts. */
function installedSize(directory: string): number {
  return readdirSync(directory, { recursive: true, withFileTypes: true }).reduce((sum, entry) => {
    const size = entry.isFile() ? statSync(join(entry.parentPath, entry.name)).size : 1;
    return sum + Math.max(1, Math.ceil(size / 1024));
  }, 0);
}
