/**
 * Runs rows of the benchmark on several brokers in turn and prints medians, ratios and floors.
 * `node test/bench/compare.ts --help` lists the options; README.md explains the figures.
 */
import { appendFileSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { run } from "../support/processes.ts";
import { BenchBroker, type BrokerSpec, parseBroker } from "./brokers.ts";
import { loadGenerator, lock, quiet } from "./machine.ts";
import { floorTable, judge, table } from "./report.ts";
import { field, quickRows, type Result, type Row, rows } from "./rows.ts";

const help = `usage: node test/bench/compare.ts [options]
  --broker B       vernemq, mosquitto, bare, NAME,COMMAND with {dir} and {port}, or NAME,HOST:PORT[,PID];
                   repeat it; the first is the subject (default: vernemq, then mosquitto)
  --rounds N       rounds of every row (3)
  --only A,B       these rows; --quick: six of them; --all: the large ones too; --list: show them
  --floors         judge the first broker by the floors, as they are and scaled to this machine
  --warm MS        not measured (2000)        --dur MS     measured (5000)
  --noise F        CPU of others, as part of one core, above which a run is repeated (0.15)
  --retries N      such repetitions (4)       --quiet MS   wait for a quiet machine (20000)
  --lock FILE      taken during each run (${join(tmpdir(), "vernemq-bench.lock")})
  --out FILE       append every run as a line of JSON
  --from-file FILE print the tables of an earlier --out file instead of measuring
  --extra "ARGS"   more arguments for the load generator`;

const { values: options } = parseArgs({
  options: {
    broker: { type: "string", multiple: true, default: ["vernemq", "mosquitto"] },
    rounds: { type: "string", default: "3" },
    only: { type: "string" },
    quick: { type: "boolean", default: false },
    all: { type: "boolean", default: false },
    list: { type: "boolean", default: false },
    floors: { type: "boolean", default: false },
    warm: { type: "string", default: "2000" },
    dur: { type: "string", default: "5000" },
    noise: { type: "string", default: "0.15" },
    retries: { type: "string", default: "4" },
    quiet: { type: "string", default: "20000" },
    lock: { type: "string", default: join(tmpdir(), "vernemq-bench.lock") },
    out: { type: "string" },
    "from-file": { type: "string" },
    extra: { type: "string", default: "" },
    help: { type: "boolean", default: false },
  },
});

const results = new Map<string, Map<string, Result[]>>();

function keep(row: string, broker: string, result: Result): void {
  const brokers = results.get(row) ?? new Map<string, Result[]>();
  results.set(row, brokers);
  brokers.set(broker, [...(brokers.get(broker) ?? []), result]);
}

function parseResult(line: string): Result {
  const parsed: unknown = JSON.parse(line);
  if (typeof parsed !== "object" || parsed === null) throw new Error(`not a result: ${line}`);
  return Object.fromEntries(
    Object.entries(parsed).filter(
      (entry): entry is [string, number | string] =>
        typeof entry[1] === "number" || typeof entry[1] === "string",
    ),
  );
}

async function generate(broker: BenchBroker, argv: readonly string[]): Promise<Result> {
  const pid = broker.pid === undefined ? [] : ["--broker-pid", String(broker.pid)];
  const made = await run(
    loadGenerator(argv.includes("--tls")),
    [...argv, "--host", broker.spec.host, "--port", String(broker.port), "--label", broker.spec.name, ...pid],
    { deadlineMs: 900_000 },
  );
  if (made.stderr !== "") process.stderr.write(`  ${made.stderr.trim()}\n`);
  const line = made.stdout.trim().split("\n").at(-1) ?? "";
  if (made.code !== 0 || line === "") throw new Error(`the load generator ended with status ${made.code}`);
  return parseResult(line);
}

/** Stops the broker, starts it on its data; how long until it serves, and its memory then. */
async function restart(broker: BenchBroker, before: Result): Promise<Result> {
  if (broker.spec.command === undefined) return {};
  await broker.stop();
  const from = performance.now();
  broker.launch();
  const ready = await generate(broker, ["ready", "--dur", "120000"]);
  const total = performance.now() - from;
  if (field(ready, "ready") !== 1) throw new Error(`${broker.spec.name} does not serve after its restart`);
  const resident = field(ready, "rss_idle_mb") ?? 0;
  const base = field(before, "rss_before_mb") ?? 0;
  const count = field(before, "n") ?? field(before, "retained") ?? 1;
  return {
    restart_ready_ms: total,
    restart_rss_mb: resident,
    ...(base > 0 ? { restart_b_each: ((resident - base) * 1048576) / count } : {}),
  };
}

async function measure(spec: BrokerSpec, row: Row): Promise<Result> {
  const release = await lock(options.lock);
  const broker = new BenchBroker(spec, row);
  try {
    await broker.start();
    await quiet(Number(options.quiet));
    const extra = options.extra === "" ? [] : options.extra.split(/\s+/);
    const times = ["--warm", options.warm, "--dur", options.dur];
    const result = await generate(broker, [...row.argv.split(" "), ...times, ...extra]);
    return row.restart === true ? { ...result, ...(await restart(broker, result)) } : result;
  } finally {
    await broker.end();
    release();
  }
}

/** CPU of others while it was measured, as part of one core. */
function noiseOf(result: Result): number {
  const seconds = field(result, "other_span_s") ?? 0;
  return seconds > 0 ? Math.round(((field(result, "other_cpu_s") ?? 0) / seconds) * 1000) / 1000 : 0;
}

/** One run that others did not disturb, or the last of the allowed attempts. */
async function undisturbed(spec: BrokerSpec, row: Row): Promise<Result> {
  for (let attempt = 0; ; attempt++) {
    const result = await measure(spec, row);
    const noise = noiseOf(result);
    if (noise <= Number(options.noise) || attempt >= Number(options.retries) || row.large === true) {
      return { ...result, noise };
    }
    process.stderr.write(`  others used ${noise} of a core: ${row.name} ${spec.name} again\n`);
  }
}

function chosen(): Row[] {
  const names = options.only?.split(",") ?? (options.quick ? quickRows : undefined);
  if (names === undefined) return rows.filter((row) => row.large !== true || options.all);
  return names.map((name) => {
    const row = rows.find((one) => one.name === name);
    if (row === undefined) throw new Error(`no row ${name}; --list shows them`);
    return row;
  });
}

function summary(result: Result): string {
  const keys =
    "recv_per_s conns_per_s store_per_s acks_per_s p50_ms p99_ms loss kb_per_conn broker_cpu_s gen_cpu_s";
  return `${keys} broker_peak_rss_mb restart_ready_ms noise`
    .split(" ")
    .flatMap((key) => (result[key] === undefined ? [] : [`${key}=${result[key]}`]))
    .join(" ");
}

async function measureAll(specs: readonly BrokerSpec[]): Promise<number> {
  let failures = 0;
  for (const row of chosen()) {
    for (let round = 0; round < Number(options.rounds); round++) {
      for (const [i, spec] of specs.entries()) {
        if (row.firstOnly === true && (i > 0 || round > 0)) continue;
        if (spec.serves?.(row) === false) continue;
        try {
          const result = await undisturbed(spec, row);
          keep(row.name, spec.name, result);
          process.stderr.write(`${row.name} ${spec.name} round ${round}: ${summary(result)}\n`);
          if (options.out !== undefined) {
            appendFileSync(options.out, `${JSON.stringify({ row: row.name, round, ...result })}\n`);
          }
        } catch (error) {
          failures += 1;
          process.stderr.write(
            `${row.name} ${spec.name}: ${error instanceof Error ? error.message : error}\n`,
          );
        }
      }
    }
  }
  return failures;
}

async function main(): Promise<number> {
  if (options.help) {
    console.log(help);
    return 0;
  }
  if (options.list) {
    for (const row of rows)
      console.log(`${row.name.padEnd(11)} ${row.about}\n            mqload ${row.argv}`);
    return 0;
  }
  const specs = options.broker.map(parseBroker);
  let failures = 0;
  if (options["from-file"] === undefined) failures = await measureAll(specs);
  else {
    for (const line of readFileSync(options["from-file"], "utf8").trim().split("\n")) {
      const result = parseResult(line);
      keep(String(result.row), String(result.label), result);
    }
  }
  console.log(table(rows, results));
  if (options.floors) {
    const subject = options["from-file"] === undefined ? (specs[0]?.name ?? "") : "vernemq";
    const verdicts = judge(rows, results, subject);
    console.log(`\n${floorTable(verdicts)}`);
    failures += verdicts.filter((one) => (one.scaled?.pass ?? one.pass) === false).length;
  }
  return failures === 0 ? 0 : 1;
}

process.exitCode = await main();
