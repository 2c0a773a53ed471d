import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Metric } from "../../metrics/metric.ts";
import { Metrics } from "../../metrics/metrics.ts";
import type { HttpModule } from "../http-module.ts";
import type { NodeView } from "../node-view.ts";
import { healthModule } from "./health-module.ts";
import { metricsModule } from "./metrics-module.ts";

function view(more: Partial<NodeView> = {}): NodeView {
  return {
    name: "n@h",
    health: { problems: [] },
    metrics: new Metrics(),
    metricPrefix: "vernemq_",
    members: () => [{ name: "n@h", running: true }],
    listeners: () => [{ type: "mqtt", running: true }],
    ...more,
  };
}

function get(module: HttpModule, path: string, headers: Record<string, string> = {}) {
  const route = module.routes.find((one) => one.path === path);
  assert.ok(route !== undefined, path);
  const { status, body = "" } = route.answer({ method: "GET", headers });
  return { status, body };
}

describe("vmq_health_http", () => {
  const all = (node: NodeView) =>
    ["/health", "/health/ping", "/health/listeners", "/health/listeners_full_cluster"].map((path) => {
      const { status, body } = get(healthModule(node), path);
      return status === 200 && body === '{"status":"OK"}' ? "OK" : `${status} ${body}`;
    });

  it("is OK while nothing is wrong", () => {
    assert.deepEqual(all(view()), ["OK", "OK", "OK", "OK"]);
  });

  it("tells listeners that do not accept, each type once", () => {
    const listeners = () => [
      { type: "mqtt", running: false },
      { type: "http", running: true },
      { type: "mqttws", running: false },
      { type: "mqtt", running: false },
    ];
    const reason = "Listeners are not ready: [mqtt,mqttws]";
    assert.deepEqual(all(view({ listeners })), [
      `503 {"status":"DOWN","reasons":["${reason}"]}`,
      "OK",
      `503 {"status":"DOWN","reason":"${reason}"}`,
      `503 {"status":"DOWN","reasons":["${reason}"]}`,
    ]);
  });

  it("tells other nodes that are down only to who asks for the cluster", () => {
    const members = () => [
      { name: "n@h", running: true },
      { name: "o@h", running: false },
    ];
    assert.deepEqual(all(view({ members })), [
      "OK",
      "OK",
      "OK",
      '503 {"status":"DOWN","reasons":["At least one node is offline"]}',
    ]);
  });

  it("tells that the node is no member, and what else is wrong with it", () => {
    const node = view({ members: () => [], health: { problems: ["store: the disk is full"] } });
    assert.equal(
      all(node)[0],
      '503 {"status":"DOWN","reasons":["Node has not joined cluster","store: the disk is full"]}',
    );
    assert.equal(all(node)[1], "OK");
  });
});

describe("vmq_metrics_http", () => {
  it("escapes what could end a label", () => {
    const metrics = new Metrics();
    metrics.provideSeries("tls_certificate_seconds_left", () => [
      { labels: [["file", 'C:\\a"b\nc']], value: 7 },
    ]);
    const { body } = get(metricsModule(view({ metrics, name: 'n"@h' })), "/metrics");
    assert.ok(
      body.includes('\nvernemq_tls_certificate_seconds_left{node="n\\"@h",file="C:\\\\a\\"b\\nc"} 7\n'),
    );
  });

  it("shows counters as they are, with the prefix taken literally", () => {
    const metrics = new Metrics();
    metrics.counters.increment(Metric.socket_open);
    const { body } = get(metricsModule(view({ metrics, metricPrefix: "" })), "/metrics");
    assert.match(body, /^# HELP socket_open \S.*\n# TYPE socket_open counter\nsocket_open\{node="n@h"\} 1$/m);
    assert.ok(body.endsWith("\n"));
  });

  it("is for whoever takes text", () => {
    const status = (accept: string) => get(metricsModule(view()), "/metrics", { accept }).status;
    const takes = [
      "*/*",
      "text/plain",
      "text/*;q=0.1",
      "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
    ];
    const refuses = ["application/json", "text/plain;q=0", "text/html, */*;q=0.0", ""];
    for (const accept of takes) assert.equal(status(accept), 200, accept);
    for (const accept of refuses) assert.equal(status(accept), 406, accept);
  });
});
