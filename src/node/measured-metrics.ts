import { provideProcessMetrics } from "../metrics/process-metrics.ts";
import type { Mountpoint } from "../registry/mountpoint.ts";
import type { ListenerEntry } from "./listener-directory.ts";
import type { NodeParts } from "./running-node.ts";

/** What one filter takes in the subscription index, in bytes, as measured with a million of them. */
const FILTER_WEIGHT = 250;
/** What each subscription to a filter takes there besides. */
const SUBSCRIPTION_WEIGHT = 24;

/** What is measured of the listeners. */
export interface MeasuredListeners {
  readonly entries: () => readonly ListenerEntry[];
  readonly guard: { readonly unauthenticated: number };
  /** By how many milliseconds the event loop was late. */
  readonly lag: () => number;
}

/** Provides the metrics that are read when they are asked for. Returns what ends the observation of the process. */
export function provideMetrics(
  {
    metrics,
    mountpoints,
    registry,
    health,
  }: Pick<NodeParts, "metrics" | "mountpoints" | "registry" | "health">,
  { entries, guard, lag }: MeasuredListeners,
): () => void {
  const { retained } = mountpoints;
  metrics.provide("router_subscriptions", () => sum(mountpoints.all(), subscriptionsOf));
  metrics.provide("router_memory", () => sum(mountpoints.all(), memoryOf));
  metrics.provide("retain_messages", () => retained.count);
  metrics.provide("retain_memory", () => retained.bytes);
  metrics.provide("queue_processes", () => registry.count);
  const activeOf = (...kinds: readonly string[]): number =>
    sum(entries(), ({ listener }) => (kinds.includes(listener.kind) ? listener.active : 0));
  metrics.provide("active_mqtt_connections", () => activeOf("tcp", "ssl"));
  metrics.provide("active_mqttws_connections", () => activeOf("ws", "wss"));
  metrics.provide("total_active_connections", () => activeOf("tcp", "ssl", "ws", "wss"));
  metrics.provide("unauthenticated_connections", () => guard.unauthenticated);
  metrics.provide("event_loop_lag_milliseconds", lag);
  metrics.provide("node_healthy", () => (health.healthy ? 1 : 0));
  return provideProcessMetrics(metrics);
}

/** Each member of a shared group counts; the index has the group once. */
function subscriptionsOf({ index, groups }: Mountpoint): number {
  return index.size + sum(groups.all(), ({ count }) => count - 1);
}

function memoryOf({ index, topics }: Mountpoint): number {
  return index.filters * FILTER_WEIGHT + index.size * SUBSCRIPTION_WEIGHT + topics.bytes;
}

function sum<T>(items: Iterable<T>, amount: (item: T) => number): number {
  let total = 0;
  for (const item of items) total += amount(item);
  return total;
}
