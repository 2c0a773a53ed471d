import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before } from "node:test";
import { type Logger, silentLogger } from "../log/logger.ts";
import { openStore } from "./open-store.ts";
import { DEFAULT_STORE_OPTIONS, type StoreOptions } from "./options.ts";
import type { DurableStore } from "./store.ts";
import { durable, message, payloads, quickTimers, TestQueue } from "./store-test-support.ts";

/** Gives new directories for stores, which are removed after the tests of the file. */
export function directories(): () => string {
  let base = "";
  let count = 0;
  before(async () => {
    base = await mkdtemp(join(tmpdir(), "store-damage-"));
  });
  after(() => rm(base, { recursive: true, force: true }));
  return () => join(base, String(count++), "msgstore");
}

/** Keeps what is logged. */
export class Lines {
  readonly text: string[] = [];
  readonly log: Logger;
  constructor() {
    const keep = (_event: string, line: string) => void this.text.push(line);
    this.log = {
      ...silentLogger,
      info: keep,
      warning: keep,
      error: keep,
      critical: keep,
      limited: () => this.log,
    };
  }
  has(pattern: RegExp): boolean {
    return this.text.some((line) => pattern.test(line));
  }
}

/** A small write buffer, so that there are tables and not only a log. */
export const SMALL: StoreOptions = {
  ...DEFAULT_STORE_OPTIONS,
  writeBufferBytes: 64 * 1024,
  compression: false,
};

/** Opens a store, by default a small one that is not in a hurry. */
export async function open(directory: string, lines = new Lines(), options = SMALL): Promise<DurableStore> {
  return openStore(directory, options, { log: lines.log, timers: quickTimers() });
}

/** A directory with three queues of `messages` messages each, written by several commits; gives their ids. */
export async function fill(directory: string, messages: number): Promise<TestQueue[]> {
  const store = await open(directory);
  const queues = [new TestQueue(store), new TestQueue(store), new TestQueue(store)];
  for (let i = 0; i < messages; i++) {
    for (const queue of queues) queue.append(message(`${i}:`.padEnd(200, "x")));
    if (i % 20 === 19) await durable(store);
  }
  await store.close();
  return queues;
}

function numbers(read: readonly string[]): number[] {
  return read.map((payload) => Number.parseInt(payload, 10));
}

/** How many messages come back; whatever comes back is in order and right. */
export async function countRestored(store: DurableStore, queue: number): Promise<number> {
  const read = await payloads(store, queue);
  const found = numbers(read);
  assert.deepEqual(
    found,
    [...found].sort((a, b) => a - b),
  );
  for (const payload of read) assert.equal(payload, `${Number.parseInt(payload, 10)}:`.padEnd(200, "x"));
  return found.length;
}

/** The files of a directory with such a name, sorted. */
export async function files(directory: string, pattern: RegExp): Promise<string[]> {
  return (await readdir(directory)).filter((name) => pattern.test(name)).sort();
}

/** Changes one byte of a file. */
export async function flip(path: string, position: number): Promise<void> {
  const bytes = await readFile(path);
  bytes[position] = (bytes[position] ?? 0) ^ 0x55;
  await writeFile(path, bytes);
}
