import { type EventLoopUtilization, PerformanceObserver, performance } from "node:perf_hooks";
import { Metric } from "./metric.ts";
import type { Metrics } from "./metrics.ts";

/** The utilisation is that of the last window of at least this long. */
const WINDOW_MS = 1000;

/**
 * Provides the `system_*` and `vm_*` metrics from the process. Returns a function that ends the observation of
 * garbage collections.
 */
export function provideProcessMetrics(
  metrics: Metrics,
  now: () => number = () => performance.now(),
): () => void {
  const startedAt = now();
  let collections = 0;
  const observer = new PerformanceObserver((list) => {
    collections += list.getEntries().length;
  });
  observer.observe({ entryTypes: ["gc"] });

  let windowStart: EventLoopUtilization = performance.eventLoopUtilization();
  let windowStartedAt = startedAt;
  let utilization = 0;
  const readUtilization = (): number => {
    if (now() - windowStartedAt >= WINDOW_MS) {
      utilization = performance.eventLoopUtilization(windowStart).utilization * 100;
      windowStart = performance.eventLoopUtilization();
      windowStartedAt = now();
    }
    return utilization;
  };

  const { counters } = metrics;
  metrics.provide("system_wallclock", () => now() - startedAt);
  metrics.provide("system_runtime", () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1000;
  });
  metrics.provide("system_context_switches", () => {
    const { voluntaryContextSwitches, involuntaryContextSwitches } = process.resourceUsage();
    return voluntaryContextSwitches + involuntaryContextSwitches;
  });
  metrics.provide("system_gc_count", () => collections);
  metrics.provide(
    "system_io_in",
    () => counters.value(Metric.bytes_received) + counters.value(Metric.cluster_bytes_received),
  );
  metrics.provide(
    "system_io_out",
    () => counters.value(Metric.bytes_sent) + counters.value(Metric.cluster_bytes_sent),
  );
  metrics.provide("system_utilization", readUtilization);
  metrics.provide("system_utilization_scheduler_1", readUtilization);
  metrics.provide(
    "system_process_count",
    () => metrics.total("queue_processes") + metrics.total("total_active_connections"),
  );
  metrics.provide("vm_memory_total", () => process.memoryUsage.rss());
  metrics.provide("vm_memory_processes", () => process.memoryUsage().heapTotal);
  metrics.provide("vm_memory_processes_used", () => process.memoryUsage().heapUsed);
  metrics.provide("vm_memory_system", () => {
    const { rss, heapTotal } = process.memoryUsage();
    return Math.max(0, rss - heapTotal);
  });
  // Array buffers are part of external memory.
  metrics.provide("vm_memory_binary", () => process.memoryUsage().external);
  return () => observer.disconnect();
}
