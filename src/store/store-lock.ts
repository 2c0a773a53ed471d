import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { ClassicLevel } from "classic-level";
import { levelCode } from "./level-database.ts";

/** A folder in the store's directory. */
const LOCK_FOLDER = "lock";
/** The file in it that is locked; it is never removed, since who has locked a file that is gone has locked nothing. */
const LOCK_FILE = "LOCK";
const WRITE_BUFFER = 64 * 1024;

/**
 * The right to look at the files of a store, to mend them, and to open it. The runtime has no locks on files, LevelDB has:
 * so the lock is an empty database beside the store's own, which the kernel gives up with the process that had it open.
 */
export class StoreLock {
  readonly #database: ClassicLevel;

  private constructor(database: ClassicLevel) {
    this.#database = database;
  }

  /** Rejects with LevelDB's error as cause; its code is `LEVEL_LOCKED` while another holds it. */
  static async take(directory: string): Promise<StoreLock> {
    const folder = join(directory, LOCK_FOLDER);
    try {
      return await open(folder);
    } catch (error) {
      if (levelCode(error) === "LEVEL_LOCKED") throw error;
      // There is nothing in it: whatever is damaged can be made anew.
      const names = await readdir(folder);
      for (const name of names) if (name !== LOCK_FILE) await rm(join(folder, name), { recursive: true });
      return await open(folder);
    }

    async function open(location: string): Promise<StoreLock> {
      const database = new ClassicLevel(location, {
        writeBufferSize: WRITE_BUFFER,
        cacheSize: 0,
        maxOpenFiles: 64,
      });
      await database.open();
      return new StoreLock(database);
    }
  }

  /** Whether a path belongs to the lock: who opens and closes its file in this process gives the lock up. */
  static owns(path: string, directory: string): boolean {
    return path === join(directory, LOCK_FOLDER);
  }

  release(): Promise<void> {
    return this.#database.close();
  }
}
