import type { Logger } from "../log/logger.ts";
import { ByteWriter } from "./byte-writer.ts";
import { type Database, WriteSet } from "./database.ts";
import { writeHead } from "./head.ts";
import { headKey, keyNumber, queueRange, REFERENCES_RANGE } from "./keys.ts";
import { rebuildHead } from "./reader.ts";

/**
 * After damage: gives a head to every queue that has references but lost its head, so that they are not taken for the
 * leftovers of a removed queue. Looks at each queue once, not at each reference.
 */
export async function restoreHeads(database: Database, log: Logger): Promise<void> {
  const snapshot = database.snapshot();
  let restored = 0;
  try {
    let { gte, lt } = REFERENCES_RANGE;
    for (;;) {
      let queue = -1;
      for await (const page of snapshot.scan({ gte, lt }, { pageEntries: 1, keysOnly: true })) {
        const entry = page[0];
        if (entry !== undefined) queue = keyNumber(entry[0]);
        break;
      }
      if (queue < 0) break;
      const key = headKey(queue);
      const [head] = await snapshot.get([key]);
      if (head === undefined) {
        const set = new WriteSet();
        set.put(key, writeHead(new ByteWriter(1024), await rebuildHead(snapshot, queue)));
        await database.write(set, true);
        restored++;
      }
      gte = queueRange(queue, 0).lt;
    }
  } finally {
    await snapshot.close();
  }
  if (restored > 0) {
    log.warning(
      "store_heads_restored",
      `${restored} queues lost their state and got it back from their stored messages; some may be delivered again`,
    );
  }
}
