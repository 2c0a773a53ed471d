import assert from "node:assert/strict";
import { mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { ManualClock } from "../clock/clock.ts";
import { TimerWheel } from "../clock/timer-wheel.ts";
import { until } from "../listener/listener-test-support.ts";
import { MemoryLogger } from "../plugin/plugin-test-support.ts";
import { Health } from "./health.ts";
import { StorePresence } from "./store-presence.ts";

test("a store whose files are removed or replaced while it is open is told of, until they are back", async (context) => {
  const directory = await mkdtemp(join(tmpdir(), "presence-"));
  context.after(() => rm(directory, { recursive: true, force: true }));
  const clock = new ManualClock();
  const wheel = new TimerWheel(clock, 100, (error) => {
    throw error;
  });
  const health = new Health();
  const log = new MemoryLogger();
  const file = join(directory, "LOCK");
  const aside = join(directory, "aside");
  await writeFile(file, "");
  const presence = new StorePresence(directory, wheel, health, log);
  await presence.start();
  /** Time passes until the problems of the node are these. */
  const problems = async (expected: RegExp | null): Promise<void> => {
    await until(String(expected), () => {
      clock.advance(100);
      wheel.turn();
      return expected === null ? health.healthy : expected.test(health.problems.join());
    });
  };
  await rename(file, aside);
  await problems(/^store files: the message store in \S+ has been removed while the broker is running$/);
  await rename(aside, file);
  await problems(null);
  await rename(file, aside);
  await writeFile(file, "");
  await problems(/ has been replaced while the broker is running$/);
  assert.equal(log.lines.length, 3);
  presence.stop();
  await rename(aside, file);
  for (let turn = 0; turn < 200; turn++) {
    clock.advance(100);
    wheel.turn();
    await new Promise(setImmediate);
  }
  assert.equal(health.healthy, false, "it looks no more");
});
