import { ClassicLevel } from "classic-level";
import type { Database, Entry, ScanOptions, Snapshot, TextEntry, WriteSet } from "./database.ts";
import type { KeyRange } from "./keys.ts";

/** What LevelDB is told. All sizes in bytes. */
export interface LevelOptions {
  readonly cacheBytes: number;
  readonly writeBufferBytes: number;
  readonly blockBytes: number;
  readonly blockRestartInterval: number;
  readonly maxOpenFiles: number;
  readonly compression: boolean;
}

type Level = ClassicLevel<Buffer, Buffer>;

const PAGE_ENTRIES = 1000;
const PAGE_BYTES = 256 * 1024;
const EMPTY = Buffer.alloc(0);
/** So many bytes are read back within some milliseconds. */
const SMALL_LOG = 1024 * 1024;
/** Two keys that nothing stands between. */
const NO_KEYS = [Buffer.from([0xff, 0xfe]), Buffer.from([0xff, 0xff])] as const;

/** What keys are given as. */
interface KeyKind<Key> {
  readonly encoding: "buffer" | "utf8";
  of(bytes: Buffer): Key;
  /** The first key after another one. */
  after(key: Key): Key;
}

const BYTES: KeyKind<Buffer> = {
  encoding: "buffer",
  of: (bytes) => bytes,
  after: (key) => Buffer.concat([key, Buffer.from([0])]),
};

const TEXT: KeyKind<string> = {
  encoding: "utf8",
  of: (bytes) => bytes.toString("utf8"),
  after: (key) => `${key}\0`,
};

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}

/** What LevelDB says when a table is shorter than it was: not the disk refused to read, but what is to be read is not there. */
const CUT_SHORT = /\.(?:ldb|sst): Invalid argument/;

/**
 * The code that LevelDB's binding gave an error or its cause: `LEVEL_LOCKED`, `LEVEL_CORRUPTION` (also for a table that was
 * cut short), `LEVEL_IO_ERROR` …
 */
export function levelCode(error: unknown): string {
  for (let current: unknown = error; current instanceof Error; current = current.cause) {
    const code: unknown = Reflect.get(current, "code");
    if (code === "LEVEL_IO_ERROR" && CUT_SHORT.test(current.message)) return "LEVEL_CORRUPTION";
    if (typeof code === "string" && code !== "LEVEL_DATABASE_NOT_OPEN") return code;
  }
  return "";
}

/** The innermost message of an error: what LevelDB itself said. */
export function levelMessage(error: unknown): string {
  let current = asError(error);
  while (current.cause instanceof Error) current = current.cause;
  return current.message;
}

class LevelSnapshot implements Snapshot {
  readonly #level: Level;
  readonly #snapshot: ReturnType<Level["snapshot"]>;

  constructor(level: Level) {
    this.#level = level;
    this.#snapshot = level.snapshot();
  }

  async get(keys: readonly Buffer[], cached = true): Promise<(Buffer | undefined | Error)[]> {
    const options = { snapshot: this.#snapshot, fillCache: cached };
    try {
      return await this.#level.getMany([...keys], options);
    } catch (error) {
      if (levelCode(error) !== "LEVEL_CORRUPTION") throw error;
    }
    // One unreadable block fails them all: read one by one.
    return Promise.all(
      keys.map((key) =>
        this.#level.get(key, options).catch((error: unknown) => {
          if (levelCode(error) === "LEVEL_CORRUPTION") return asError(error);
          throw error;
        }),
      ),
    );
  }

  scan(range: KeyRange, options: ScanOptions = {}): AsyncGenerator<readonly Entry[]> {
    return this.#scan(BYTES, range, options);
  }

  scanTexts(range: KeyRange, options: ScanOptions = {}): AsyncGenerator<readonly TextEntry[]> {
    return this.#scan(TEXT, range, options);
  }

  async *#scan<Key>(
    kind: KeyKind<Key>,
    range: KeyRange,
    options: ScanOptions,
  ): AsyncGenerator<readonly (readonly [key: Key, value: Buffer])[]> {
    let gte = kind.of(range.gte);
    let lt = kind.of(range.lt);
    let pageEntries = options.pageEntries ?? PAGE_ENTRIES;
    const { reverse = false, keysOnly = false } = options;
    for (;;) {
      const iterator = this.#level.iterator<Key, Buffer>({
        keyEncoding: kind.encoding,
        gte,
        lt,
        reverse,
        values: !keysOnly,
        snapshot: this.#snapshot,
        highWaterMarkBytes: options.pageBytes ?? PAGE_BYTES,
      });
      try {
        for (;;) {
          const page = await iterator.nextv(pageEntries);
          const last = page.at(-1);
          if (last === undefined) return;
          yield keysOnly ? page.map(([key]) => [key, EMPTY] as const) : page;
          if (reverse) lt = last[0];
          else gte = kind.after(last[0]);
        }
      } catch (error) {
        if (levelCode(error) !== "LEVEL_CORRUPTION") throw error;
        // LevelDB skips blocks that it cannot read and says so at the end, when the page is lost with it. Going on one
        // by one gives all that can be read.
        if (pageEntries === 1) {
          options.onDamage?.(asError(error));
          return;
        }
        pageEntries = 1;
      } finally {
        await iterator.close();
      }
    }
  }

  close(): Promise<void> {
    return this.#snapshot.close();
  }
}

/** A LevelDB database. */
export class LevelDatabase implements Database {
  readonly #level: Level;
  /** Bytes written since it was opened. */
  #written = 0;

  private constructor(level: Level) {
    this.#level = level;
  }

  /** Opens the database in a directory, or makes one there. Rejects with LevelDB's error as cause. */
  static async open(directory: string, options: LevelOptions): Promise<LevelDatabase> {
    const level: Level = new ClassicLevel<Buffer, Buffer>(directory, {
      keyEncoding: "buffer",
      valueEncoding: "buffer",
      cacheSize: options.cacheBytes,
      writeBufferSize: options.writeBufferBytes,
      blockSize: options.blockBytes,
      blockRestartInterval: options.blockRestartInterval,
      maxOpenFiles: options.maxOpenFiles,
      compression: options.compression,
    });
    await level.open();
    return new LevelDatabase(level);
  }

  async write(set: WriteSet, sync: boolean): Promise<void> {
    const { keys, values } = set;
    this.#written += set.bytes;
    const batch = this.#level.batch();
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i] ?? EMPTY;
      const value = values[i];
      if (value === null || value === undefined) batch.del(key);
      else batch.put(key, value);
    }
    await batch.write({ sync });
  }

  snapshot(): Snapshot {
    return new LevelSnapshot(this.#level);
  }

  /**
   * Writes LevelDB's table in memory to a file: an opening would read its log, put that into such a table and write it then,
   * which takes ten times as long. A compaction of no keys does that and nothing else. For a small log it is not worth a file.
   */
  async settle(): Promise<void> {
    if (this.#written > SMALL_LOG) await this.#level.compactRange(...NO_KEYS);
  }

  close(): Promise<void> {
    return this.#level.close();
  }
}
