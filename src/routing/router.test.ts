import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Publication } from "../mqtt/publication.ts";
import type { Destination } from "./destination.ts";
import { Router } from "./router.ts";
import { SubscriptionIndex } from "./subscription-index.ts";
import { subscriptionOptions } from "./subscription-options.ts";
import { TopicTable } from "./topic-table.ts";

const QOS0 = subscriptionOptions(0);

function set(options: { retain?: boolean } = {}) {
  const log: string[] = [];
  const index = new SubscriptionIndex();
  const router = new Router(index, {
    set: () => {
      log.push("retained");
      return null;
    },
  });
  const publication = new Publication();
  publication.topic = new TopicTable().internText("a/b");
  publication.retain = options.retain ?? false;
  const receiver = (name: string, during = () => {}): Destination => ({
    deliver: () => {
      log.push(name);
      during();
    },
  });
  return { log, index, router, publication, receiver };
}

describe("Router", () => {
  it("delivers once per matching subscription and counts them", () => {
    const { log, index, router, publication, receiver } = set();
    const one = receiver("one");
    index.subscribe("a/b", one, QOS0);
    index.subscribe("a/#", one, QOS0);
    index.subscribe("a/c", receiver("two"), QOS0);
    assert.equal(router.publish(publication), 2);
    assert.deepEqual(log, ["one", "one"]);
  });

  it("stores a retained message before it is routed", () => {
    const { log, index, router, publication, receiver } = set({ retain: true });
    index.subscribe("a/b", receiver("one"), QOS0);
    router.publish(publication);
    assert.deepEqual(log, ["retained", "one"]);
  });

  it("refuses to publish from within a delivery, and works on afterwards", () => {
    const { log, index, router, publication, receiver } = set();
    const bad = receiver("bad", () => router.publish(publication));
    index.subscribe("a/b", bad, QOS0);
    assert.throws(() => router.publish(publication), /while it took a delivery/);
    index.unsubscribe("a/b", bad);
    index.subscribe("a/b", receiver("good"), QOS0);
    assert.equal(router.publish(publication), 1);
    assert.deepEqual(log, ["bad", "good"]);
  });

  for (const members of [1, 2, 5, 40]) {
    it(`delivers once to each of ${members} members that leave while they are served, and to no newcomer`, () => {
      const { log, index, router, publication, receiver } = set();
      const late = receiver("late");
      const all: Destination[] = [];
      for (let i = 0; i < members; i++) {
        all.push(
          receiver(`m${i}`, () => {
            const self = all[i];
            const opposite = all[members - 1 - i];
            if (self !== undefined) index.unsubscribe("a/+", self);
            if (opposite !== undefined) index.unsubscribe("a/+", opposite);
            index.subscribe("a/+", late, QOS0);
          }),
        );
      }
      for (const each of all) index.subscribe("a/+", each, QOS0);
      assert.equal(router.publish(publication), members);
      assert.deepEqual(log.sort(), all.map((_, i) => `m${i}`).sort());
      log.length = 0;
      assert.equal(router.publish(publication), 1);
      assert.deepEqual(log, ["late"]);
    });
  }
});
