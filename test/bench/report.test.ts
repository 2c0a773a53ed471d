import assert from "node:assert/strict";
import { test } from "node:test";
import { parseBroker } from "./brokers.ts";
import { floorTable, judge, median, type Runs, table } from "./report.ts";
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

test("absolute floors are scaled by the bare broker, else by Mosquitto, else not at all", () => {
  // 0.4 µs per message, where the reference is 0.2.
  const bare = p2p(1_000_000, 0.4 * 5);
  const verdicts = judge(
    rows,
    runs({
      p2p0: { vernemq: [p2p(1_000_000, 1.1 * 5)], mosquitto: [p2p(100, 1)], bare: [bare] },
      p2p2: { vernemq: [p2p(1_000_000, 4.3 * 5)], mosquitto: [p2p(1_000_000, 72 * 5)] },
      fanin1: { vernemq: [p2p(1_000_000, 2 * 5)], mosquitto: [p2p(1_000_000, 20 * 5)] },
      connect: {
        vernemq: [{ conns_per_s: 6100, kb_per_conn: 7.1 }],
        mosquitto: [{ conns_per_s: 100 }],
        bare: [{ conns_per_s: 14_500, kb_per_conn: 20 }],
      },
    }),
    "vernemq",
  );
  const of = (row: string, floor: string) =>
    verdicts.find((one) => one.row === row && one.floor.startsWith(floor));
  assert.deepEqual(of("p2p0", "CPU")?.pass, false);
  assert.deepEqual(of("p2p0", "CPU")?.scaled, { floor: "≤ 1.20 (bare: × 2.00)", pass: true });
  assert.equal(of("p2p0", "rate")?.scaled, undefined);
  assert.deepEqual(of("p2p2", "CPU")?.scaled, { floor: "≤ 4.20 (mosquitto: × 3.00)", pass: false });
  assert.equal(of("fanin1", "CPU")?.scaled, undefined);
  assert.deepEqual(of("connect", "conns_per_s")?.scaled, { floor: "≥ 6,000 (bare: × 0.50)", pass: true });
  // Memory does not depend on how fast the machine is.
  assert.equal(of("connect", "kb_per_conn")?.scaled, undefined);
  assert.match(
    floorTable(verdicts),
    /\| p2p0 \| CPU ≤ 0\.6 µs\/message \| 1\.10 \| FAIL \| ≤ 1\.20 \(bare: × 2\.00\) \| pass \|/,
  );
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
  const serves = (name: string) => rows.filter((row) => parseBroker(name).serves?.(row) ?? true).length;
  assert.deepEqual([serves("vernemq"), serves("bare")], [rows.length, 7]);
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
