import { type FSWatcher, watch } from "node:fs";
import { realpath, stat } from "node:fs/promises";
import { dirname } from "node:path";

/** After a notification: files that belong together are often replaced one after the other. Milliseconds. */
const SETTLING = 300;

/**
 * Looks whether files have changed: when their folders say so, and now and then in any case, since notifications do not
 * come from everywhere. Files are compared as they are found under their path, so that replaced files and links that
 * lead elsewhere count as changes.
 */
export class FileWatch {
  readonly #paths: readonly string[];
  readonly #interval: number;
  readonly #changed: () => void;
  #seen = "";
  #watchers: FSWatcher[] = [];
  #timer: NodeJS.Timeout | null = null;
  #settling: NodeJS.Timeout | null = null;
  #running = false;
  #notified: boolean;

  /** `interval` in milliseconds, 0 for never; without `notified` nothing but the interval counts. */
  constructor(paths: readonly string[], interval: number, notified: boolean, changed: () => void) {
    this.#paths = paths.filter((path) => path !== "");
    this.#interval = interval;
    this.#notified = notified;
    this.#changed = changed;
  }

  /** Remembers the files as they are: to be called before they are read, so that no change is missed. */
  async remember(): Promise<void> {
    this.#seen = await this.#signature();
  }

  /** Begins to look. */
  start(): void {
    if (this.#running || this.#paths.length === 0) return;
    this.#running = true;
    if (this.#interval > 0) this.#timer = setInterval(() => void this.check(), this.#interval).unref();
    if (this.#notified) void this.#watchFolders();
  }

  stop(): void {
    this.#running = false;
    if (this.#timer !== null) clearInterval(this.#timer);
    if (this.#settling !== null) clearTimeout(this.#settling);
    this.#unwatch();
  }

  /** Looks now. Never rejects. */
  async check(): Promise<void> {
    const signature = await this.#signature();
    if (!this.#running || signature === this.#seen) return;
    this.#seen = signature;
    this.#changed();
    if (this.#notified) await this.#watchFolders();
  }

  async #signature(): Promise<string> {
    const parts = await Promise.all(this.#paths.map(signatureOf));
    return parts.join("\n");
  }

  /** The folders of the paths and of what they lead to. Where watching is impossible the interval has to do. */
  async #watchFolders(): Promise<void> {
    const targets = await Promise.all(this.#paths.map((path) => realpath(path).catch(() => path)));
    if (!this.#running) return;
    this.#unwatch();
    for (const folder of new Set([...this.#paths, ...targets].map((path) => dirname(path)))) {
      try {
        const watcher = watch(folder, { persistent: false }, () => this.#settle());
        watcher.on("error", () => watcher.close());
        this.#watchers.push(watcher);
      } catch {
        // No such folder, or no more watches to be had.
      }
    }
    // What has changed before the folders were watched.
    await this.check();
  }

  #settle(): void {
    if (!this.#running || this.#settling !== null) return;
    this.#settling = setTimeout(() => {
      this.#settling = null;
      void this.check();
    }, SETTLING).unref();
  }

  #unwatch(): void {
    for (const watcher of this.#watchers) watcher.close();
    this.#watchers = [];
  }
}

async function signatureOf(path: string): Promise<string> {
  try {
    const { mtimeNs, ctimeNs, size, ino, dev } = await stat(path, { bigint: true });
    return `${mtimeNs} ${ctimeNs} ${size} ${ino} ${dev}`;
  } catch (error) {
    return error instanceof Error && "code" in error ? String(error.code) : "unknown";
  }
}
