import assert from "node:assert/strict";
import { test } from "node:test";
import { parseBroker } from "./brokers.ts";
import { judge, median, type Runs, table } from "./report.ts";
import { cpuMicros, type Result, rows } from "./rows.ts";

function runs(entries: Record<string, Record<string, Result[]>>): Runs {
  return new Map(Object.entries(entries).map(([row, brokers]) => [row, new Map(Object.entries(brokers))]));
}
const p2p = (rate: number, cpu: number): Result => ({ recv_per_s: rate, broker_cpu_s: cpu, dur_s: 5 });

test("medians leave out what is missing", () => {
  assert.equal(median([3, undefined, 1]), 2);
  assert.equal(median([5, 1, 2]), 2);
  assert.equal(median([undefined]), undefined);
});

test("CPU per message is that of the measured time", () => {
  const row = rows.find((one) => one.name === "p2p0");
  assert.ok(row);
  assert.equal(cpuMicros(row, p2p(1_000_000, 5)), 1);
  assert.equal(cpuMicros(row, { broker_cpu_s: 5 }), undefined);
});

test("floors pass, fail, and are open when the other side is missing", () => {
  const verdicts = judge(
    rows,
    runs({
      p2p0: { vernemq: [p2p(800, 0.004), p2p(900, 0.002)], mosquitto: [p2p(100, 1), p2p(110, 1)] },
      p2p1keep: { vernemq: [p2p(1000, 1)] },
      connect: { vernemq: [{ conns_per_s: 11_999, kb_per_conn: 7, up: 15_000, broker_cpu_s: 1 }] },
    }),
    "vernemq",
  );
  const short = verdicts.map((one) => [one.row, one.floor, one.pass]);
  assert.deepEqual(short, [
    ["p2p0", "rate ≥ 7 × Mosquitto's", true],
    ["p2p0", "CPU ≤ 0.6 µs/message", false],
    ["p2p1keep", "CPU ≤ 1.6 × p2p1's", undefined],
    ["connect", "conns_per_s ≥ 12,000 /s", false],
    ["connect", "kb_per_conn ≤ 7 kB", true],
  ]);
});

test("the table divides paired runs, the other way round for latencies", () => {
  const text = table(
    rows,
    runs({
      p2p0: { a: [p2p(300, 1)], b: [p2p(100, 1)] },
      rate0: { a: [{ p99_ms: 2 }], b: [{ p99_ms: 3 }] },
    }),
  );
  assert.match(text, /\| p2p0 \| b \| 100\.000 recv\/s \| 3\.00 \|/);
  assert.match(text, /\| rate0 \| b \| 3\.000 p99 ms \| 1\.50 \|/);
});

test("brokers on the command line", () => {
  assert.equal(parseBroker("vernemq").name, "vernemq");
  const running = parseBroker("x,10.0.0.1:1883,77");
  assert.deepEqual([running.host, running.port, running.pid], ["10.0.0.1", 1883, 77]);
  const row = rows[0];
  assert.ok(row);
  assert.equal(parseBroker("y,run {dir} -p {port}").command?.("/d", 5, row), "run /d -p 5");
  assert.throws(() => parseBroker("nonsense"), /not a known name/);
});

test("every row that another refers to exists", () => {
  for (const floor of rows.flatMap((row) => row.floors)) {
    if ("row" in floor)
      assert.ok(
        rows.some((row) => row.name === floor.row),
        floor.row,
      );
  }
});
