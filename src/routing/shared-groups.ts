import { parseTopicFilter } from "../mqtt/topic-filter.ts";
import type { SubscriptionOptions } from "./destination.ts";
import {
  GROUP_OPTIONS,
  type GroupBacklog,
  type GroupMember,
  type GroupRules,
  SharedGroup,
  type SharedSubscriptionPolicy,
} from "./shared-group.ts";
import type { SubscriptionIndex } from "./subscription-index.ts";

/** What the shared groups of a mountpoint need. */
export interface SharedGroupsOptions {
  readonly index: SubscriptionIndex;
  /** The stable id of the group with this filter text: the same after a restart. */
  readonly groupId: (filterText: string) => number;
  /** Makes the queue that a group owns, with what it kept before a restart; null: groups own none. */
  readonly makeBacklog: ((group: SharedGroup) => GroupBacklog) | null;
  /** Default `prefer_local`. */
  readonly policy?: SharedSubscriptionPolicy;
  /** Default true. */
  readonly groupQueue?: boolean;
  /** Default `Math.random`. */
  readonly random?: () => number;
  /** Epoch milliseconds; default `Date.now`. */
  readonly now?: () => number;
}

/** The shared subscriptions of one mountpoint, by their filter text `$share/group/filter`. */
export class SharedGroups implements GroupRules {
  policy: SharedSubscriptionPolicy;
  publisherPolicy: SharedSubscriptionPolicy | null;
  groupQueue: boolean;
  undelivered: number;
  readonly backlogged = new Set<SharedGroup>();
  readonly random: () => number;
  readonly now: () => number;
  private readonly index: SubscriptionIndex;
  private readonly groupId: (filterText: string) => number;
  private readonly makeBacklog: ((group: SharedGroup) => GroupBacklog) | null;
  private readonly groups = new Map<string, SharedGroup>();

  constructor(options: SharedGroupsOptions) {
    this.policy = options.policy ?? "prefer_local";
    this.publisherPolicy = null;
    this.groupQueue = options.groupQueue ?? true;
    this.undelivered = 0;
    this.random = options.random ?? Math.random;
    this.now = options.now ?? Date.now;
    this.index = options.index;
    this.groupId = options.groupId;
    this.makeBacklog = options.makeBacklog;
  }

  /** Number of groups. */
  get size(): number {
    return this.groups.size;
  }

  /** The group of a filter text, or undefined. */
  get(filterText: string): SharedGroup | undefined {
    return this.groups.get(filterText);
  }

  /** The groups for which messages wait. */
  *withBacklog(): Generator<SharedGroup> {
    for (const group of this.backlogged) {
      if (group.waiting > 0) yield group;
      else this.backlogged.delete(group);
    }
  }

  /** All groups. */
  all(): IterableIterator<SharedGroup> {
    return this.groups.values();
  }

  /**
   * Makes `member` a member of the group of a checked filter text, with its own options; the group is made when it
   * is the first. True when it was none before, else its options are replaced.
   * @throws RangeError when the text is no shared subscription.
   */
  join(filterText: string, member: GroupMember, options: SubscriptionOptions): boolean {
    let group = this.groups.get(filterText);
    if (group === undefined) {
      const filter = filterOf(filterText);
      group = new SharedGroup(filterText, this.groupId(filterText), this, this.makeBacklog);
      this.groups.set(filterText, group);
      this.index.subscribe(filter, group, GROUP_OPTIONS);
    }
    return group.add(member, options);
  }

  /** Ends a membership; false when there was none. With the last member the group ends and what it kept. */
  leave(filterText: string, member: GroupMember): boolean {
    const group = this.groups.get(filterText);
    if (group === undefined || !group.remove(member)) return false;
    if (group.count === 0) {
      this.groups.delete(filterText);
      this.index.unsubscribe(filterOf(filterText), group);
      group.discard();
    }
    return true;
  }
}

function filterOf(filterText: string): string {
  const parsed = parseTopicFilter(filterText);
  if (typeof parsed === "string" || parsed.group === undefined) {
    throw new RangeError(`not a shared subscription: ${filterText.slice(0, 100)}`);
  }
  return parsed.topicFilter;
}
