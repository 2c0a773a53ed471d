import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { ManualClock } from "../clock/clock.ts";
import type { Message } from "../mqtt/message.ts";
import { Publication } from "../mqtt/publication.ts";
import type { SubscriptionOptions } from "./destination.ts";
import { Router } from "./router.ts";
import type { GroupBacklog, GroupMember, SharedGroup, SharedSubscriptionPolicy } from "./shared-group.ts";
import { SharedGroups } from "./shared-groups.ts";
import { SubscriptionIndex } from "./subscription-index.ts";
import { subscriptionOptions } from "./subscription-options.ts";
import { TopicTable } from "./topic-table.ts";

const QOS0 = subscriptionOptions(0);
const QOS1 = subscriptionOptions(1);
const QOS2 = subscriptionOptions(2);
const FILTER = "$share/g/a/+";

class Member implements GroupMember {
  online = true;
  local = true;
  persistent = true;
  room = Number.POSITIVE_INFINITY;
  readonly got: string[] = [];
  options: SubscriptionOptions | null = null;
  deliverShared(publication: Publication, options: SubscriptionOptions): boolean {
    if (this.got.length >= this.room) return false;
    if (!this.online && (!this.persistent || Math.min(publication.qos, options.qos) === 0)) return false;
    this.got.push(text(publication));
    this.options = options;
    return true;
  }
}

class Backlog implements GroupBacklog {
  messages: Message[] = [];
  discarded = false;
  get waiting(): number {
    return this.messages.length;
  }
  deliver(publication: Publication): void {
    this.messages.push(publication.message(new ManualClock()));
  }
  drain(group: SharedGroup): void {
    for (let first = this.messages[0]; first !== undefined; first = this.messages[0]) {
      if (!group.offer(first)) return;
      this.messages.shift();
    }
  }
  discard(): void {
    this.discarded = true;
    this.messages = [];
  }
}

function text(publication: Publication): string {
  return publication.buffer.toString("utf8", publication.payloadStart, publication.payloadEnd);
}

function member(given: Partial<Member> = {}): Member {
  return Object.assign(new Member(), given);
}

function set(
  options: { policy?: SharedSubscriptionPolicy; groupQueue?: boolean; random?: () => number } = {},
) {
  const index = new SubscriptionIndex();
  const table = new TopicTable();
  const backlogs = new Map<number, Backlog>();
  const ids = new Map<string, number>();
  const groups = new SharedGroups({
    ...options,
    index,
    groupId: (filterText) => {
      const id = ids.get(filterText) ?? ids.size + 1;
      ids.set(filterText, id);
      return id;
    },
    makeBacklog: (group) => {
      const backlog = new Backlog();
      backlogs.set(group.id, backlog);
      return backlog;
    },
    now: () => 0,
  });
  const router = new Router(index, { set: () => null });
  const publish = (
    payload: string,
    qos = 1,
    topic = "a/b",
    policy: SharedSubscriptionPolicy | null = null,
  ) => {
    const publication = new Publication();
    publication.topic = table.internText(topic);
    publication.qos = qos;
    publication.buffer = Buffer.from(payload);
    publication.payloadEnd = publication.buffer.length;
    groups.publisherPolicy = policy;
    const count = router.publish(publication);
    groups.publisherPolicy = null;
    return count;
  };
  const group = (): SharedGroup => {
    const found = groups.get(FILTER);
    assert.ok(found);
    return found;
  };
  return {
    index,
    groups,
    publish,
    group,
    backlog: () => backlogs.get(group().id) ?? new Backlog(),
    backlogs,
  };
}

