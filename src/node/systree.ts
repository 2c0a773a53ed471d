import type { Timed, TimerWheel } from "../clock/timer-wheel.ts";
import type { Configuration } from "../config/configuration.ts";
import type { Metrics } from "../metrics/metrics.ts";
import { systreeEntries } from "../metrics/systree.ts";
import { Publication } from "../mqtt/publication.ts";
import type { Topic } from "../mqtt/topic.ts";
import type { Mountpoint } from "../registry/mountpoint.ts";
import type { NodeParts } from "./running-node.ts";

/** Publishes the metrics below `$SYS/NODE/` every now and then, as `systree_*` says; follows changes at run time. */
export class Systree implements Timed {
  dueTick = -1;
  previousTimed: Timed | null = null;
  nextTimed: Timed | null = null;
  readonly #configuration: Configuration;
  readonly #metrics: Metrics;
  readonly #wheel: TimerWheel;
  readonly #mountpoint: Mountpoint;
  readonly #prefix: string;
  readonly #topics = new Map<string, Topic>();
  readonly #publication = new Publication();
  #unfollow: (() => void) | null = null;

  constructor(parts: Pick<NodeParts, "configuration" | "metrics" | "wheel" | "mountpoints" | "name">) {
    this.#configuration = parts.configuration;
    this.#metrics = parts.metrics;
    this.#wheel = parts.wheel;
    this.#mountpoint = parts.mountpoints.of(parts.configuration.get("systree_mountpoint"));
    this.#prefix = `$SYS/${parts.name}`;
  }

  /** The first publishes come after one interval. */
  start(): void {
    this.#unfollow ??= this.#configuration.onChange(["systree_enabled", "systree_interval"], () =>
      this.#schedule(),
    );
    this.#schedule();
  }

  stop(): void {
    this.#unfollow?.();
    this.#unfollow = null;
    this.#wheel.cancel(this);
  }

  /** See `Timed`. */
  due(): void {
    this.#schedule();
    const retain = this.#configuration.get("systree_retain");
    if (this.#mountpoint.index.vacant && !retain) return;
    const qos = this.#configuration.get("systree_qos");
    for (const { topic, value } of systreeEntries(this.#metrics)) {
      this.#publish(this.#topic(topic), Buffer.from(value), qos, retain);
    }
  }

  #schedule(): void {
    const interval = this.#configuration.get("systree_interval");
    if (this.#configuration.get("systree_enabled") && interval > 0) this.#wheel.schedule(this, interval);
    else this.#wheel.cancel(this);
  }

  /** Topics are kept, so that their routes stay cached however many names clients use meanwhile. */
  #topic(name: string): Topic {
    let topic = this.#topics.get(name);
    if (topic === undefined) {
      topic = this.#mountpoint.topics.internText(`${this.#prefix}/${name}`);
      this.#topics.set(name, topic);
    }
    return topic;
  }

  #publish(topic: Topic, payload: Buffer, qos: number, retain: boolean): void {
    const { index, router } = this.#mountpoint;
    if (!retain && index.route(topic).matches.length === 0) return;
    const publication = this.#publication;
    publication.topic = topic;
    publication.qos = qos;
    publication.retain = retain;
    publication.buffer = payload;
    publication.payloadStart = 0;
    publication.payloadEnd = payload.length;
    publication.copy = null;
    publication.serial++;
    router.publish(publication);
  }
}
