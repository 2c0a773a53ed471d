import { writeSync } from "node:fs";
import { silentLogger } from "../log/logger.ts";
import { openStore } from "./open-store.ts";
import { DEFAULT_STORE_OPTIONS } from "./options.ts";
import { message, TestQueue } from "./store-test-support.ts";

/*
 * Run by store-kill.test.ts and killed by it: appends to one queue and marks done as fast as it can. Tells on stdout
 * `stored N` when all below N is durable, `done N` before it marks all below N as done, `removed N` when that is durable.
 */
const store = await openStore(
  process.argv[2] ?? "",
  { ...DEFAULT_STORE_OPTIONS, writeBufferBytes: 256 * 1024 },
  { log: silentLogger },
);
let queue: TestQueue | null = null;
for await (const page of store.heads()) {
  for (const { queue: id, head } of page) queue = new TestQueue(store, id, head);
}
const target = queue ?? new TestQueue(store);
let doneBelow = 0;
for (let turn = 0; ; turn++) {
  for (let i = 0; i < 20; i++) target.append(message(String(target.next).padEnd(300, "x")));
  const { next } = target;
  store.whenDurable(() => writeSync(1, `stored ${next}\n`));
  if (turn % 7 === 6) {
    const below = next - 400;
    if (below > doneBelow) {
      doneBelow = below;
      writeSync(1, `done ${below}\n`);
      target.doneUpTo(below - 1);
      store.whenDurable(() => writeSync(1, `removed ${below}\n`));
    }
  }
  await new Promise((resolve) => setImmediate(resolve));
}
