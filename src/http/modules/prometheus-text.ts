import type { Label } from "../../metrics/metric-table.ts";
import type { Metrics } from "../../metrics/metrics.ts";

/**
 * All metrics in the text format 0.0.4 of Prometheus: one line for each label set, with the node as the first label;
 * HELP and TYPE once for each name.
 */
export function prometheusText(metrics: Metrics, prefix: string, node: string): string {
  const name = labelText("node", node);
  const lines: string[] = [];
  let family = "";
  for (const sample of metrics.samples()) {
    const id = prefix + sample.name;
    if (sample.name !== family) {
      family = sample.name;
      lines.push(...head(id, sample.help, sample.type));
    }
    lines.push(`${id}{${[name, ...sample.labels.map(labelled)].join(",")}} ${sample.value}`);
  }
  for (const { name: own, help, buckets, sum, count } of metrics.histograms()) {
    const id = prefix + own;
    lines.push(...head(id, help, "histogram"));
    for (const bucket of buckets) {
      const bound = bucket.bound === Number.POSITIVE_INFINITY ? "+Inf" : String(bucket.bound);
      lines.push(`${id}_bucket{${name},le="${bound}"} ${bucket.count}`);
    }
    lines.push(`${id}_sum{${name}} ${sum}`, `${id}_count{${name}} ${count}`);
  }
  return `${lines.join("\n")}\n`;
}

function head(id: string, help: string, type: string): readonly string[] {
  return [`# HELP ${id} ${help.replaceAll("\\", "\\\\").replaceAll("\n", "\\n")}`, `# TYPE ${id} ${type}`];
}

function labelled([label, value]: Label): string {
  return labelText(label, value);
}

function labelText(label: string, value: string): string {
  const escaped = value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
  return `${label}="${escaped}"`;
}