describe("SharedGroups", () => {
  it("gives each message to one member, and each gets its share", () => {
    const { groups, publish } = set();
    const members = [member(), member(), member(), member()];
    for (const each of members) assert.equal(groups.join(FILTER, each, QOS1), true);
    for (let i = 0; i < 4000; i++) assert.equal(publish(String(i)), 1);
    const all = members.flatMap((each) => each.got);
    assert.equal(all.length, 4000);
    assert.equal(new Set(all).size, 4000);
    // A fair share is 1000 with a standard deviation of 27.
    for (const each of members) assert.ok(Math.abs(each.got.length - 1000) < 250, `${each.got.length}`);
  });

  it("keeps groups apart by name and by filter, beside ordinary subscriptions", () => {
    const { groups, publish, index } = set();
    const [one, two, three] = [member(), member(), member()];
    groups.join("$share/g/a/+", one, QOS1);
    groups.join("$share/g/a/b", two, QOS1);
    groups.join("$share/h/a/b", three, QOS1);
    assert.equal(publish("x"), 3);
    for (const each of [one, two, three]) assert.deepEqual(each.got, ["x"]);
    assert.equal(groups.size, 3);
    assert.equal(groups.leave("$share/h/a/b", three), true);
    assert.equal(groups.leave("$share/h/a/b", three), false);
    assert.equal(publish("y"), 2);
    assert.equal(index.size, 2);
    assert.throws(() => groups.join("a/b", one, QOS1), RangeError);
  });

  it("uses each member's own options, also replaced ones", () => {
    const { groups, publish } = set();
    const only = member();
    assert.equal(groups.join(FILTER, only, QOS0), true);
    publish("x", 2);
    assert.equal(only.options, QOS0);
    assert.equal(groups.join(FILTER, only, QOS2), false);
    publish("y", 2);
    assert.equal(only.options, QOS2);
  });

  it("tries the next member when one refuses", () => {
    const { groups, publish } = set();
    const members = [member({ room: 1 }), member({ room: 1 }), member({ room: 1 })];
    for (const each of members) groups.join(FILTER, each, QOS1);
    for (const payload of ["1", "2", "3"]) publish(payload, 0);
    assert.deepEqual(
      members.map((each) => each.got.length),
      [1, 1, 1],
    );
    publish("4", 0);
    assert.equal(groups.undelivered, 1);
  });

  it("prefers online members, and hears when they come and go", () => {
    const { groups, publish, group } = set();
    const [here, away] = [member(), member({ online: false })];
    groups.join(FILTER, here, QOS1);
    groups.join(FILTER, away, QOS1);
    for (let i = 0; i < 20; i++) publish("x");
    assert.equal(here.got.length, 20);
    here.online = false;
    away.online = true;
    group().memberChanged(here);
    group().memberChanged(away);
    for (let i = 0; i < 20; i++) publish("x");
    assert.equal(away.got.length, 20);
    assert.equal(group().online, 1);
  });

  it("keeps messages for the group while all are away, and hands them on in order before newer ones", () => {
    const { groups, publish, group, backlog } = set();
    const [one, two] = [member({ online: false }), member({ online: false, persistent: false })];
    groups.join(FILTER, one, QOS1);
    groups.join(FILTER, two, QOS1);
    for (const payload of ["1", "2", "3"]) publish(payload);
    publish("lost", 0);
    assert.equal(groups.undelivered, 1);
    assert.equal(group().waiting, 3);
    one.online = true;
    one.room = 2;
    group().memberChanged(one);
    assert.deepEqual(one.got, ["1", "2"]);
    publish("4");
    assert.deepEqual(one.got, ["1", "2"]);
    one.room = 10;
    group().memberChanged(one);
    assert.deepEqual(one.got, ["1", "2", "3", "4"]);
    assert.equal(backlog().waiting, 0);
    publish("5");
    assert.equal(one.got.at(-1), "5");
  });

  it("keeps nothing when no member may keep anything", () => {
    const { groups, publish, group } = set();
    groups.join(FILTER, member({ online: false, persistent: false }), QOS1);
    groups.join(FILTER, member({ online: false }), QOS0);
    publish("x");
    assert.equal(group().waiting, 0);
    assert.equal(groups.undelivered, 1);
  });

  it("stores for one offline member when groups own no queue", () => {
    const { groups, publish, group } = set({ groupQueue: false });
    const members = [member({ online: false }), member({ online: false })];
    for (const each of members) groups.join(FILTER, each, QOS1);
    publish("x");
    assert.equal(members.flatMap((each) => each.got).length, 1);
    assert.equal(group().waiting, 0);
  });

  it("drops what waits with the last member", () => {
    const { groups, publish, backlogs, index } = set();
    const only = member({ online: false });
    groups.join(FILTER, only, QOS1);
    publish("x");
    groups.leave(FILTER, only);
    assert.equal(backlogs.get(1)?.discarded, true);
    assert.equal(groups.size, 0);
    assert.equal(index.vacant, true);
  });

  it("gives what an ended member held to another", () => {
    const { groups, publish, group } = set();
    const [ended, other] = [member(), member({ online: false })];
    groups.join(FILTER, ended, QOS1);
    groups.join(FILTER, other, QOS1);
    const publication = new Publication();
    publication.topic = new TopicTable().internText("a/b");
    publication.qos = 1;
    publication.buffer = Buffer.from("held");
    publication.payloadEnd = 4;
    const message = publication.message(new ManualClock());
    groups.leave(FILTER, ended);
    assert.equal(group().redeliver(message), true);
    assert.equal(group().waiting, 1);
    other.online = true;
    group().memberChanged(other);
    assert.deepEqual(other.got, ["held"]);
    assert.equal(group().redeliver(message), true);
    assert.deepEqual(other.got, ["held", "held"]);
    assert.deepEqual(ended.got, []);
    publish("x");
    assert.equal(other.got.length, 3);
  });

  /** Who may get a publish: local/remote, online/offline present in the group, by policy. */
  const L = { local: true, online: true };
  const R = { local: false, online: true };
  const l = { local: true, online: false };
  const r = { local: false, online: false };
  const cases: [SharedSubscriptionPolicy, Partial<Member>[], number[]][] = [
    ["prefer_local", [L, R, l, r], [0]],
    ["prefer_local", [R, r], [0]],
    ["prefer_local", [R, l, r], [1]],
    ["random", [L, R, l, r], [0, 1]],
    ["random", [l, r], [0, 1]],
    ["local_only", [L, R], [0]],
    ["local_only", [R, r, l], [2]],
    ["local_only", [R, r], []],
    ["prefer_online_before_local", [L, R, l, r], [0]],
    ["prefer_online_before_local", [R, l, r], [0]],
    ["prefer_online_before_local", [l, r], [1]],
    ["prefer_online_before_local", [l], [0]],
  ];
  for (const own of [false, true]) {
    for (const [policy, given, expected] of cases) {
      const who = given.map((each) => `${each.local ? "local" : "remote"} ${each.online ? "on" : "off"}`);
      it(`${policy}${own ? " (the publisher's)" : ""}: ${who.join(", ")} -> ${expected.join(" or ")}`, () => {
        const { groups, publish } = set({ groupQueue: false, policy: own ? "local_only" : policy });
        const members = given.map((each) => member(each));
        for (const each of members) groups.join(FILTER, each, QOS1);
        for (let i = 0; i < 40; i++) publish("x", 1, "a/b", own ? policy : null);
        assert.deepEqual(
          members.flatMap((each, i) => (each.got.length > 0 ? [i] : [])),
          expected,
        );
        assert.equal(groups.undelivered, expected.length === 0 ? 40 : 0);
      });
    }
  }

  it("accounts for every message, whatever members do", () => {
    const step = fc.tuple(
      fc.constantFrom("join", "leave", "online", "offline", "publish", "publish", "publish"),
      fc.nat(4),
      fc.nat(2),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
        const { groups, publish, backlogs } = set();
        const members = [0, 1, 2, 3, 4].map((i) => member({ online: false, persistent: i < 3 }));
        let published = 0;
        let dropped = 0;
        for (const [what, who, qos] of steps) {
          const each = members[who];
          assert.ok(each);
          const group = groups.get(FILTER);
          if (what === "join") groups.join(FILTER, each, subscriptionOptions(qos));
          else if (what === "leave") {
            const waiting = group?.waiting ?? 0;
            if (groups.leave(FILTER, each) && groups.get(FILTER) === undefined) dropped += waiting;
          } else if (what === "publish") {
            if (publish(String(published), qos) > 0) published++;
          } else {
            each.online = what === "online";
            group?.memberChanged(each);
            if (group !== undefined && group.online > 0) assert.equal(group.waiting, 0);
          }
        }
        const got = members.flatMap((each) => each.got);
        assert.equal(new Set(got).size, got.length);
        const waiting = [...backlogs.values()].reduce((sum, each) => sum + each.waiting, 0);
        assert.equal(got.length + waiting + dropped + groups.undelivered, published);
      }),
    );
  });
});
