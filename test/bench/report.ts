/** Medians, ratios and floors of a set of runs as markdown tables. */
import { type Scale, scaleOf } from "./references.ts";
import { cpuMicros, type Floor, field, lowerIsBetter, type Result, type Row } from "./rows.ts";

/** Runs by row and broker; brokers in the order in which they were measured. */
export type Runs = ReadonlyMap<string, ReadonlyMap<string, readonly Result[]>>;

export function median(values: readonly (number | undefined)[]): number | undefined {
  const sorted = values.filter((value) => value !== undefined).sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const high = sorted[middle];
  const low = sorted[sorted.length % 2 === 1 ? middle : middle - 1];
  return high === undefined || low === undefined ? undefined : (high + low) / 2;
}

function fieldMedian(results: readonly Result[], name: string): number | undefined {
  return median(results.map((result) => field(result, name)));
}

function cpuMedian(row: Row, results: readonly Result[]): number | undefined {
  return median(results.map((result) => cpuMicros(row, result)));
}

function number(value: number | undefined, digits: number): string {
  if (value === undefined) return "";
  return value >= 1000 ? Math.round(value).toLocaleString("en") : value.toFixed(digits);
}

const details: readonly (readonly [string, string, number])[] = [
  ["store_per_s", "store/s", 0],
  ["first_store_per_s", "store/s at first", 0],
  ["kb_per_conn", "kB/connection", 2],
  ["subscribe_per_s", "subscribe/s", 0],
  ["rss_b_per_filter", "B/filter", 0],
  ["rss_b_per_session", "B/session", 0],
  ["rss_b_per_retained", "B/retained", 0],
  ["restart_ready_ms", "ms to serving", 0],
  ["restart_b_each", "B each after a restart", 0],
  ["probe_p50_ms", "ms CONNACK p50", 2],
  ["probe_p99_ms", "ms CONNACK p99", 2],
];

/** Ratio of the main figure of the first broker to a peer's; above 1 the first one wins. */
function ratio(row: Row, first: readonly Result[], peer: readonly Result[]): number | undefined {
  return median(
    first.map((result, i) => {
      const ours = field(result, row.figure);
      const theirs = field(peer[i] ?? {}, row.figure);
      if (!ours || !theirs) return undefined;
      return lowerIsBetter(row) ? theirs / ours : ours / theirs;
    }),
  );
}

export function table(rows: readonly Row[], runs: Runs): string {
  const out = [
    "| row | broker | figure | ratio | p50 ms | p99 ms | p99.9 ms | CPU µs/message | peak MB | loss | misordered | runs | noise |",
    "|---|---|---|---|---|---|---|---|---|---|---|---|---|",
  ];
  for (const row of rows) {
    const brokers = runs.get(row.name);
    const first = brokers?.values().next().value;
    if (brokers === undefined || first === undefined) continue;
    for (const [name, results] of brokers) {
      const main = fieldMedian(results, row.figure);
      const extra = details
        .map(([key, label, digits]) => [fieldMedian(results, key), label, digits] as const)
        .filter(([value]) => value !== undefined)
        .map(([value, label, digits]) => `, ${number(value, digits)} ${label}`)
        .join("");
      const sum = (key: string) => results.reduce((total, result) => total + (field(result, key) ?? 0), 0);
      out.push(
        `| ${row.name} | ${name} | ${number(main, 3)} ${row.figure.replace("_per_s", "/s").replace("_ms", " ms")}${extra} | ${
          results === first ? "" : number(ratio(row, first, results), 2)
        } | ${["p50_ms", "p99_ms", "p999_ms"].map((key) => number(fieldMedian(results, key), 3)).join(" | ")} | ${number(
          cpuMedian(row, results),
          2,
        )} | ${number(fieldMedian(results, "broker_peak_rss_mb"), 0)} | ${sum("loss")} | ${sum("misordered")} | ${
          results.length
        } | ${number(Math.max(...results.map((result) => field(result, "noise") ?? 0)), 2)} |`,
      );
    }
  }
  return out.join("\n");
}

export interface Verdict {
  row: string;
  floor: string;
  measured: string;
  /** Undefined: what it compares with was not measured. */
  pass: boolean | undefined;
  /** The floor as it would have been set on this machine; absent where that is not known or not needed. */
  scaled?: { floor: string; pass: boolean };
}

/** Judges every floor of the rows for one broker. */
export function judge(rows: readonly Row[], runs: Runs, broker: string, yardstick = "mosquitto"): Verdict[] {
  const of = (row: string, name: string): readonly Result[] => runs.get(row)?.get(name) ?? [];
  const find = (name: string): Row | undefined => rows.find((row) => row.name === name);
  const verdicts: Verdict[] = [];
  for (const row of rows) {
    const ours = of(row.name, broker);
    if (ours.length === 0) continue;
    const peer = of(row.name, yardstick);
    const other = (name: string): number | undefined => {
      const found = find(name);
      return found === undefined ? undefined : cpuMedian(found, of(name, broker));
    };
    for (const floor of row.floors) {
      verdicts.push({
        row: row.name,
        ...judgeOne(floor, row, ours, peer, other, (name) => of(name, broker)),
        ...scaled(floor, row, ours, (name) => of(row.name, name)),
      });
    }
  }
  return verdicts;
}

