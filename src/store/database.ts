import type { KeyRange } from "./keys.ts";

/** What one write puts and deletes, in order: `values[i]` null deletes `keys[i]`. */
export class WriteSet {
  readonly keys: Buffer[] = [];
  readonly values: (Buffer | null)[] = [];
  /** Bytes of all keys and values. */
  bytes = 0;

  put(key: Buffer, value: Buffer): void {
    this.keys.push(key);
    this.values.push(value);
    this.bytes += key.length + value.length;
  }

  delete(key: Buffer): void {
    this.keys.push(key);
    this.values.push(null);
    this.bytes += key.length;
  }

  clear(): void {
    this.keys.length = 0;
    this.values.length = 0;
    this.bytes = 0;
  }
}

export type Entry = readonly [key: Buffer, value: Buffer];

/** An entry whose key is a text in UTF-8. */
export type TextEntry = readonly [key: string, value: Buffer];

export interface ScanOptions {
  /** At most this many entries in one page. Default 1000. */
  readonly pageEntries?: number;
  /** A page ends when it has this many bytes. Default 256 KiB. */
  readonly pageBytes?: number;
  /** From the last key to the first. */
  readonly reverse?: boolean;
  /** Values are left empty. */
  readonly keysOnly?: boolean;
  /** Told when a part of the range could not be read; what can be read is still given. */
  readonly onDamage?: (error: Error) => void;
}

/** A consistent view of the database. To be closed. */
export interface Snapshot {
  /**
   * The values in the order of the keys; undefined for absent keys, an Error for values that cannot be read. With
   * `cached` false the database does not keep them at hand (the caller does).
   */
  get(keys: readonly Buffer[], cached?: boolean): Promise<(Buffer | undefined | Error)[]>;
  scan(range: KeyRange, options?: ScanOptions): AsyncIterable<readonly Entry[]>;
  /** As `scan` for keys that are texts: a text costs half of what a buffer does. */
  scanTexts(range: KeyRange, options?: ScanOptions): AsyncIterable<readonly TextEntry[]>;
  close(): Promise<void>;
}

/**
 * The ordered key-value database below the store. A write is atomic: after a crash all of it is there or nothing, and
 * nothing of it if an earlier one is missing.
 */
export interface Database {
  write(set: WriteSet, sync: boolean): Promise<void>;
  /** A view of what is written now: later writes are not seen. Taken at once. */
  snapshot(): Snapshot;
  /** Puts what was written where the next opening has least work with it. Not needed for it to be durable. */
  settle(): Promise<void>;
  /** Waits for writes under way; later calls fail. */
  close(): Promise<void>;
}
