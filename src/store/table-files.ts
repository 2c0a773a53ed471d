import { readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Logger } from "../log/logger.ts";
import { checkTable } from "./table-check.ts";

const TABLE_FILE = /^\d+\.(?:ldb|sst)$/;
const MENDED = ".mended";
const FILE_MODE = 0o600;

/** All tables in a store's directory. */
export async function tablesIn(directory: string): Promise<string[]> {
  return (await readdir(directory)).filter((name) => TABLE_FILE.test(name));
}

/** Bytes of these files together. */
export async function sizeOf(directory: string, names: readonly string[]): Promise<number> {
  let bytes = 0;
  for (const name of names) bytes += (await stat(join(directory, name))).size;
  return bytes;
}

/** Which of these tables are damaged. */
export async function damagedTables(directory: string, names: readonly string[]): Promise<string[]> {
  const damaged: string[] = [];
  for (const name of names) {
    const path = join(directory, name);
    if (checkTable(await readFile(path)).kind !== "whole") damaged.push(name);
  }
  return damaged;
}

/** Takes damaged blocks out of these tables of a store that nobody has open, and tables away of which nothing is left. */
export async function mendTables(directory: string, names: readonly string[], log: Logger): Promise<void> {
  for (const name of names) {
    const path = join(directory, name);
    const check = checkTable(await readFile(path));
    if (check.kind === "whole") continue;
    if (check.kind === "lost") {
      log.error("store_table", `the file ${name} of the message store is damaged, all that is in it is lost`);
      await rm(path);
      continue;
    }
    const { bytes, lostBlocks, blocks } = check;
    const what =
      lostBlocks === 0
        ? "its filter is damaged, nothing is lost"
        : `${lostBlocks} of its ${blocks} blocks are damaged and lost`;
    log.error("store_table", `the file ${name} of the message store is mended: ${what}`);
    await writeFile(path + MENDED, bytes, { mode: FILE_MODE });
    await rename(path + MENDED, path);
  }
}
