import { readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** The files of a store that was closed in order, with their sizes. */
const INVENTORY_FILE = "closed.json";
const DATA_FILE = /^(?:\d+\.(?:ldb|sst|log)|MANIFEST-\d+|CURRENT)$/;

/** Writes down what the directory holds after an orderly close, so that the next start knows whether all is there. */
export async function writeInventory(directory: string): Promise<void> {
  const sizes: Record<string, number> = {};
  for (const name of await readdir(directory)) {
    if (DATA_FILE.test(name)) sizes[name] = (await stat(join(directory, name))).size;
  }
  await writeFile(join(directory, INVENTORY_FILE), JSON.stringify(sizes), { mode: 0o600 });
}

/**
 * What is missing of a store before it is opened, in words; empty when nothing is known to be. LevelDB itself begins an
 * empty log in place of one that is gone, and takes a damaged end for one that was never written. The inventory is
 * removed: it says nothing about the store once that is open.
 */
export async function missingFiles(directory: string): Promise<readonly string[]> {
  const present = (await readdir(directory)).filter((name) => DATA_FILE.test(name));
  const path = join(directory, INVENTORY_FILE);
  const inventory = parse(await readFile(path, "utf8").catch(() => ""));
  await rm(path, { force: true });
  if (inventory === undefined) {
    const begun = present.includes("CURRENT");
    const log = present.some((name) => name.endsWith(".log"));
    return begun && !log ? ["its log file is missing"] : [];
  }
  const problems: string[] = [];
  for (const [name, size] of inventory) {
    if (!present.includes(name)) {
      problems.push(`the file ${name} is missing`);
      continue;
    }
    const found = (await stat(join(directory, name))).size;
    if (found !== size) problems.push(`the file ${name} has ${found} bytes instead of ${size}`);
  }
  return problems;
}

function parse(text: string): readonly (readonly [string, number])[] | undefined {
  if (text === "") return undefined;
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== "object" || value === null) return undefined;
    return Object.entries(value).flatMap(([name, size]: [string, unknown]) =>
      typeof size === "number" && DATA_FILE.test(name) ? [[name, size] as const] : [],
    );
  } catch {
    return undefined;
  }
}
