import type { Database, Snapshot } from "./database.ts";

/**
 * The database as it is now: it is closed and opened again after a write error, and readers should not notice. Reads
 * wait while it is away and are done again when it went away under them.
 */
export class DatabaseAccess {
  #database: Database | null;
  #generation = 0;
  #waiting: (() => void)[] = [];
  #closed = false;

  constructor(database: Database) {
    this.#database = database;
  }

  /** Counts the openings. */
  get generation(): number {
    return this.#generation;
  }

  /** The database, or null while it is away. */
  get current(): Database | null {
    return this.#database;
  }

  /** The database is away until `replace`. Gives the one there was. */
  take(): Database | null {
    const database = this.#database;
    this.#database = null;
    return database;
  }

  /** It is back. */
  replace(database: Database): void {
    this.#database = database;
    this.#generation++;
    this.#wake();
  }

  /** Reads fail from now on. */
  close(): Database | null {
    this.#closed = true;
    this.#wake();
    return this.take();
  }

  /**
   * Runs a reader on a consistent view. It may be run again from its start when the database was replaced meanwhile.
   *
   * @throws Error after `close`, and whatever the reader throws of its own
   */
  async read<T>(reader: (snapshot: Snapshot) => Promise<T>): Promise<T> {
    for (;;) {
      const database = await this.#present();
      const generation = this.#generation;
      try {
        const snapshot = database.snapshot();
        try {
          return await reader(snapshot);
        } finally {
          await snapshot.close();
        }
      } catch (error) {
        if (this.#database === database && this.#generation === generation) throw error;
      }
    }
  }

  /**
   * Reads page by page, one page ahead. `pages` is called again when the database was replaced meanwhile, and then has to
   * go on after the last page that it gave.
   *
   * @throws Error as `read`
   */
  async *scan<Page>(pages: (snapshot: Snapshot) => AsyncGenerator<Page>): AsyncGenerator<Page> {
    for (;;) {
      const database = await this.#present();
      const generation = this.#generation;
      const snapshot = database.snapshot();
      const scan = pages(snapshot);
      try {
        let next = scan.next();
        for (;;) {
          const page = await next;
          if (page.done === true) return;
          next = scan.next();
          // Should nobody want it any more, nobody is there for its failure.
          next.catch(() => undefined);
          yield page.value;
        }
      } catch (error) {
        if (this.#database === database && this.#generation === generation) throw error;
      } finally {
        await scan.return(undefined).catch(() => undefined);
        await snapshot.close();
      }
    }
  }

  /** The database, when it is there. */
  async #present(): Promise<Database> {
    for (;;) {
      if (this.#database !== null) return this.#database;
      if (this.#closed) throw new Error("the message store is closed");
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}
