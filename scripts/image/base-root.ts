/** What an image has besides the broker: the libraries of its executable, a shell, certificates, users. */

import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { command, type DebianPackage, unpackPackages } from "./debian-packages.ts";

export type ImageArchitecture = "amd64" | "arm64";

/** The user of the broker, as the documentation of VerneMQ's image names it. */
export const VERNEMQ_UID = 10_000;

const PACKAGES = [
  "base-files",
  "busybox-static",
  "ca-certificates",
  "libc6",
  "libgcc-s1",
  "libstdc++6",
] as const;

/** What the executable needs (the last ones open others by name), and who loads them. */
const LIBRARIES = [
  "libc.so.6",
  "libm.so.6",
  "libdl.so.2",
  "libpthread.so.0",
  "librt.so.1",
  "libresolv.so.2",
  "libnss_dns.so.2",
  "libnss_files.so.2",
  "libgcc_s.so.1",
  "libstdc++.so.6",
];

const MACHINE = {
  amd64: { triplet: "x86_64-linux-gnu", loader: "lib64/ld-linux-x86-64.so.2" },
  arm64: { triplet: "aarch64-linux-gnu", loader: "lib/ld-linux-aarch64.so.1" },
} as const;

function write(root: string, path: string, text: string, mode = 0o644): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
  chmodSync(join(root, path), mode);
}

function copyLibraries(from: string, root: string, architecture: ImageArchitecture): void {
  const { triplet, loader } = MACHINE[architecture];
  const target = join(root, "usr/lib", triplet);
  mkdirSync(target, { recursive: true });
  const copy = (source: string, name: string): void => {
    copyFileSync(realpathSync(source), join(target, name));
    chmodSync(join(target, name), 0o755);
  };
  for (const name of LIBRARIES) {
    const found = ["lib", "usr/lib"].map((folder) => join(from, folder, triplet, name)).find(existsSync);
    if (found === undefined) throw new Error(`no package has ${name}`);
    copy(found, name);
  }
  copy(join(from, "lib", triplet, basename(loader)), basename(loader));
  // The path of the loader is written into every executable.
  symlinkSync(`${triplet}/${basename(loader)}`, join(root, "usr", "lib", basename(loader)));
  if (loader.startsWith("lib64/")) {
    mkdirSync(join(root, "usr/lib64"));
    symlinkSync(`../lib/${triplet}/${basename(loader)}`, join(root, "usr/lib64", basename(loader)));
    symlinkSync("usr/lib64", join(root, "lib64"));
  }
}

/** The commands of busybox: the list is the same on all architectures, and only that of this machine can be run. */
function linkCommands(root: string): void {
  const folder = join(root, "usr/bin");
  for (const name of command("busybox", ["--list"]).trim().split("\n")) {
    if (name !== "busybox") symlinkSync("busybox", join(folder, name));
  }
}

function gatherCertificates(from: string): string {
  const folder = join(from, "usr/share/ca-certificates/mozilla");
  return readdirSync(folder)
    .sort()
    .map((name) => readFileSync(join(folder, name), "utf8").trimEnd())
    .join("\n")
    .concat("\n");
}

/** Says which packages parts of the image come from, where scanners of images look for that. */
function describePackages(from: string, root: string, packages: readonly DebianPackage[]): void {
  for (const { name, control } of packages) {
    write(root, `var/lib/dpkg/status.d/${name}`, `${control.trimEnd()}\nStatus: install ok installed\n`);
    const copyright = join("usr/share/doc", name, "copyright");
    // A link to the directory of another package of this list.
    if (existsSync(join(from, copyright)))
      write(root, copyright, readFileSync(join(from, copyright), "utf8"));
  }
}

/** Lays out the root of an image at `root`, which is emptied first. Returns the packages that it is made from. */
export function layOutBase(
  architecture: ImageArchitecture,
  root: string,
  scratch: string,
): readonly DebianPackage[] {
  const from = join(scratch, "unpacked");
  rmSync(from, { recursive: true, force: true });
  rmSync(root, { recursive: true, force: true });
  mkdirSync(from, { recursive: true });
  const packages = unpackPackages(PACKAGES, architecture, from, join(scratch, "apt"));
  for (const folder of [
    "usr/bin",
    "usr/sbin",
    "usr/lib",
    "root",
    "run",
    "tmp",
    "var/tmp",
    "var/lib",
    "var/log",
    "etc",
  ])
    mkdirSync(join(root, folder), { recursive: true });
  for (const folder of ["tmp", "var/tmp"]) chmodSync(join(root, folder), 0o1777);
  chmodSync(join(root, "root"), 0o700);
  for (const folder of ["bin", "sbin", "lib"]) symlinkSync(`usr/${folder}`, join(root, folder));
  symlinkSync("../run", join(root, "var/run"));
  copyLibraries(from, root, architecture);
  copyFileSync(join(from, "bin/busybox"), join(root, "usr/bin/busybox"));
  chmodSync(join(root, "usr/bin/busybox"), 0o755);
  linkCommands(root);
  write(root, "etc/ssl/certs/ca-certificates.crt", gatherCertificates(from));
  symlinkSync("certs/ca-certificates.crt", join(root, "etc/ssl/cert.pem"));
  const id = VERNEMQ_UID;
  write(
    root,
    "etc/passwd",
    "root:x:0:0:root:/root:/bin/sh\n" +
      `vernemq:x:${id}:${id}:VerneMQ broker:/vernemq:/bin/sh\n` +
      "nobody:x:65534:65534:nobody:/nonexistent:/bin/false\n",
  );
  write(root, "etc/group", `root:x:0:\nvernemq:x:${id}:\nnogroup:x:65534:\n`);
  write(root, "etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n");
  write(root, "usr/lib/os-release", readFileSync(join(from, "usr/lib/os-release"), "utf8"));
  symlinkSync("../usr/lib/os-release", join(root, "etc/os-release"));
  write(root, "etc/debian_version", readFileSync(join(from, "etc/debian_version"), "utf8"));
  describePackages(from, root, packages);
  rmSync(scratch, { recursive: true, force: true });
  return packages;
}
