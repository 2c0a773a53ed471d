import type { Message } from "../mqtt/message.ts";
import { Publication } from "../mqtt/publication.ts";
import type { Destination, SubscriptionOptions } from "./destination.ts";
import { subscriptionOptions } from "./subscription-options.ts";

/** The values of `shared_subscription_policy`: whose members are considered, in which order. */
export type SharedSubscriptionPolicy =
  | "prefer_local"
  | "random"
  | "local_only"
  | "prefer_online_before_local";

/** One member of a shared group: a subscriber's queue. */
export interface GroupMember {
  /** A client is connected. */
  readonly online: boolean;
  /** The queue belongs to this node. */
  readonly local: boolean;
  /** The session outlives its connection. */
  readonly persistent: boolean;
  /**
   * Takes one publish with this member's own options, or refuses it (the queue is full, or nobody is online and
   * the message would not be kept). Must not throw, publish, or keep `publication`.
   */
  deliverShared(publication: Publication, options: SubscriptionOptions, group: SharedGroup): boolean;
}

/** Where a group keeps what no member can take now; made by the owner of the queues. */
export interface GroupBacklog {
  /** Keeps a publish of QoS 1 or 2. */
  deliver(publication: Publication, options: SubscriptionOptions): void;
  /** Number of messages that wait. */
  readonly waiting: number;
  /**
   * Gives its messages to `group.offer`, oldest first, until none waits or one is refused; may go on in later turns.
   * Has no effect while that is under way already.
   */
  drain(group: SharedGroup): void;
  /** The last member has left: drops everything, on disk too. */
  discard(): void;
}

/** What the groups of one mountpoint have in common. */
export interface GroupRules {
  /** `shared_subscription_policy`. */
  policy: SharedSubscriptionPolicy;
  /** The publisher's own policy, set by its session while it calls the router; else null. */
  publisherPolicy: SharedSubscriptionPolicy | null;
  /** `shared_subscription_group_queue`: keep messages for the group while no member is online. */
  groupQueue: boolean;
  /** How many messages no member took and nobody kept. */
  undelivered: number;
  /** The groups for which messages wait; some for which none waits any more. */
  readonly backlogged: Set<SharedGroup>;
  /** At least 0, below 1. */
  readonly random: () => number;
  /** Epoch milliseconds. */
  readonly now: () => number;
}

/** A group takes everything; each member's own options are applied when one is chosen. */
export const GROUP_OPTIONS = subscriptionOptions(2, false, true);

const LOCAL_ONLINE = 0;
const REMOTE_ONLINE = 1;
const LOCAL_OFFLINE = 2;
const REMOTE_OFFLINE = 3;

interface Membership {
  readonly member: GroupMember;
  options: SubscriptionOptions;
  /** In which of the four lists it stands, and where. */
  list: number;
  position: number;
  /** It may keep messages while it is offline. */
  durable: boolean;
}

const NOBODY: readonly Membership[] = [];

/**
 * The members of one shared subscription: one (mountpoint, group name, filter) [MQTT-4.8.2-4]. For the subscription
 * index it is one destination; each publish goes to one member, by the policy. Online members are tried first, from
 * a random one on, until one accepts.
 */
export class SharedGroup implements Destination {
  /** The whole filter text, `$share/group/filter`. */
  readonly filterText: string;
  /** The same over restarts, from the owner of ids. */
  readonly id: number;
  private readonly rules: GroupRules;
  private readonly backlog: GroupBacklog | null;
  private readonly memberships = new Map<GroupMember, Membership>();
  private readonly lists: [Membership[], Membership[], Membership[], Membership[]] = [[], [], [], []];
  /** How many members may keep messages while offline. */
  private durableMembers = 0;
  private readonly publication = new Publication();

  constructor(
    filterText: string,
    id: number,
    rules: GroupRules,
    makeBacklog: ((group: SharedGroup) => GroupBacklog) | null,
  ) {
    this.filterText = filterText;
    this.id = id;
    this.rules = rules;
    this.backlog = makeBacklog === null ? null : makeBacklog(this);
    if (this.waiting > 0) rules.backlogged.add(this);
  }

  /** Number of members. */
  get count(): number {
    return this.memberships.size;
  }

  /** Number of members with a connected client. */
  get online(): number {
    return this.lists[LOCAL_ONLINE].length + this.lists[REMOTE_ONLINE].length;
  }

  /** Messages that wait until a member is online. */
  get waiting(): number {
    return this.backlog === null ? 0 : this.backlog.waiting;
  }

  /** Adds a member or replaces its options; true when it is new. */
  add(member: GroupMember, options: SubscriptionOptions): boolean {
    const known = this.memberships.get(member);
    if (known !== undefined) {
      known.options = options;
      this.memberChanged(member);
      return false;
    }
    const membership = { member, options, list: -1, position: 0, durable: false };
    this.memberships.set(member, membership);
    this.place(membership);
    this.resume();
    return true;
  }

