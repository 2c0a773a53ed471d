import assert from "node:assert/strict";
import { test } from "node:test";
import { WorkLimit } from "./work-limit.ts";

test("runs so many at a time, in order, and refuses when too many wait", async () => {
  const limit = new WorkLimit(1, 1);
  const log: string[] = [];
  const first = Promise.withResolvers<void>();
  const one = limit.run(async () => {
    log.push("one begins");
    await first.promise;
    log.push("one ends");
  });
  const two = limit.run(async () => {
    log.push("two");
    throw new Error("failed work frees its place");
  });
  await assert.rejects(
    limit.run(async () => log.push("never")),
    /too many/,
  );
  first.resolve();
  await one;
  await assert.rejects(two, /frees its place/);
  await limit.run(async () => log.push("three"));
  assert.deepEqual(log, ["one begins", "one ends", "two", "three"]);
});
