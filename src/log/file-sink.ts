import { closeSync, fstatSync, openSync, writeSync } from "node:fs";
import { type FileHandle, open, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { makeDirectory } from "../files/make-directory.ts";
import type { LogFileOptions } from "./options.ts";
import { rotate } from "./rotation.ts";
import { lastRotation } from "./rotation-time.ts";
import { BufferedSink } from "./sink.ts";

/** How often the path is compared with the open file: a file moved away or deleted is written anew after this. */
const CHECK_INTERVAL_MS = 1000;

/** A log file: appended, rotated by size and time, opened again when somebody has moved it away. */
export class FileSink extends BufferedSink {
  readonly path: string;
  readonly #options: LogFileOptions;
  readonly #now: () => number;
  readonly #lossReport: (lines: number) => string;
  #handle: FileHandle | undefined;
  #size = 0;
  #inode = 0;
  /** When the first line was written; for a file found, when it was last written to. Epoch milliseconds. */
  #begunAt = 0;
  #checkedAt = 0;
  #reopenWanted = false;
  /** A failed write may have left half a line. */
  #torn = false;

  constructor(options: LogFileOptions, lossReport: (lines: number) => string, now: () => number = Date.now) {
    super();
    this.path = options.path;
    this.#options = options;
    this.#lossReport = lossReport;
    this.#now = now;
  }

  override reopen(): void {
    this.#reopenWanted = true;
  }

  override async close(): Promise<void> {
    await this.flush();
    await this.#close();
  }

  protected override lossReport(lines: number): string {
    return this.#lossReport(lines);
  }

  protected override async put(text: string): Promise<void> {
    try {
      await this.#ready(Buffer.byteLength(text));
      if (this.#handle === undefined) throw new Error(`${this.path} is not open`);
      const bytes = Buffer.from(this.#torn ? `\n${text}` : text, "utf8");
      await this.#handle.appendFile(bytes);
      this.#size += bytes.length;
      this.#torn = false;
    } catch (error) {
      this.#torn = this.#handle !== undefined;
      await this.#close();
      throw error;
    }
  }

  protected override putSync(text: string): void {
    makeDirectory(dirname(this.path));
    const descriptor = openSync(this.path, "a", 0o640);
    try {
      const bytes = Buffer.from(text, "utf8");
      for (let at = 0; at < bytes.length; ) at += writeSync(descriptor, bytes, at);
      this.#size = fstatSync(descriptor).size;
    } finally {
      closeSync(descriptor);
    }
  }

  async #ready(length: number): Promise<void> {
    if (this.#reopenWanted || (this.#handle !== undefined && (await this.#movedAway()))) await this.#close();
    this.#reopenWanted = false;
    if (this.#handle === undefined) await this.#open();
    if (this.#size > 0 && this.#isDue(length)) {
      await this.#close();
      await rotate(this.path, this.#options.rotation);
      await this.#open();
    }
  }

  /** Whether what is in the file has to give way before `length` more bytes are written. */
  #isDue(length: number): boolean {
    const { size, time } = this.#options.rotation;
    if (this.#size + length > size) return true;
    return time !== undefined && this.#begunAt < lastRotation(time, this.#now());
  }

  async #movedAway(): Promise<boolean> {
    const now = this.#now();
    if (now - this.#checkedAt < CHECK_INTERVAL_MS) return false;
    this.#checkedAt = now;
    try {
      const found = await stat(this.path);
      this.#size = found.size;
      return found.ino !== this.#inode;
    } catch {
      return true;
    }
  }

  async #open(): Promise<void> {
    const handle = await this.#opened();
    this.#handle = handle;
    const { size, ino, mtimeMs } = await handle.stat();
    this.#size = size;
    this.#begunAt = size === 0 ? this.#now() : Math.min(mtimeMs, this.#now());
    this.#inode = ino;
    this.#checkedAt = this.#now();
  }

  async #opened(): Promise<FileHandle> {
    try {
      return await open(this.path, "a", 0o640);
    } catch {
      // Its directory may be missing.
      makeDirectory(dirname(this.path));
      return await open(this.path, "a", 0o640);
    }
  }

  async #close(): Promise<void> {
    const handle = this.#handle;
    this.#handle = undefined;
    await handle?.close().catch(() => undefined);
  }
}
