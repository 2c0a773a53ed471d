import { readSync, writeSync } from "node:fs";
import { silentLogger } from "../log/logger.ts";
import { openStore } from "./open-store.ts";
import { DEFAULT_STORE_OPTIONS } from "./options.ts";
import { StoreLock } from "./store-lock.ts";

/*
 * Run by store-lock.test.ts: opens a store, says `inspected` when it has found damage and goes on to mend it when it is
 * told to, in a line on stdin. Says `mended`, and `opened` or `refused: …`, and then ends. With `lock` it takes nothing but
 * the lock.
 */
const log = {
  ...silentLogger,
  error: (event: string): void => {
    if (event === "store_table") writeSync(1, "mended\n");
    if (event !== "store_damaged") return;
    writeSync(1, "inspected\n");
    readSync(0, Buffer.alloc(1));
  },
  limited: () => log,
};
const [, , directory = "", what] = process.argv;
try {
  if (what === "lock") {
    await StoreLock.take(directory);
    writeSync(1, "locked\n");
  } else {
    const store = await openStore(directory, DEFAULT_STORE_OPTIONS, { log });
    writeSync(1, "opened\n");
    await store.close();
  }
} catch (error) {
  writeSync(1, `refused: ${error instanceof Error ? error.message : String(error)}\n`);
}
process.exit(0);