function judgeOne(
  floor: Floor,
  row: Row,
  ours: readonly Result[],
  peer: readonly Result[],
  cpuOf: (row: string) => number | undefined,
  runsOf: (row: string) => readonly Result[],
): Omit<Verdict, "row"> {
  const cpu = cpuMedian(row, ours);
  const most = (text: string, value: number | undefined, limit: number | undefined, digits: number) => ({
    floor: text,
    measured: number(value, digits),
    pass: value === undefined || limit === undefined ? undefined : value <= limit,
  });
  const over = (a: number | undefined, b: number | undefined) =>
    a === undefined || b === undefined || b === 0 ? undefined : a / b;
  switch (floor.kind) {
    case "rate-times-mosquitto": {
      const value = over(fieldMedian(ours, row.figure), fieldMedian(peer, row.figure));
      return {
        floor: `rate ≥ ${floor.times} × Mosquitto's`,
        measured: number(value, 2),
        pass: value === undefined ? undefined : value >= floor.times,
      };
    }
    case "cpu-at-most":
      return most(`CPU ≤ ${floor.micros} µs/message`, cpu, floor.micros, 2);
    case "cpu-times-mosquitto":
      return most(`CPU ≤ ${floor.times} × Mosquitto's`, over(cpu, cpuMedian(row, peer)), floor.times, 2);
    case "cpu-times-row":
      return most(`CPU ≤ ${floor.times} × ${floor.row}'s`, over(cpu, cpuOf(floor.row)), floor.times, 2);
    case "cpu-beyond-row": {
      const base = cpuOf(floor.row);
      const value = cpu === undefined || base === undefined ? undefined : cpu - base;
      return most(`CPU ≤ ${floor.row}'s + ${floor.micros} µs`, value, floor.micros, 2);
    }
    case "latency-times-mosquitto":
      return most(
        `${floor.field} ≤ ${floor.times} × Mosquitto's`,
        over(fieldMedian(ours, floor.field), fieldMedian(peer, floor.field)),
        floor.times,
        2,
      );
    case "field-beyond-row": {
      const base = fieldMedian(runsOf(floor.row), floor.field);
      return most(
        `${floor.field} ≤ ${floor.row}'s + ${floor.plus}`,
        fieldMedian(ours, floor.field),
        base === undefined ? undefined : base + floor.plus,
        3,
      );
    }
    case "at-least": {
      const value = fieldMedian(ours, floor.field);
      return {
        floor: `${floor.field} ≥ ${number(floor.value, 0)} ${floor.unit}`,
        measured: number(value, 2),
        pass: value === undefined ? undefined : value >= floor.value,
      };
    }
    case "at-most":
      return most(
        `${floor.field} ≤ ${number(floor.value, 0)} ${floor.unit}`,
        fieldMedian(ours, floor.field),
        floor.value,
        2,
      );
  }
}

/** The verdict on an absolute floor with the speed of this machine taken into account. */
function scaled(
  floor: Floor,
  row: Row,
  ours: readonly Result[],
  runsOf: (broker: string) => readonly Result[],
): Pick<Verdict, "scaled"> {
  if (floor.kind !== "cpu-at-most" && floor.kind !== "at-least" && floor.kind !== "at-most") return {};
  const figure = floor.kind === "cpu-at-most" ? "cpu" : floor.field;
  const value = figure === "cpu" ? cpuMedian(row, ours) : fieldMedian(ours, figure);
  const scale: Scale | undefined = scaleOf(row, figure, runsOf, median);
  if (value === undefined || scale === undefined) return {};
  const limit = (floor.kind === "cpu-at-most" ? floor.micros : floor.value) * scale.factor;
  const text = `${number(limit, 2)} (${scale.broker}: × ${scale.factor.toFixed(2)})`;
  return {
    scaled: {
      floor: `${floor.kind === "at-least" ? "≥" : "≤"} ${text}`,
      pass: floor.kind === "at-least" ? value >= limit : value <= limit,
    },
  };
}

export function floorTable(verdicts: readonly Verdict[]): string {
  const word = (pass: boolean | undefined) => (pass === undefined ? "not measured" : pass ? "pass" : "FAIL");
  return [
    "| row | floor | measured | as it is | scaled to this machine | scaled |",
    "|---|---|---|---|---|---|",
    ...verdicts.map(
      ({ row, floor, measured, pass, scaled: there }) =>
        `| ${row} | ${floor} | ${measured} | ${word(pass)} | ${there?.floor ?? ""} | ${there === undefined ? "" : word(there.pass)} |`,
    ),
  ].join("\n");
}
