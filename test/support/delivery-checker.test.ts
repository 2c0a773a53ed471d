import assert from "node:assert/strict";
import { test } from "node:test";
import { DeliveryChecker } from "./delivery-checker.ts";

/** Ten messages of one stream, all acknowledged but the last; `deliver` are those that arrive. */
function trace(qos: number, deliver: number[], ordered = true): string[] {
  const checker = new DeliveryChecker();
  checker.expect("r", "s", qos, ordered);
  for (let i = 0; i < 10; i++) checker.sent("s", i);
  for (let i = 0; i < 9; i++) checker.acknowledged("s", i);
  for (const i of deliver) checker.delivered("r", "s", i);
  return checker.finish().map((one) => one.kind);
}
const nine = [0, 1, 2, 3, 4, 5, 6, 7, 8];

test("a faultless trace passes, with or without the message that was not acknowledged", () => {
  assert.deepEqual(trace(2, nine), []);
  assert.deepEqual(trace(2, [...nine, 9]), []);
  assert.deepEqual(trace(1, [...nine, 9]), []);
});

test("a loss is found, at every place", () => {
  for (const lost of nine)
    assert.deepEqual(
      trace(
        1,
        nine.filter((i) => i !== lost),
      ),
      ["lost"],
    );
  assert.deepEqual(trace(1, []), ["lost"]);
  assert.deepEqual(trace(1, [0, 4, 8]), ["lost", "lost"]);
});

test("a duplicate is a violation at QoS 2 and none at QoS 1", () => {
  assert.deepEqual(trace(2, [...nine, 3]), ["duplicate"]);
  assert.deepEqual(trace(1, [0, 1, 2, 1, 2, 3, 4, 5, 6, 7, 8]), []);
});

test("disorder of first deliveries is found, but not in groups", () => {
  assert.deepEqual(trace(1, [0, 2, 1, 3, 4, 5, 6, 7, 8]), ["disorder"]);
  assert.deepEqual(trace(1, [0, 2, 1, 3, 4, 5, 6, 7, 8], false), []);
});

test("what nobody sent or subscribed to is found", () => {
  assert.deepEqual(trace(1, [...nine, 10]), ["unsent"]);
  const checker = new DeliveryChecker();
  checker.sent("s", 0);
  checker.delivered("r", "s", 0);
  assert.deepEqual(
    checker.finish().map((one) => one.kind),
    ["unsent"],
  );
});

test("retained values: never older than acknowledged, never from nowhere", () => {
  const kinds = (value: number | undefined): string[] => {
    const checker = new DeliveryChecker();
    for (let i = 0; i < 5; i++) checker.sent("s", i);
    for (let i = 0; i < 3; i++) checker.acknowledged("s", i);
    const before = checker.lastAcknowledged("s");
    checker.acknowledged("s", 3);
    checker.retained("s", value, before);
    return checker.finish().map((one) => one.kind);
  };
  assert.deepEqual([0, 1, 2, 3, 4, 5, undefined].map(kinds), [
    ["stale retained"],
    ["stale retained"],
    [],
    [],
    [],
    ["unsent"],
    ["stale retained"],
  ]);
});

test("lost sessions and wills", () => {
  const checker = new DeliveryChecker();
  checker.resumed("c", true);
  checker.will("w", 1, 1);
  assert.deepEqual(checker.finish(), []);
  checker.resumed("c", false);
  checker.will("w", 2, 1);
  assert.deepEqual(
    checker.finish().map((one) => one.kind),
    ["session lost", "will"],
  );
});

test("many messages", () => {
  const checker = new DeliveryChecker();
  checker.expect("r", "s", 2);
  for (let i = 0; i < 50_000; i++) {
    checker.sent("s", i);
    checker.acknowledged("s", i);
    if (i !== 40_000) checker.delivered("r", "s", i);
  }
  assert.deepEqual(
    checker.finish().map((one) => one.text),
    ["r did not get s 40000, which was acknowledged"],
  );
});
