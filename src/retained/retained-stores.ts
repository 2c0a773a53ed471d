import type { Clock } from "../clock/clock.ts";
import type { MessageStore } from "../store/participant.ts";
import { RetainedStore, type RetainedTopics } from "./retained-store.ts";

/** What was found when the retained messages were read at start-up. */
export interface RetainedLoad {
  readonly loaded: number;
  /** Keys of values that could not be read; they stay in the store, untouched. */
  readonly damaged: readonly string[];
}

/** The retained stores of all mountpoints. */
export class RetainedStores {
  private readonly store: MessageStore;
  private readonly topicsOf: (mountpoint: string) => RetainedTopics;
  private readonly clock: Clock;
  private readonly stores = new Map<string, RetainedStore>();

  constructor(store: MessageStore, topicsOf: (mountpoint: string) => RetainedTopics, clock: Clock) {
    this.store = store;
    this.topicsOf = topicsOf;
    this.clock = clock;
  }

  /** The store of a mountpoint, made when it is asked for first. */
  of(mountpoint: string): RetainedStore {
    let retained = this.stores.get(mountpoint);
    if (retained === undefined) {
      retained = new RetainedStore(mountpoint, this.store, this.topicsOf(mountpoint), this.clock);
      this.stores.set(mountpoint, retained);
    }
    return retained;
  }

  /** All that have been asked for or loaded. */
  all(): IterableIterator<RetainedStore> {
    return this.stores.values();
  }

  /** Number of retained messages. */
  get count(): number {
    let count = 0;
    for (const retained of this.stores.values()) count += retained.count;
    return count;
  }

  /** Memory for them in bytes, estimated. */
  get bytes(): number {
    let bytes = 0;
    for (const retained of this.stores.values()) bytes += retained.bytes;
    return bytes;
  }

  /** Reads everything at start-up, before the first publish. */
  async load(): Promise<RetainedLoad> {
    let loaded = 0;
    const damaged: string[] = [];
    for await (const batch of this.store.records("retained")) {
      for (const { key, value } of batch) {
        const end = key.lastIndexOf("\0");
        if (
          end >= 0 &&
          end + 1 < key.length &&
          this.of(key.slice(0, end)).restore(key.slice(end + 1), value)
        ) {
          loaded++;
        } else {
          damaged.push(key);
        }
      }
    }
    return { loaded, damaged };
  }
}
