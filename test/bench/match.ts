/**
 * How long the subscription index takes to match a topic whose route is not cached, and what a filter takes of memory
 * in the index alone: `node --expose-gc test/bench/match.ts [filters]`. Half of the filters are exact, the others end
 * in `#` or have a `+`. Prints one line of JSON for each run; the first one is cold.
 */
import { Topic } from "../../src/mqtt/topic.ts";
import type { Destination, SubscriptionOptions } from "../../src/routing/destination.ts";
import { SubscriptionIndex } from "../../src/routing/subscription-index.ts";

const FILTERS = Number(process.argv[2] ?? 1_000_000);
const TOPICS = 200_000;
const RUNS = 4;
const DEVICES_OF_A_SITE = 1_000;
const METRICS = ["temperature", "humidity", "status", "battery", "position"];
const OPTIONS: SubscriptionOptions = {
  qos: 0,
  noLocal: false,
  retainAsPublished: false,
  retainHandling: 0,
  identifier: 0,
};

/** The site and device of a number: `site17/device00017042`. */
function device(number: number): string {
  return `site${Math.floor(number / DEVICES_OF_A_SITE)}/device${String(number).padStart(8, "0")}`;
}

function metric(number: number): string {
  return METRICS[number % METRICS.length] ?? "";
}

/** Of ten filters five are exact, three end in `#`, two have a `+`. */
function filter(number: number): string {
  const kind = number % 10;
  if (kind < 5) return `${device(number)}/${metric(number)}`;
  return kind < 8 ? `${device(number)}/#` : `${device(number)}/+/state`;
}

/** The same sequence in every run. */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

function topic(number: number): Topic {
  const text = number % 10 < 8 ? `${device(number)}/${metric(number)}` : `${device(number)}/door/state`;
  return new Topic(text, Buffer.from(text), text.split("/").length);
}

function residentBytes(): number {
  globalThis.gc?.();
  return process.memoryUsage().rss;
}

const before = residentBytes();
const index = new SubscriptionIndex();
const nobody: Destination = { deliver() {} };
for (let number = 0; number < FILTERS; number++) index.subscribe(filter(number), nobody, OPTIONS);
const bytesPerFilter = Math.round((residentBytes() - before) / FILTERS);

const random = randomNumbers(1);
for (let run = 0; run < RUNS; run++) {
  const topics = Array.from({ length: TOPICS }, () => topic(Math.floor(random() * FILTERS)));
  let matches = 0;
  const begun = process.cpuUsage();
  const start = process.hrtime.bigint();
  for (const each of topics) matches += index.route(each).count;
  const wall = Number(process.hrtime.bigint() - start) / 1_000 / TOPICS;
  const used = process.cpuUsage(begun);
  const cpu = (used.user + used.system) / TOPICS;
  console.log(
    JSON.stringify({
      run,
      filters: FILTERS,
      rss_b_per_filter: bytesPerFilter,
      matches_per_topic: matches / TOPICS,
      match_us: Number(wall.toFixed(2)),
      match_cpu_us: Number(cpu.toFixed(2)),
    }),
  );
}
