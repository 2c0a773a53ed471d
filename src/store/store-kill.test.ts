import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { silentLogger } from "../log/logger.ts";
import { openStore } from "./open-store.ts";
import { DEFAULT_STORE_OPTIONS } from "./options.ts";
import { payloads, quickTimers } from "./store-test-support.ts";

const CHILD = fileURLToPath(new URL("store-kill-test-support.ts", import.meta.url));
const ROUNDS = Number(process.env.STORE_KILL_ROUNDS ?? 6);

/** What the killed process had said. */
interface Said {
  stored: number;
  done: number;
  removed: number;
}

/** Runs the child until it has said that many lines more and kills it. */
async function runAndKill(directory: string, lines: number, said: Said): Promise<void> {
  const child = spawn(process.execPath, [CHILD, directory], { stdio: ["ignore", "pipe", "inherit"] });
  let text = "";
  let seen = 0;
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
    text += chunk;
    const complete = text.split("\n");
    text = complete.pop() ?? "";
    for (const line of complete) {
      seen++;
      const [word, number] = line.split(" ");
      const value = Number(number);
      if (word === "stored") said.stored = Math.max(said.stored, value);
      else if (word === "done") said.done = Math.max(said.done, value);
      else said.removed = Math.max(said.removed, value);
    }
    if (seen >= lines) child.kill("SIGKILL");
  });
  const signal = await new Promise((resolve) => child.on("close", (_code, how) => resolve(how)));
  assert.equal(signal, "SIGKILL", "the child ran until it was killed");
}

describe("a store whose process is killed", () => {
  it("has everything that was durable, in order, and nothing that was durably removed", async () => {
    const base = await mkdtemp(join(tmpdir(), "store-kill-"));
    const directory = join(base, "msgstore");
    const said: Said = { stored: 0, done: 0, removed: 0 };
    try {
      for (let round = 0; round < ROUNDS; round++) {
        await runAndKill(directory, 20 + ((round * 37) % 200), said);
        const store = await openStore(directory, DEFAULT_STORE_OPTIONS, {
          log: silentLogger,
          timers: quickTimers(),
        });
        for await (const page of store.heads()) {
          assert.equal(page.length, 1);
          for (const { queue, head } of page) {
            const found = (await payloads(store, queue)).map((payload) => Number.parseInt(payload, 10));
            const first = found[0] ?? head.next;
            assert.ok(first >= said.removed, `${first} was removed below ${said.removed}`);
            assert.ok(first <= said.done, `${first} is missing, done was only below ${said.done}`);
            assert.deepEqual(
              found,
              found.map((_, index) => first + index),
            );
            assert.ok(head.next >= said.stored, `${head.next} of ${said.stored}`);
            assert.equal(first + found.length, head.next);
          }
        }
        assert.equal(store.statistics.damagedValues + store.statistics.lostReferences, 0);
        await store.close();
      }
      assert.ok(said.stored > 1000 && said.removed > 0);
    } finally {
      await rm(base, { recursive: true, force: true });
    }
  });
});
