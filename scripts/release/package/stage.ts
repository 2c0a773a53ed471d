/** The one tree that both kinds of packages are made from: the release, with everything where a system expects it. */

import {
  chmodSync,
  cpSync,
  lutimesSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { shippedConfFile } from "../../../src/config/generate/conf-file.ts";
import { completions } from "./completion.ts";
import { manPages } from "./man-pages.ts";

export interface StageOptions {
  /** The checkout. */
  readonly root: string;
  /** The release of the platform. */
  readonly tree: string;
  /** Where the package tree is laid out; emptied first. */
  readonly directory: string;
  readonly version: string;
  /** The file in which systems of this kind keep variables for the service. */
  readonly environment: string;
  /** Seconds since 1970: the time of every file. */
  readonly epoch: number;
}

/** Where the packages put things; also what lib/installation.json says, and the paths of the shipped vernemq.conf. */
const PLACES = {
  conf: "/etc/vernemq/vernemq.conf",
  data: "/var/lib/vernemq",
  log: "/var/log/vernemq",
  run: "/run/vernemq",
  share: "/usr/share/vernemq",
} as const;

const HOME = "/usr/lib/vernemq";
const DOC = "/usr/share/doc/vernemq";
const COMMANDS = ["vernemq", "vmq-admin", "vmq-passwd"];

/** Lays out what is the same in every package. */
export function stagePackage(options: StageOptions): void {
  const { root, tree, directory, version, epoch, environment } = options;
  rmSync(directory, { recursive: true, force: true });
  const at = (path: string): string => join(directory, path);
  const write = (path: string, content: string | Buffer): void => {
    mkdirSync(dirname(at(path)), { recursive: true });
    writeFileSync(at(path), content);
  };
  const copy = (from: string, to: string): void => {
    mkdirSync(dirname(at(to)), { recursive: true });
    cpSync(from, at(to), { recursive: true, verbatimSymlinks: true });
  };

  for (const part of ["bin", "lib"]) copy(join(tree, part), `${HOME}/${part}`);
  write(
    `${HOME}/lib/installation.json`,
    `${JSON.stringify({ ...PLACES, environment, user: "vernemq", service: "vernemq.service" }, undefined, 2)}\n`,
  );
  mkdirSync(at("/usr/sbin"), { recursive: true });
  for (const command of COMMANDS) symlinkSync(`../lib/vernemq/bin/${command}`, at(`/usr/sbin/${command}`));

  const configuration = shippedConfFile({ ...PLACES, etc: dirname(PLACES.conf), lib: `${HOME}/lib` });
  write(PLACES.conf, configuration.replace("docs/configuration.md", "man 5 vernemq.conf"));
  copy(join(tree, "etc/vmq.acl"), "/etc/vernemq/vmq.acl");
  for (const empty of ["/etc/vernemq/conf.d", PLACES.data, PLACES.log])
    mkdirSync(at(empty), { recursive: true });

  for (const entry of readdirSync(join(tree, "share"))) {
    if (entry === "doc") copy(join(tree, "share/doc"), DOC);
    else copy(join(tree, "share", entry), `${PLACES.share}/${entry}`);
  }
  const date = new Date(epoch * 1000).toISOString().slice(0, 10);
  for (const [file, text] of manPages({ version, date })) {
    write(`/usr/share/man/man${file.slice(-1)}/${file}.gz`, gzipSync(text, { level: 9 }));
  }
  for (const [command, text] of completions())
    write(`/usr/share/bash-completion/completions/${command}`, text);
  const packaging = join(root, "packaging");
  copy(join(packaging, "systemd/vernemq.service"), "/usr/lib/systemd/system/vernemq.service");
  copy(join(packaging, "systemd/tmpfiles.conf"), "/usr/lib/tmpfiles.d/vernemq.conf");
  settle(directory, epoch);
}

/** Gives every file below a directory the rights that a package has, and one time: the same input, the same bytes. */
export function settle(directory: string, epoch: number): void {
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) settle(path, epoch);
    else if (entry.isFile()) chmodSync(path, statSync(path).mode & 0o100 ? 0o755 : 0o644);
    lutimesSync(path, epoch, epoch);
  }
  chmodSync(directory, 0o755);
  lutimesSync(directory, epoch, epoch);
}

/** Puts values into a template: `@NAME@`. */
export function fill(template: string, values: Readonly<Record<string, string>>): string {
  return readFileSync(template, "utf8").replaceAll(/@([A-Z_]+)@/g, (_whole, name: string) => {
    const value = values[name];
    if (value === undefined) throw new Error(`${template} has the unknown word @${name}@`);
    return value;
  });
}
