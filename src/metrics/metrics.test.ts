import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Histogram, observe } from "./histogram-metrics.ts";
import { Metric } from "./metric.ts";
import { metricTable } from "./metric-table.ts";
import { Metrics } from "./metrics.ts";
import { provideProcessMetrics } from "./process-metrics.ts";
import { connackReturnSlots, ReasonMetric, reasonSlot } from "./reason-metrics.ts";
import { systreeEntries } from "./systree.ts";

describe("the metric table", () => {
  it("shows every slot exactly once", () => {
    const shown: number[] = [];
    for (const family of metricTable) {
      if ("series" in family) shown.push(...family.series.map((series) => series.slot));
      if (family.type === "histogram") for (let cell = 0; cell < 9; cell++) shown.push(family.slot + cell);
    }
    const { cells } = new Metrics().counters;
    assert.deepEqual(
      shown.sort((a, b) => a - b),
      Array.from({ length: cells.length - 1 }, (_, index) => index + 1),
    );
  });

  it("has both versions of a name side by side", () => {
    for (const [name, slot] of Object.entries(Metric)) {
      const v4 = name.endsWith("_v5")
        ? Object.entries(Metric).find(([other]) => other === name.replace(/5$/, "4"))
        : undefined;
      if (v4 !== undefined) assert.equal(slot, v4[1] + 1, name);
    }
  });

  it("has the label sets of the documented size for each kind of packet", () => {
    const count = (name: string): number => {
      const family = metricTable.find((candidate) => candidate.name === name);
      return family !== undefined && "series" in family ? family.series.length : -1;
    };
    assert.equal(count("socket_open"), 1);
    assert.equal(count("mqtt_publish_received"), 2);
    assert.equal(count("mqtt_pubrec_invalid_error"), 1);
    assert.equal(count("mqtt_puback_sent"), 1 + 9);
    assert.equal(count("mqtt_pubrel_received"), 1 + 2);
    assert.equal(count("mqtt_connack_sent"), 6 + 22);
    assert.equal(count("mqtt_disconnect_sent"), 28);
    assert.equal(count("mqtt_disconnect_received"), 1 + 14);
    assert.equal(count("mqtt_auth_sent"), 3);
  });
});

describe("the metrics of a node", () => {
  it("adds label sets up in totals and tells them apart in samples", () => {
    const metrics = new Metrics();
    metrics.counters.increment(Metric.mqtt_puback_sent_v4);
    metrics.counters.add(reasonSlot(ReasonMetric.mqtt_puback_sent, 0x10), 2);
    metrics.counters.increment(reasonSlot(connackReturnSlots, 5));
    assert.equal(metrics.total("mqtt_puback_sent"), 3);
    assert.deepEqual(
      metrics
        .samples()
        .filter(({ value }) => value > 0)
        .map(({ name, labels, value }) => ({ name, labels, value })),
      [
        {
          name: "mqtt_connack_sent",
          labels: [
            ["mqtt_version", "4"],
            ["return_code", "not_authorized"],
          ],
          value: 1,
        },
        { name: "mqtt_puback_sent", labels: [["mqtt_version", "4"]], value: 1 },
        {
          name: "mqtt_puback_sent",
          labels: [
            ["mqtt_version", "5"],
            ["reason_code", "no_matching_subscribers"],
          ],
          value: 2,
        },
      ],
    );
    const totals = metrics.totals();
    assert.equal(totals.find(({ name }) => name === "mqtt_puback_sent")?.value, 3);
    assert.equal(new Set(totals.map(({ name }) => name)).size, totals.length);
  });

  it("takes a code without a label without showing it", () => {
    const metrics = new Metrics();
    metrics.counters.increment(reasonSlot(ReasonMetric.mqtt_puback_sent, 0xff));
    assert.equal(metrics.counters.value(Metric.none), 1);
    assert.ok(metrics.samples().every(({ value }) => value === 0));
  });

  it("resets counters but not gauges", () => {
    const metrics = new Metrics();
    metrics.provide("retain_messages", () => 7);
    metrics.counters.increment(Metric.socket_open);
    observe(metrics.counters, Histogram.storage_write_microseconds, 5);
    metrics.reset();
    assert.equal(metrics.total("socket_open"), 0);
    assert.equal(metrics.total("storage_write_microseconds"), 0);
    assert.equal(metrics.total("retain_messages"), 7);
  });

  it("counts histogram buckets cumulatively", () => {
    const metrics = new Metrics();
    observe(metrics.counters, Histogram.storage_read_microseconds, 10);
    observe(metrics.counters, Histogram.storage_read_microseconds, 500);
    observe(metrics.counters, Histogram.storage_read_microseconds, 2_000_000);
    const read = metrics.histograms().find(({ name }) => name === "storage_read_microseconds");
    assert.equal(read?.count, 3);
    assert.equal(read?.sum, 2_000_510);
    assert.deepEqual(
      read?.buckets.map(({ count }) => count),
      [1, 1, 2, 2, 2, 2, 3],
    );
  });

  it("names $SYS topics after the metrics", () => {
    const metrics = new Metrics();
    metrics.counters.increment(Metric.mqtt_publish_received_v4);
    metrics.counters.increment(Metric.mqtt_publish_received_v5);
    const entries = new Map(systreeEntries(metrics).map(({ topic, value }) => [topic, value]));
    assert.equal(entries.get("mqtt/publish/received"), "2");
    assert.equal(entries.get("storage/read/microseconds/bucket/inf"), "0");
    assert.equal(entries.get("active/mqtt/connections"), "0");
  });

  it("measures the process", () => {
    const metrics = new Metrics();
    let now = 0;
    const stop = provideProcessMetrics(metrics, () => now);
    now = 1500;
    assert.equal(metrics.total("system_wallclock"), 1500);
    assert.ok(metrics.total("vm_memory_total") > 10_000_000);
    const busy = metrics.total("system_utilization");
    assert.ok(busy >= 0 && busy <= 100);
    metrics.counters.add(Metric.bytes_received, 5);
    assert.equal(metrics.total("system_io_in"), 5);
    stop();
  });
});

it("of the values with labels of a name the smallest stands for all", () => {
  const metrics = new Metrics();
  const name = "tls_certificate_seconds_left";
  const values = (): (number | string)[][] =>
    metrics
      .samples()
      .flatMap((sample) => (sample.name === name ? [[sample.value, sample.labels.join()]] : []));
  assert.deepEqual(values(), []);
  assert.equal(metrics.total(name), 0);
  metrics.provideSeries(name, () => [
    { labels: [["listener", "ssl.a"]], value: 30 },
    { labels: [["listener", "ssl.b"]], value: -5 },
  ]);
  assert.deepEqual(values(), [
    [30, "listener,ssl.a"],
    [-5, "listener,ssl.b"],
  ]);
  assert.equal(metrics.total(name), -5);
  assert.equal(metrics.totals().find((sample) => sample.name === name)?.value, -5);
});
