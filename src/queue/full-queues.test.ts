import assert from "node:assert/strict";
import { test } from "node:test";
import { type Logger, silentLogger } from "../log/logger.ts";
import { FullQueues } from "./full-queues.ts";

function setUp() {
  const lines: string[] = [];
  const log: Logger = {
    ...silentLogger,
    warning: (_event, message) => void lines.push(message),
    limited: () => log,
  };
  const wheel = { time: 5 };
  return { lines, wheel, full: new FullQueues(log, wheel) };
}

test("a full queue is told once a minute, with what would make it larger", () => {
  const { lines, wheel, full } = setUp();
  const [a, b] = [
    { mountpoint: "", clientId: "a" },
    { mountpoint: "m", clientId: "b" },
  ];
  for (let i = 0; i < 1_000; i++) full.dropped(a, 7, false);
  full.dropped(b, 9, true);
  assert.deepEqual(lines.splice(0), [
    "the queue of client a is full with 7 messages, so messages are dropped; to keep more raise max_offline_messages",
    "the queue of client b (mountpoint m) is full with 9 messages, so messages are dropped; to keep more raise max_online_messages",
  ]);
  wheel.time += 59_000;
  full.dropped(a, 7, false);
  assert.deepEqual(lines, []);
  wheel.time += 1_000;
  full.dropped(a, 7, false);
  assert.match(lines[0] ?? "", /messages are dropped; 1000 since it was last said; to keep more/);
});

test("a queue that is to keep nothing is not told, and the memory of queues is bounded", () => {
  const { lines, full } = setUp();
  full.dropped({ mountpoint: "", clientId: "a" }, 0, false);
  assert.deepEqual(lines, []);
  for (let i = 0; i < 25_000; i++) full.dropped({ mountpoint: "", clientId: `c${i}` }, 1, false);
  assert.equal(lines.length, 25_000);
});
