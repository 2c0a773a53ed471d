import type { Clock } from "../clock/clock.ts";
import type { MessageStore } from "../store/participant.ts";
import { PageBuilder, readPageKey } from "../store/retained-page.ts";
import { RetainedStore, type RetainedTopics } from "./retained-store.ts";

/** What was found when the retained messages were read at start-up. */
export interface RetainedLoad {
  readonly loaded: number;
  /** Keys of pages in which there is something that could not be read. */
  readonly damaged: readonly string[];
}

/** The retained stores of all mountpoints. */
export class RetainedStores {
  private readonly store: MessageStore;
  private readonly topicsOf: (mountpoint: string) => RetainedTopics;
  private readonly clock: Clock;
  private readonly builder = new PageBuilder();
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
      retained = new RetainedStore(
        mountpoint,
        this.store,
        this.topicsOf(mountpoint),
        this.clock,
        this.builder,
      );
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
    const damaged: string[] = [];
    let deaths: { readonly mountpoint: string; readonly number: number; readonly value: Buffer } | null =
      null;
    for await (const batch of this.store.records("retained")) {
      for (const { key, value } of batch) {
        const page = readPageKey(key);
        if (page === null) {
          damaged.push(key);
          continue;
        }
        const { mountpoint, number } = page;
        const retained = this.of(mountpoint);
        retained.found(number);
        if (page.deaths) {
          deaths = { mountpoint, number, value };
          continue;
        }
        const own = deaths?.number === number && deaths.mountpoint === mountpoint ? deaths.value : null;
        if (!retained.restore(number, value, own)) damaged.push(key);
      }
    }
    return { loaded: this.count, damaged };
  }
}
