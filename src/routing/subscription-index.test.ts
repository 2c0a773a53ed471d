import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { Publication } from "../mqtt/publication.ts";
import { filterMatches } from "../mqtt/topic-filter.ts";
import type { Destination, SubscriptionOptions } from "./destination.ts";
import { SubscriptionIndex } from "./subscription-index.ts";
import { subscriptionOptions } from "./subscription-options.ts";
import { TopicTable } from "./topic-table.ts";

const QOS1 = subscriptionOptions(1);

class Receiver implements Destination {
  readonly name: string;
  readonly got: number[] = [];
  constructor(name: string) {
    this.name = name;
  }
  deliver(_publication: Publication, options: SubscriptionOptions): void {
    this.got.push(options.qos);
  }
  /** What arrived since the last call. */
  take(): number[] {
    return this.got.splice(0).sort();
  }
}

const word = fc.constantFrom("a", "b", "c", "", "$s", "a-rather-long-level");
const topicName = fc
  .array(word, { minLength: 1, maxLength: 5 })
  .map((words) => words.join("/"))
  .filter((text) => text !== "");
const filterText = fc
  .tuple(fc.array(fc.oneof(word, fc.constant("+")), { minLength: 0, maxLength: 5 }), fc.boolean())
  .map(([words, rest]) => [...words, ...(rest ? ["#"] : [])].join("/"))
  .filter((text) => text !== "");

describe("SubscriptionIndex", () => {
  it("routes as the naive matcher does while subscriptions come and go", () => {
    const step = fc.oneof(
      { weight: 4, arbitrary: fc.tuple(fc.constant("subscribe"), filterText, fc.nat(3), fc.nat(2)) },
      { weight: 3, arbitrary: fc.tuple(fc.constant("unsubscribe"), filterText, fc.nat(3), fc.nat(2)) },
      { weight: 3, arbitrary: fc.tuple(fc.constant("publish"), topicName, fc.nat(3), fc.nat(2)) },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const table = new TopicTable();
        const index = new SubscriptionIndex();
        const receivers = [0, 1, 2, 3].map((i) => new Receiver(String(i)));
        const model = new Map<string, Map<Receiver, number>>();
        for (const [what, text, who, qos] of steps) {
          const receiver = receivers[who];
          assert.ok(receiver);
          const members = model.get(text);
          if (what === "subscribe") {
            const added = index.subscribe(text, receiver, subscriptionOptions(qos));
            assert.equal(added, members === undefined || !members.has(receiver));
            if (members === undefined) model.set(text, new Map([[receiver, qos]]));
            else members.set(receiver, qos);
          } else if (what === "unsubscribe") {
            assert.equal(index.unsubscribe(text, receiver), members?.delete(receiver) ?? false);
            if (members?.size === 0) model.delete(text);
          } else {
            const publication = new Publication();
            publication.topic = table.internText(text);
            const route = index.route(publication.topic);
            assert.equal(index.route(publication.topic), route, "the second time from the cache");
            const expected = new Map(receivers.map((each) => [each, [] as number[]]));
            let count = 0;
            for (const [filter, each] of model) {
              if (!filterMatches(filter, text)) continue;
              for (const [member, granted] of each) {
                expected.get(member)?.push(granted);
                count++;
              }
            }
            assert.equal(route.count, count);
            assert.equal(route.deliver(publication), count);
            for (const [member, got] of expected) assert.deepEqual(member.take(), got.sort());
          }
          assert.equal(index.filters, model.size);
          assert.equal(
            index.size,
            [...model.values()].reduce((sum, each) => sum + each.size, 0),
          );
        }
        for (const [filter, members] of [...model]) {
          for (const member of members.keys()) assert.equal(index.unsubscribe(filter, member), true);
        }
        assert.equal(index.size, 0);
        assert.equal(index.filters, 0);
        assert.equal(index.vacant, true, "no node is left over");
      }),
      { numRuns: 400 },
    );
  });

  it("keeps wildcards at the first level off $ topics, and lets a/# match a", () => {
    const table = new TopicTable();
    const index = new SubscriptionIndex();
    const receiver = new Receiver("r");
    for (const filter of ["#", "+/x", "$SYS/#", "a/#"]) index.subscribe(filter, receiver, QOS1);
    assert.deepEqual(
      index.route(table.internText("$SYS/x")).matches.map((each) => each.filter),
      ["$SYS/#"],
    );
    assert.equal(index.route(table.internText("a")).count, 2);
    assert.equal(index.route(table.internText("$SYS")).count, 1);
  });

  it("keeps the routes of other topics when a filter comes", () => {
    const table = new TopicTable();
    const index = new SubscriptionIndex();
    const receiver = new Receiver("r");
    const topics = ["site/1/t", "site/2/t", "other/1/t"].map((text) => table.internText(text));
    const [first, second, other] = topics;
    assert.ok(first && second && other);
    const routes = new Map(topics.map((topic) => [topic, index.route(topic)]));
    index.subscribe("site/1/#", receiver, QOS1);
    assert.notEqual(index.route(first), routes.get(first));
    assert.equal(index.route(second), routes.get(second));
    assert.equal(index.route(other), routes.get(other));
    const before = index.route(first);
    index.subscribe("site/1/#", new Receiver("another"), QOS1);
    assert.equal(index.route(first), before, "a further member needs no new route");
    assert.equal(before.count, 2);
  });

  it("lets 100,000 clients join and leave one filter in about linear time", () => {
    const index = new SubscriptionIndex();
    const receivers = Array.from({ length: 100_000 }, (_, i) => new Receiver(String(i)));
    const start = process.cpuUsage();
    for (const receiver of receivers) assert.equal(index.subscribe("all/+", receiver, QOS1), true);
    assert.equal(index.size, 100_000);
    for (const receiver of receivers) assert.equal(index.unsubscribe("all/+", receiver), true);
    assert.equal(index.size, 0);
    const { user, system } = process.cpuUsage(start);
    assert.ok(user + system < 5_000_000, `${(user + system) / 1000} ms of CPU`);
  });

  it("shares the options of subscriptions without an identifier", () => {
    const seen = new Set<SubscriptionOptions>();
    for (let qos = 0; qos <= 2; qos++) {
      for (const noLocal of [false, true]) {
        for (const asPublished of [false, true]) {
          for (let handling = 0; handling <= 2; handling++) {
            const options = subscriptionOptions(qos, noLocal, asPublished, handling);
            assert.deepEqual(
              { ...options },
              { qos, noLocal, retainAsPublished: asPublished, retainHandling: handling, identifier: 0 },
            );
            assert.equal(subscriptionOptions(qos, noLocal, asPublished, handling), options);
            seen.add(options);
          }
        }
      }
    }
    assert.equal(seen.size, 36);
    assert.equal(subscriptionOptions(1, false, false, 0, 7).identifier, 7);
  });
});
