import assert from "node:assert/strict";
import { test } from "node:test";
import { EventChain } from "./event-chain.ts";
import type { SessionEvent } from "./hook.ts";
import { ManualTimers, MemoryLogger, testRuntime } from "./plugin-test-support.ts";

const EVENT: SessionEvent = { subscriberId: { mountpoint: "", clientId: "c" } };

function chain() {
  const logger = new MemoryLogger();
  return {
    logger,
    events: new EventChain<SessionEvent>("on_client_gone", testRuntime(new ManualTimers(), logger)),
  };
}

test("all are told in order, whatever the others answer or throw", async () => {
  const { logger, events } = chain();
  assert.equal(events.isEmpty, true);
  const told: string[] = [];
  events.replace([
    { plugin: "a", call: () => told.push("a") },
    {
      plugin: "b",
      call: () => {
        told.push("b");
        throw new Error("broken b");
      },
    },
    {
      plugin: "c",
      call: async () => {
        told.push("c");
        throw new Error("broken c");
      },
    },
    { plugin: "d", call: () => told.push("d") },
  ]);
  assert.equal(events.isEmpty, false);
  events.run(EVENT);
  assert.deepEqual(told, ["a", "b", "c", "d"]);
  await new Promise(setImmediate);
  assert.equal(logger.lines.length, 2);
  assert.match(logger.lines.join(), /plugin b failed in hook on_client_gone.*plugin c failed/);
});

test("a plugin that never finishes loses events, not memory; the others do not notice", async () => {
  const { logger, events } = chain();
  const stuck = Promise.withResolvers<void>();
  let slow = 0;
  let quick = 0;
  const slowly = {
    plugin: "slow",
    call: () => {
      slow++;
      return stuck.promise;
    },
  };
  const quickly = { plugin: "quick", call: () => quick++ };
  events.replace([slowly, quickly]);
  for (let index = 0; index < 10_005; index++) events.run(EVENT);
  events.replace([quickly, slowly]);
  events.run(EVENT);
  assert.deepEqual([slow, quick], [10_000, 10_006]);
  assert.match(
    logger.lines[0] ?? "",
    /slow failed in hook on_client_gone: 10000 earlier events are unfinished/,
  );
  stuck.resolve();
  await new Promise(setImmediate);
  events.run(EVENT);
  assert.equal(slow, 10_001);
});
