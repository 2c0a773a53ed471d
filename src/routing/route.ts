import type { Publication } from "../mqtt/publication.ts";
import type { TopicRoute } from "../mqtt/topic.ts";
import type { Subscribers } from "./subscribers.ts";

/**
 * Where the publishes of one topic go, kept in the topic. It holds the subscribers of each matching filter, not a
 * copy of their members: a thousand topics that all match `#` with its thousand members stay small, and only a
 * filter that appears or disappears makes routes anew.
 */
export class Route implements TopicRoute {
  /** The index that made it; another one's routes are not valid. */
  readonly index: object;
  /** The sum of the three versions below and the common one when the route was made. */
  readonly version: number;
  /** The counters of the index that cover the whole topic, its first two levels, its first level. */
  readonly topicSlot: number;
  readonly prefixSlot: number;
  readonly firstSlot: number;
  /** One entry per matching filter. */
  readonly matches: readonly Subscribers[];

  constructor(
    index: object,
    version: number,
    topicSlot: number,
    prefixSlot: number,
    firstSlot: number,
    matches: readonly Subscribers[],
  ) {
    this.index = index;
    this.version = version;
    this.topicSlot = topicSlot;
    this.prefixSlot = prefixSlot;
    this.firstSlot = firstSlot;
    this.matches = matches;
  }

  /** Number of matching subscriptions. */
  get count(): number {
    let count = 0;
    for (const subscribers of this.matches) count += subscribers.count;
    return count;
  }

  /** Hands a publish to all of them; their number. Hot path; call it through `Router.publish`. */
  deliver(publication: Publication): number {
    const { matches } = this;
    let count = 0;
    for (let i = 0; i < matches.length; i++) {
      const subscribers = matches[i];
      if (subscribers !== undefined) count += subscribers.deliver(publication);
    }
    return count;
  }
}