  /** Removes a member; false when it was none. What it held is given to `redeliver` by its queue. */
  remove(member: GroupMember): boolean {
    const membership = this.memberships.get(member);
    if (membership === undefined) return false;
    this.memberships.delete(member);
    this.unplace(membership);
    return true;
  }

  /**
   * To be called when `online`, `local` or `persistent` of a member has changed, and when a member that refused has
   * room again: messages that wait for the group go on then.
   */
  memberChanged(member: GroupMember): void {
    const membership = this.memberships.get(member);
    if (membership === undefined) return;
    this.unplace(membership);
    this.place(membership);
    this.resume();
  }

  /** See `Destination.deliver`; the options are the group's, each member has its own. Hot path. */
  deliver(publication: Publication, options: SubscriptionOptions): void {
    const { backlog } = this;
    if (backlog !== null && publication.qos > 0 && backlog.waiting > 0) {
      // Behind what waits already, so that one member sees a publisher's messages in order.
      this.rules.backlogged.add(this);
      backlog.deliver(publication, options);
      this.resume();
      return;
    }
    if (!this.offerOnline(publication)) this.keep(publication, options);
  }

  /** Gives a message from the backlog to an online member; false when none takes it. */
  offer(message: Message): boolean {
    this.publication.fromMessage(message, this.rules.now());
    return this.offerOnline(this.publication);
  }

  /**
   * Routes a message within the group that a member held when its session ended [MQTT-4.8.2-6]; that member is to
   * have left before, or to refuse everything. False when nobody could take or keep it.
   */
  redeliver(message: Message, options: SubscriptionOptions = GROUP_OPTIONS): boolean {
    this.publication.fromMessage(message, this.rules.now());
    return this.offerOnline(this.publication) || this.keep(this.publication, options);
  }

  /** The group has ended: what waits is dropped. */
  discard(): void {
    this.rules.backlogged.delete(this);
    this.backlog?.discard();
  }

  private resume(): void {
    if (this.backlog !== null && this.backlog.waiting > 0 && this.online > 0) this.backlog.drain(this);
  }

  private offerOnline(publication: Publication): boolean {
    const [local, remote, localOffline] = this.lists;
    switch (this.rules.publisherPolicy ?? this.rules.policy) {
      case "prefer_local":
        return local.length + localOffline.length > 0
          ? this.tryEach(local, NOBODY, publication)
          : this.tryEach(remote, NOBODY, publication);
      case "local_only":
        return this.tryEach(local, NOBODY, publication);
      case "random":
        return this.tryEach(local, remote, publication);
      case "prefer_online_before_local":
        return this.tryEach(local, NOBODY, publication) || this.tryEach(remote, NOBODY, publication);
    }
  }

  private offerOffline(publication: Publication): boolean {
    const [localOnline, , local, remote] = this.lists;
    switch (this.rules.publisherPolicy ?? this.rules.policy) {
      case "prefer_local":
        return localOnline.length + local.length > 0
          ? this.tryEach(local, NOBODY, publication)
          : this.tryEach(remote, NOBODY, publication);
      case "local_only":
        return this.tryEach(local, NOBODY, publication);
      case "random":
        return this.tryEach(local, remote, publication);
      case "prefer_online_before_local":
        return this.tryEach(remote, NOBODY, publication) || this.tryEach(local, NOBODY, publication);
    }
  }

  /** Tries the members of two lists as if they were one, from a random one on. */
  private tryEach(
    first: readonly Membership[],
    second: readonly Membership[],
    publication: Publication,
  ): boolean {
    const split = first.length;
    const count = split + second.length;
    if (count === 0) return false;
    let at = count === 1 ? 0 : Math.floor(this.rules.random() * count);
    for (let tried = 0; tried < count; tried++) {
      const membership = at < split ? first[at] : second[at - split];
      if (membership?.member.deliverShared(publication, membership.options, this)) return true;
      if (++at === count) at = 0;
    }
    return false;
  }

  /** Keeps what no online member took: for the group, or for one offline member. */
  private keep(publication: Publication, options: SubscriptionOptions): boolean {
    if (publication.qos > 0 && this.durableMembers > 0) {
      if (this.backlog !== null && this.rules.groupQueue) {
        this.rules.backlogged.add(this);
        this.backlog.deliver(publication, options);
        return true;
      }
      if (this.offerOffline(publication)) return true;
    }
    this.rules.undelivered++;
    return false;
  }

  private place(membership: Membership): void {
    const { member } = membership;
    membership.list = member.online
      ? member.local
        ? LOCAL_ONLINE
        : REMOTE_ONLINE
      : member.local
        ? LOCAL_OFFLINE
        : REMOTE_OFFLINE;
    const list = this.lists[membership.list];
    if (list === undefined) return;
    membership.position = list.push(membership) - 1;
    membership.durable = member.persistent && membership.options.qos > 0;
    if (membership.durable) this.durableMembers++;
  }

  private unplace(membership: Membership): void {
    const list = this.lists[membership.list];
    const last = list?.pop();
    if (list !== undefined && last !== undefined && last !== membership) {
      list[membership.position] = last;
      last.position = membership.position;
    }
    if (membership.durable) this.durableMembers--;
  }
}
