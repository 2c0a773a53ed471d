import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** File with the process id of the owner, and how often the store has been opened since it was last closed in order. */
const OWNER_FILE = "owner.pid";
const FILE_MODE = 0o600;

/** Whom a store belongs to, or belonged to when it was not closed in order. */
export interface Owner {
  readonly pid: number;
  readonly openings: number;
}

/** The last owner of a store, if it was not closed in order. */
export async function readOwner(directory: string): Promise<Owner | null> {
  const text = await readFile(join(directory, OWNER_FILE), "utf8").catch(() => "");
  const [, pid, openings] = /^(\d+)\n(?:(\d+)\n)?/.exec(text) ?? [];
  return pid === undefined ? null : { pid: Number(pid), openings: Number(openings ?? 1) };
}

/** Whether a process has that id. */
export function isAlive({ pid }: Owner): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // It is there, and belongs to somebody else.
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}

/** Leaves our process id, for messages. The lock is another thing: this may fail. */
export async function writeOwner(directory: string, openings: number): Promise<void> {
  const text = `${process.pid}\n${openings}\n`;
  await writeFile(join(directory, OWNER_FILE), text, { mode: FILE_MODE }).catch(() => undefined);
}

export async function removeOwner(directory: string): Promise<void> {
  await rm(join(directory, OWNER_FILE), { force: true });
}
