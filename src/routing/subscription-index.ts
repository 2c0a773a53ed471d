import type { Topic } from "../mqtt/topic.ts";
import { hasWildcard } from "../mqtt/topic-filter.ts";
import type { Destination, SubscriptionOptions } from "./destination.ts";
import { EdgeTable } from "./edge-table.ts";
import { FilterTrie } from "./filter-trie.ts";
import { Matches } from "./matches.ts";
import { Route } from "./route.ts";
import { Subscribers } from "./subscribers.ts";

/** Counters of versions; counter 0 is the common one. A power of two. */
const VERSIONS = 8192;
const COMMON = 0;

/** The node that filters without wildcards begin at. */
const EXACT = 0;

const HASH_START = 0x811c9dc5;

/** Goes on hashing with `text[start, end)`. */
function hashOn(hash: number, text: string, start: number, end: number): number {
  let on = hash;
  for (let i = start; i < end; i++) on = Math.imul(on ^ text.charCodeAt(i), 0x01000193);
  return on;
}

/** The counter for a hash: never the common one. */
function slotOf(hash: number): number {
  return 1 + (((hash ^ (hash >>> 15)) >>> 0) % (VERSIONS - 1));
}

/** The counter for `text[0, end)`. */
function versionSlot(text: string, end: number): number {
  return slotOf(hashOn(HASH_START, text, 0, end));
}

/** Where the first level of `text` ends. */
function firstLevelEnd(text: string): number {
  const slash = text.indexOf("/");
  return slash < 0 ? text.length : slash;
}

/** Where the second level ends (or the first, when there is no second). */
function secondLevelEnd(text: string, firstEnd: number): number {
  if (firstEnd === text.length) return firstEnd;
  const slash = text.indexOf("/", firstEnd + 1);
  return slash < 0 ? text.length : slash;
}

/** The subscribers of a filter without wildcards. */
function exactFilter(filter: string): Subscribers {
  return new Subscribers(filter, 0);
}

/**
 * All subscriptions of one mountpoint: a table of the filters without wildcards and a trie of the others.
 *
 * Routes are cached in topics and stay valid until a filter appears or disappears that could match them. Which
 * those are is told by version counters: a filter without wildcards raises the one of its name, a filter that
 * starts with two literal levels the one of these two, with one the one of this level, any other the common one.
 * Names share a fixed number of counters by hash; a collision only makes a route anew.
 */
export class SubscriptionIndex {
  /** Filters without wildcards: edges from one node, named by the whole filter. */
  private readonly exact = new EdgeTable<Subscribers>();
  private readonly trie = new FilterTrie();
  private readonly versions = new Float64Array(VERSIONS);
  /** What the match that is going on has found. */
  private readonly found = new Matches();
  private subscriptions = 0;
  private wildcardFilters = 0;
  /** Number of the publish being delivered, 0 for none: tells subscribers to change copies. Set by the router. */
  publishing = 0;

  /** Number of subscriptions: pairs of filter and destination. */
  get size(): number {
    return this.subscriptions;
  }

  /** Number of distinct filters. */
  get filters(): number {
    return this.exact.size + this.wildcardFilters;
  }

  /** True when nothing at all is held. */
  get vacant(): boolean {
    return this.exact.size === 0 && this.trie.empty;
  }

  /**
   * Subscribes a destination to a valid filter; true when it had no subscription with this filter, else its options
   * are replaced. Every publish from now on is routed to it.
   */
  subscribe(filter: string, destination: Destination, options: SubscriptionOptions): boolean {
    let subscribers: Subscribers;
    if (hasWildcard(filter)) {
      subscribers = this.trie.obtain(filter);
      if (subscribers.count === 0) this.wildcardFilters++;
    } else {
      subscribers = this.exact.obtain(EXACT, filter, exactFilter);
    }
    if (subscribers.count === 0) this.changed(filter);
    const added = subscribers.add(destination, options, this.publishing);
    if (added) this.subscriptions++;
    return added;
  }

  /** Ends a subscription; false when there was none. */
  unsubscribe(filter: string, destination: Destination): boolean {
    const wildcard = hasWildcard(filter);
    const subscribers = wildcard
      ? this.trie.get(filter)
      : (this.exact.get(EXACT, filter, 0, filter.length) ?? undefined);
    if (subscribers === undefined || !subscribers.remove(destination, this.publishing)) return false;
    this.subscriptions--;
    if (subscribers.count === 0) {
      if (wildcard) {
        this.trie.remove(filter);
        this.wildcardFilters--;
      } else {
        this.exact.delete(EXACT, filter, 0, filter.length);
      }
      this.changed(filter);
    }
    return true;
  }

  /** The route of a topic of this mountpoint's table: the cached one while nothing changed. Hot path. */
  route(topic: Topic): Route {
    const cached = topic.route;
    if (cached instanceof Route && cached.index === this) {
      const { versions } = this;
      // The counters only rise, so an equal sum means that none of them has changed.
      const version =
        (versions[cached.topicSlot] ?? 0) +
        (versions[cached.prefixSlot] ?? 0) +
        (versions[cached.firstSlot] ?? 0) +
        (versions[COMMON] ?? 0);
      if (version === cached.version) return cached;
    }
    const route = this.match(topic);
    topic.route = route;
    return route;
  }

  /** Finds the route of a topic without the cache. */
  match(topic: Topic): Route {
    const { versions } = this;
    const { text } = topic;
    const firstEnd = firstLevelEnd(text);
    const secondEnd = secondLevelEnd(text, firstEnd);
    const first = hashOn(HASH_START, text, 0, firstEnd);
    const prefix = hashOn(first, text, firstEnd, secondEnd);
    const topicSlot = slotOf(hashOn(prefix, text, secondEnd, text.length));
    const prefixSlot = slotOf(prefix);
    const firstSlot = slotOf(first);
    const version =
      (versions[topicSlot] ?? 0) +
      (versions[prefixSlot] ?? 0) +
      (versions[firstSlot] ?? 0) +
      (versions[COMMON] ?? 0);
    const { found } = this;
    const exact = this.exact.get(EXACT, text, 0, text.length);
    if (exact !== null) found.add(exact);
    if (this.wildcardFilters > 0) this.trie.match(text, topic.reserved, found);
    return new Route(this, version, topicSlot, prefixSlot, firstSlot, found.take());
  }

  /** A filter has come or gone: raises the one counter that all topics it can match look at. */
  private changed(filter: string): void {
    let slot = COMMON;
    if (!hasWildcard(filter)) {
      slot = versionSlot(filter, filter.length);
    } else {
      const firstEnd = firstLevelEnd(filter);
      const first = filter.slice(0, firstEnd);
      if (first !== "+" && first !== "#") {
        const secondEnd = secondLevelEnd(filter, firstEnd);
        const second = filter.slice(firstEnd + 1, secondEnd);
        slot = versionSlot(filter, second === "+" || second === "#" ? firstEnd : secondEnd);
      }
    }
    this.versions[slot] = (this.versions[slot] ?? 0) + 1;
  }
}
