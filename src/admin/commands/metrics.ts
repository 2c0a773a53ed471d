import { combined, type Metrics } from "../../metrics/metrics.ts";
import { type Command, CommandError, type Invocation } from "../command.ts";
import { type Element, text } from "../element.ts";

const LABELS = ["mqtt_version", "reason_code", "return_code", "group", "listener", "file"];

interface Line {
  readonly text: string;
  readonly help: string;
}

function histogramLines(metrics: Metrics): Line[] {
  return metrics.histograms().flatMap(({ name, help, count, sum, buckets }) => [
    { text: `histogram.${name}_count = ${count}`, help },
    { text: `histogram.${name}_sum = ${sum}`, help },
    ...buckets.map((bucket) => {
      const bound = bucket.bound === Number.POSITIVE_INFINITY ? "infinity" : String(bucket.bound);
      return { text: `histogram.${name}_bucket_${bound} = ${bucket.count}`, help };
    }),
  ]);
}

/** The lines of `metrics show`: of the samples that have all the labels asked for. */
function lines(metrics: Metrics, aggregate: boolean, filter: ReadonlyMap<string, string>): Line[] {
  const chosen = metrics
    .samples()
    .filter((sample) =>
      [...filter].every(([name, value]) =>
        sample.labels.some((label) => label[0] === name && label[1] === value),
      ),
    );
  const found = new Map<string, { type: string; value: number; help: string }>();
  for (const { name, type, value, help, labels } of chosen) {
    const shown = labels.map(([label, labelled]) => `${label}="${labelled}"`).join(",");
    const id = aggregate || labels.length === 0 ? name : `${name}{${shown}}`;
    found.set(id, { type, help, value: combined(name, found.get(id)?.value, value) });
  }
  const samples = [...found].map(([id, { type, value, help }]) => ({
    text: `${type}.${id} = ${value}`,
    help,
  }));
  return filter.size === 0 ? [...samples, ...histogramLines(metrics)] : samples;
}

function labelFilter({ repeated }: Invocation): Map<string, string> {
  const filter = new Map<string, string>();
  for (const [name, value] of repeated) {
    if (!LABELS.includes(name)) continue;
    if (value === undefined) throw new CommandError(`Invalid value: undefined for flag: --${name}`);
    filter.set(name, value);
  }
  return filter;
}

/** `metrics show`. */
export function metricsShow(metrics: Metrics): Command {
  return {
    path: ["metrics", "show"],
    summary: "Shows all metrics.",
    details: [
      `--LABEL=VALUE shows only metrics with that label; labels: ${LABELS.join(", ")}.`,
      "The label sets of a name are added up unless --aggregate=false is given.",
    ],
    flags: [
      { name: "with-descriptions", short: "d", help: "shows what each metric means above it" },
      {
        name: "aggregate",
        short: "a",
        value: "true|false",
        help: "adds up the label sets of a name, true without this flag",
        accepts: (value) => value === "true" || value === "false",
      },
    ],
    unknownFlag: (name) => (LABELS.includes(name) ? undefined : `Invalid flag: --${name}`),
    offers: () => LABELS.map((label) => `--${label}=`),
    run: (invocation): Element[] => {
      const aggregate = invocation.flags.get("aggregate") !== "false";
      const described = invocation.flags.has("with-descriptions");
      const shown = lines(metrics, aggregate, labelFilter(invocation));
      if (shown.length === 0) return [];
      return [
        text(
          described
            ? shown.map((line) => `# ${line.help}\n${line.text}\n`).join("\n")
            : shown.map((line) => line.text).join("\n"),
        ),
      ];
    },
  };
}

/** `metrics reset`. */
export function metricsReset(metrics: Metrics): Command {
  return {
    path: ["metrics", "reset"],
    summary: "Sets all counters to 0.",
    run: (): Element[] => {
      metrics.reset();
      return [text("Done")];
    },
  };
}
