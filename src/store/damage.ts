import type { Logger } from "../log/logger.ts";
import type { Batch } from "./batch.ts";
import { describeKey, quarantineKey } from "./keys.ts";

/** At most so many damaged values are kept for inspection in one run; further ones are only removed. */
const KEPT = 10_000;

/**
 * What was found damaged: every value once, put aside (out of the way of readers, kept for inspection), counted and
 * logged.
 */
export class Damage {
  readonly #log: Logger;
  readonly #seen = new Set<string>();
  #pending: { key: Buffer; value: Buffer | null; remove: boolean }[] = [];
  /** Damaged values found in this run. */
  values = 0;
  /** Message references that could not be restored in this run. */
  lostReferences = 0;

  constructor(log: Logger) {
    this.#log = log;
  }

  /**
   * A value that fails its checksum, or (null) that cannot be read at all. It goes to the quarantine; with `remove`
   * false a copy of it does.
   */
  found(key: Buffer, value: Buffer | null, consequence: string, remove = true): void {
    const name = key.toString("latin1");
    if (this.#seen.has(name)) return;
    this.#seen.add(name);
    this.values++;
    if (value !== null) this.#pending.push({ key, value: this.values <= KEPT ? value : null, remove });
    this.#log
      .limited("store_damaged", 10)
      .error(
        "store_damaged",
        `the message store is damaged: ${describeKey(key)} ${value === null ? "cannot be read" : "failed the checksum and was put aside"}; ${consequence}`,
      );
  }

  /** A part of the database that LevelDB could not read. */
  unreadable(what: string, error: Error): void {
    this.values++;
    this.#log
      .limited("store_unreadable", 1)
      .error(
        "store_unreadable",
        `a part of the message store cannot be read while looking for ${what}: ${error.message}`,
      );
  }

  /** References of a queue whose messages are gone. */
  lost(queue: number, count: number): void {
    this.lostReferences += count;
    this.#log
      .limited("store_lost", 10)
      .error(
        "store_lost",
        `${count} stored messages of queue ${queue} are lost: their bodies are damaged or missing`,
      );
  }

  get hasPending(): boolean {
    return this.#pending.length > 0;
  }

  /** Moves what was found into the quarantine. */
  collect(batch: Batch): void {
    for (const { key, value, remove } of this.#pending) {
      if (value !== null) batch.put(quarantineKey(key), value);
      if (remove) batch.delete(key);
    }
    this.#pending = [];
  }
}
