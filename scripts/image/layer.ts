/** Layers of an image: a directory as a tar archive whose bytes depend on nothing but its content. */

import { createHash } from "node:crypto";
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { command } from "./debian-packages.ts";

const compress = promisify(gzip);

/** A file that is named by the hash of its content. */
export interface Blob {
  readonly file: string;
  /** SHA-256 in hexadecimal digits. */
  readonly digest: string;
  /** In bytes. */
  readonly size: number;
}

export interface Layer {
  readonly plain: Blob;
  readonly compressed: Blob;
}

export function blobOf(file: string): Blob {
  const digest = createHash("sha256").update(readFileSync(file)).digest("hex");
  return { file, digest, size: statSync(file).size };
}

export interface LayerOptions {
  readonly directory: string;
  /** Paths below it that belong to another user than root, and which: user and group have the same number. */
  readonly owned?: { readonly id: number; readonly paths: readonly string[] };
  /** Time of all entries, seconds since 1970. */
  readonly epoch: number;
  /** The archive; beside it a compressed one with `.gz` is made. */
  readonly output: string;
}

/** Makes a layer. Modes are taken as they are, owners are not: so it needs no root. */
export async function makeLayer({ directory, owned, epoch, output }: LayerOptions): Promise<Layer> {
  const format = ["--format=gnu", "--sort=name", `--mtime=@${epoch}`, "--numeric-owner"];
  const owner = (id: number): string[] => [`--owner=${id}`, `--group=${id}`];
  rmSync(output, { force: true });
  const paths = owned?.paths.filter((path) => existsSync(`${directory}/${path}`)) ?? [];
  const excluded = paths.map((path) => `--exclude=./${path}`);
  command("tar", [...format, ...owner(0), "-cf", output, "-C", directory, "--anchored", ...excluded, "."]);
  if (owned !== undefined && paths.length > 0) {
    const own = paths.map((path) => `./${path}`);
    command("tar", [...format, ...owner(owned.id), "-rf", output, "-C", directory, ...own]);
  }
  const compressed = `${output}.gz`;
  writeFileSync(compressed, await compress(readFileSync(output), { level: 9 }));
  return { plain: blobOf(output), compressed: blobOf(compressed) };
}
