import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { RegexMatcher } from "./regex-matcher.ts";

test("rows match when all of their values do; a value that is not there is not asked about", async (t) => {
  const matcher = new RegexMatcher(["^a", "\\p{Lu}$"]);
  t.after(() => matcher.close());
  const rows = [
    ["ab", "xY"],
    ["ba", "xY"],
    ["ab", "xy"],
    ["ab", null],
    [null, null],
  ];
  assert.deepEqual([...(await matcher.match(rows))], [1, 0, 0, 1, 1]);
  assert.deepEqual([...(await matcher.match([]))], []);
  assert.deepEqual([...(await matcher.match([["abc", "Ä"]]))], [1]);
});

test("an expression that takes for ever is given up, and holds nobody up meanwhile", async () => {
  const matcher = new RegexMatcher(["^(a+)+$"], 300);
  let turns = 0;
  let waiting = true;
  const result = assert.rejects(matcher.match([["ok"], [`${"a".repeat(64)}!`]]), {
    name: "CommandError",
    message: /^The regular expression \^\(a\+\)\+\$ takes too long: no answer within 300 ms for 2 rows/,
  });
  void result.finally(() => {
    waiting = false;
  });
  while (waiting) {
    await nextTurn();
    turns++;
  }
  await result;
  assert.ok(turns > 20, `${turns} turns of the event loop`);
  await assert.rejects(matcher.match([["ok"]]), /closed/);
});
