import { readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** The files of a store that was closed in order, with sizes and times of change. */
const INVENTORY_FILE = "closed.json";
const DATA_FILE = /^(?:\d+\.(?:ldb|sst|log)|MANIFEST-\d+|CURRENT)$/;
const TABLE_FILE = /^\d+\.(?:ldb|sst)$/;

/** What is known of a store before it is opened. */
export interface Findings {
  /** What is missing, in words; empty when nothing is known to be. */
  readonly problems: readonly string[];
  /** It was closed in order. */
  readonly closed: boolean;
  /** Tables that are not as they were left; all of them after a crash. */
  readonly changedTables: readonly string[];
}

interface Item {
  readonly name: string;
  readonly size: number;
  /** Epoch milliseconds; undefined if it was not written down. */
  readonly changed: number | undefined;
}

/** Writes down what the directory holds after an orderly close, so that the next start knows whether all is there. */
export async function writeInventory(directory: string): Promise<void> {
  const items: Record<string, readonly [size: number, changed: number]> = {};
  for (const name of await readdir(directory)) {
    if (!DATA_FILE.test(name)) continue;
    const { size, mtimeMs } = await stat(join(directory, name));
    items[name] = [size, mtimeMs];
  }
  await writeFile(join(directory, INVENTORY_FILE), JSON.stringify(items), { mode: 0o600 });
}

/**
 * Holds a store against its inventory. LevelDB itself begins an empty log in place of one that is gone, and takes a damaged
 * end for one that was never written. The inventory is removed: it says nothing about the store once that is open.
 */
export async function takeInventory(directory: string): Promise<Findings> {
  const present = (await readdir(directory)).filter((name) => DATA_FILE.test(name));
  const tables = present.filter((name) => TABLE_FILE.test(name));
  const path = join(directory, INVENTORY_FILE);
  const inventory = parse(await readFile(path, "utf8").catch(() => ""));
  await rm(path, { force: true });
  if (inventory === undefined) {
    const begun = present.includes("CURRENT");
    const log = present.some((name) => name.endsWith(".log"));
    const problems = begun && !log ? ["its log file is missing"] : [];
    return { problems, closed: false, changedTables: tables };
  }
  const problems: string[] = [];
  const unchanged = new Set<string>();
  for (const { name, size, changed } of inventory) {
    if (!present.includes(name)) {
      problems.push(`the file ${name} is missing`);
      continue;
    }
    const found = await stat(join(directory, name));
    if (found.size !== size) problems.push(`the file ${name} has ${found.size} bytes instead of ${size}`);
    else if (changed === undefined || changed === found.mtimeMs) unchanged.add(name);
  }
  return { problems, closed: true, changedTables: tables.filter((name) => !unchanged.has(name)) };
}

function parse(text: string): readonly Item[] | undefined {
  if (text === "") return undefined;
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== "object" || value === null) return undefined;
    return Object.entries(value).flatMap(([name, item]: [string, unknown]) => {
      const parts: readonly unknown[] = Array.isArray(item) ? item : [item];
      const [size, changed] = parts;
      if (typeof size !== "number" || !DATA_FILE.test(name)) return [];
      return [{ name, size, changed: typeof changed === "number" ? changed : undefined }];
    });
  } catch {
    return undefined;
  }
}
