/** The RPM package, made by rpmbuild. */

import { copyFileSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { MAINTAINER, type PackageOptions, run } from "./package.ts";
import { fill, stagePackage } from "./stage.ts";

const ARCHITECTURES = { x64: "x86_64", arm64: "aarch64" } as const;
const COMPRESSION = { small: "w19.zstdio", fast: "w1.zstdio" } as const;

/** Makes the package and returns its path. */
export function makeRpm(options: PackageOptions): string {
  const { root, arch, output, version, epoch, work, compression } = options;
  const stage = join(work, "rpm");
  const top = join(work, "rpmbuild");
  stagePackage({ ...options, directory: stage, environment: "/etc/sysconfig/vernemq" });
  rmSync(top, { recursive: true, force: true });
  mkdirSync(top, { recursive: true });
  const rpmVersion = version.replace("-", "~");
  const date = new Date(epoch * 1000).toUTCString();
  const [weekday = "", day = "", month = "", year = ""] = date.replace(",", "").split(" ");
  const spec = join(top, "vernemq.spec");
  writeFileSync(
    spec,
    fill(join(root, "packaging/rpm/vernemq.spec"), {
      VERSION: rpmVersion,
      MAINTAINER,
      CHANGELOG_DATE: `${weekday} ${month} ${day} ${year}`,
    }),
  );
  const definitions: Record<string, string> = {
    _topdir: top,
    stage,
    _binary_payload: COMPRESSION[compression],
    _buildhost: "reproducible",
    use_source_date_epoch_as_buildtime: "1",
    clamp_mtime_to_source_date_epoch: "1",
  };
  const defines = Object.entries(definitions).flatMap(([name, value]) => ["--define", `${name} ${value}`]);
  run("rpmbuild", ["-bb", "--quiet", "--target", `${ARCHITECTURES[arch]}-linux`, ...defines, spec], epoch);
  const folder = join(top, "RPMS", ARCHITECTURES[arch]);
  const [made] = readdirSync(folder);
  if (made === undefined) throw new Error(`rpmbuild has made nothing in ${folder}`);
  mkdirSync(output, { recursive: true });
  const file = join(output, made);
  copyFileSync(join(folder, made), file);
  for (const directory of [stage, top]) rmSync(directory, { recursive: true, force: true });
  return file;
}
