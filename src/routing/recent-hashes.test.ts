import assert from "node:assert/strict";
import { test } from "node:test";
import { RecentHashes } from "./recent-hashes.ts";

/** Well spread, and never the same for two numbers. */
const hashOf = (number: number): number => Math.imul(number + 1, 0x9e3779b1);

test("a hash is known from its second time on", () => {
  const recent = new RecentHashes(1024);
  assert.equal(recent.meet(-5), false);
  assert.equal(recent.meet(-5), true);
  assert.equal(recent.meet(-5), true);
});

test("of as many hashes as there are places most are still known, of many more the last ones", () => {
  const recent = new RecentHashes(4096);
  for (let i = 0; i < 4096; i++) assert.equal(recent.meet(hashOf(i)), false);
  let known = 0;
  for (let i = 0; i < 4096; i++) if (recent.meet(hashOf(i))) known++;
  assert.ok(known > 2000, `${known}`);
  for (let i = 10_000; i < 110_000; i++) recent.meet(hashOf(i));
  let last = 0;
  for (let i = 109_900; i < 110_000; i++) if (recent.meet(hashOf(i))) last++;
  assert.ok(last > 90, `${last}`);
  assert.equal(recent.meet(hashOf(20_000)), false);
});
