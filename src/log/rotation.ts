import { createReadStream, createWriteStream } from "node:fs";
import { rename, rm, truncate } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import type { RotationOptions } from "./options.ts";

async function moved(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) throw error;
  }
}

/** Moves FILE to FILE.0, FILE.0 to FILE.1 and so on; what would be more than `keep` files is deleted. */
export async function rotate(path: string, options: RotationOptions): Promise<void> {
  if (options.keep === 0) {
    await truncate(path, 0);
    return;
  }
  for (const ending of ["", ".gz"]) {
    await rm(`${path}.${options.keep - 1}${ending}`, { force: true });
    for (let number = options.keep - 2; number >= 0; number--) {
      await moved(`${path}.${number}${ending}`, `${path}.${number + 1}${ending}`);
    }
  }
  const newest = `${path}.0`;
  await rename(path, newest);
  if (!options.compress) return;
  await pipeline(createReadStream(newest), createGzip(), createWriteStream(`${newest}.gz`, { mode: 0o640 }));
  await rm(newest, { force: true });
}
