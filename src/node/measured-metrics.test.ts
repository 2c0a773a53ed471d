import assert from "node:assert/strict";
import { it } from "node:test";
import { provideMetrics } from "./measured-metrics.ts";
import { testNode } from "./node-test-support.ts";

it("measures subscriptions, retained messages and queues when asked", async (context) => {
  const { parts, connect, subscribe, publish } = await testNode(context, "", []);
  const { metrics } = parts;
  context.after(provideMetrics(parts, { entries: () => [], guard: { unauthenticated: 3 }, lag: () => 7 }));
  assert.equal(metrics.total("router_memory"), 0);
  await connect("a");
  await connect("b", { mountpoint: "m" });
  subscribe("a", "x/#");
  subscribe("a", "$share/g/x");
  subscribe("b", "x", 1, "m");
  await connect("c");
  subscribe("c", "$share/g/x");
  publish("r", "retained", 0, "m", true);
  assert.equal(metrics.total("router_subscriptions"), 4);
  assert.ok(metrics.total("router_memory") > 500);
  assert.equal(metrics.total("retain_messages"), 1);
  assert.ok(metrics.total("retain_memory") > 0);
  assert.equal(metrics.total("queue_processes"), 3);
  assert.equal(metrics.total("total_active_connections"), 0);
  assert.ok(metrics.total("vm_memory_total") > 0);
});
