import type { Clock } from "../clock/clock.ts";
import type { TimerWheel } from "../clock/timer-wheel.ts";
import type { Configuration } from "../config/configuration.ts";
import type { Logger } from "../log/logger.ts";
import type { Counters } from "../metrics/counters.ts";
import { FullQueues } from "../queue/full-queues.ts";
import { GroupQueue } from "../queue/group-queue.ts";
import type { QueueContext, QueueEvents, QueueLimits } from "../queue/queue-context.ts";
import { SubscriberQueue } from "../queue/subscriber-queue.ts";
import type { Mountpoint } from "../registry/mountpoint.ts";
import { RetainedStores } from "../retained/retained-stores.ts";
import { Router } from "../routing/router.ts";
import type { SharedGroup } from "../routing/shared-group.ts";
import { SharedGroups } from "../routing/shared-groups.ts";
import { SubscriptionIndex } from "../routing/subscription-index.ts";
import { TopicTable } from "../routing/topic-table.ts";
import type { CommitBatch, CommitParticipant, MessageStore } from "../store/participant.ts";
import type { StoredHeads } from "./stored-heads.ts";

/** What mountpoints are made of. */
export interface MountpointParts {
  readonly store: MessageStore;
  readonly clock: Clock;
  readonly wheel: TimerWheel;
  readonly counters: Counters;
  readonly log: Logger;
  readonly events: QueueEvents;
  readonly configuration: Configuration;
}

/** How much a group's own queue holds while no member is online. */
function groupLimits(configuration: Configuration): QueueLimits {
  const offline = configuration.get("max_offline_messages");
  const most = Number.isFinite(offline) ? offline : -1;
  return {
    maxOnlineMessages: most,
    maxOfflineMessages: most,
    overrideMaxOnlineMessages: true,
    lifo: false,
    upgradeOutgoingQos: false,
  };
}

/** All topic trees of the node, made as they are needed, and the stable ids of their shared groups. */
export class Mountpoints implements CommitParticipant {
  dirty = false;
  readonly retained: RetainedStores;
  readonly #parts: MountpointParts;
  readonly #trees = new Map<string, Mountpoint>();
  readonly #groupIds = new Map<string, number>();
  readonly #groupsById = new Map<number, SharedGroup>();
  readonly #changedGroups = new Set<string>();
  /** Heads of queues found in the store, until their owners have been made. */
  #heads: StoredHeads | null = null;

  constructor(parts: MountpointParts) {
    this.#parts = parts;
    const tables = new Map<string, TopicTable>();
    this.#topicsOf = (name) => {
      let topics = tables.get(name);
      if (topics === undefined) {
        topics = new TopicTable({ maximumDepth: parts.configuration.get("topic_max_depth") });
        tables.set(name, topics);
      }
      return topics;
    };
    this.#fullQueues = new FullQueues(parts.log, parts.wheel);
    this.retained = new RetainedStores(parts.store, this.#topicsOf, parts.clock);
  }

  readonly #fullQueues: FullQueues;
  readonly #topicsOf: (name: string) => TopicTable;

  /** The tree of that name, made at the first call. */
  of(name: string): Mountpoint {
    let tree = this.#trees.get(name);
    if (tree === undefined) {
      tree = this.#make(name);
      this.#trees.set(name, tree);
    }
    return tree;
  }

  all(): IterableIterator<Mountpoint> {
    return this.#trees.values();
  }

  /** The heads from the store, for the queues of groups that are made while sessions are loaded. */
  loading(heads: StoredHeads | null): void {
    this.#heads = heads;
  }

  /** A group's id from the store. */
  knownGroup(key: string, id: number): void {
    this.#groupIds.set(key, id);
  }

  /** Ids of groups without members, and their keys: what a crash between two commits may have left. */
  *strayGroups(): IterableIterator<readonly [key: string, id: number]> {
    for (const [key, id] of this.#groupIds) if (!this.#groupsById.has(id)) yield [key, id];
  }

  /** Removes the record of a group that has ended. */
  forgetGroup(key: string, id: number): void {
    this.#groupIds.delete(key);
    this.#groupsById.delete(id);
    this.#changedGroups.add(key);
    if (!this.dirty) this.#parts.store.touch(this);
  }

  collect(batch: CommitBatch): void {
    for (const key of this.#changedGroups) {
      const id = this.#groupIds.get(key);
      if (id === undefined) batch.deleteRecord("group", key);
      else batch.putRecord("group", key, Buffer.from(String(id)));
    }
    this.#changedGroups.clear();
  }

  committed(): void {}

  #make(name: string): Mountpoint {
    const { store, clock, wheel, counters, log, events, configuration } = this.#parts;
    const topics = this.#topicsOf(name);
    const index = new SubscriptionIndex();
    const queues: QueueContext = {
      mountpoint: name,
      store,
      counters,
      clock,
      wheel,
      log,
      events,
      fullQueues: this.#fullQueues,
      topics,
      groupById: (id) => this.#groupsById.get(id) ?? null,
    };
    const groups = new SharedGroups({
      index,
      groupId: (filterText) => this.#groupId(`${name}\0${filterText}`),
      makeBacklog: (group) => this.#makeBacklog(name, group, queues),
      policy: configuration.get("shared_subscription_policy"),
      groupQueue: configuration.get("shared_subscription_group_queue"),
      now: () => clock.now(),
    });
    configuration.onChange("shared_subscription_policy", () => {
      groups.policy = configuration.get("shared_subscription_policy");
    });
    const retained = this.retained.of(name);
    const router = new Router(index, retained);
    return { name, topics, index, groups, retained, router, queues };
  }

  #groupId(key: string): number {
    let id = this.#groupIds.get(key);
    if (id === undefined) {
      id = this.#parts.store.newQueueId();
      this.#groupIds.set(key, id);
      this.#changedGroups.add(key);
      if (!this.dirty) this.#parts.store.touch(this);
    }
    return id;
  }

  #makeBacklog(mountpoint: string, group: SharedGroup, queues: QueueContext): GroupQueue {
    const { id, filterText } = group;
    this.#groupsById.set(id, group);
    const queue = new SubscriberQueue(id, filterText, groupLimits(this.#parts.configuration), queues);
    const head = this.#heads?.take(id);
    if (head !== undefined) queue.restore(head);
    return new GroupQueue(queue, () => this.forgetGroup(`${mountpoint}\0${filterText}`, id));
  }
}
