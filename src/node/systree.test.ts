import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Metric } from "../metrics/metric.ts";
import type { Publication } from "../mqtt/publication.ts";
import { subscriptionOptions } from "../routing/subscription-options.ts";
import { testNode } from "./node-test-support.ts";
import { Systree } from "./systree.ts";

/** A subscriber that notes what it gets. */
function receiver() {
  const got = new Map<string, string>();
  let publishes = 0;
  return {
    got,
    get publishes() {
      return publishes;
    },
    deliver(publication: Publication) {
      const { topic, buffer, payloadStart, payloadEnd, origin, qos } = publication;
      assert.equal(origin, null);
      assert.equal(qos, 0);
      publishes++;
      got.set(topic.text, buffer.toString("utf8", payloadStart, payloadEnd));
    },
  };
}

describe("Systree", () => {
  it("publishes all metrics below $SYS and the node's name, every interval", async (context) => {
    const { parts, clock, wheel } = await testNode(context, "systree_interval = 5000", []);
    const systree = new Systree(parts);
    systree.start();
    const { index, retained } = parts.mountpoints.of("");
    const [all, one, everything] = [receiver(), receiver(), receiver()];
    const qos0 = subscriptionOptions(0);
    index.subscribe("$SYS/#", all, qos0);
    index.subscribe("$SYS/node@test/queue/message/in", one, qos0);
    index.subscribe("#", everything, qos0);
    parts.metrics.counters.add(Metric.mqtt_publish_received_v4, 2);
    parts.metrics.counters.add(Metric.mqtt_publish_received_v5, 3);
    clock.advance(4_900);
    wheel.turn();
    assert.equal(all.publishes, 0);
    clock.advance(200);
    wheel.turn();
    assert.equal(all.got.get("$SYS/node@test/mqtt/publish/received"), "5");
    assert.ok(all.got.size > 100);
    assert.deepEqual([...one.got.keys()], ["$SYS/node@test/queue/message/in"]);
    assert.equal(everything.publishes, 0);
    assert.equal(retained.count, 0);
    clock.advance(5_100);
    wheel.turn();
    assert.equal(one.publishes, 2);
    systree.stop();
    clock.advance(20_000);
    wheel.turn();
    assert.equal(one.publishes, 2);
  });

  it("follows changes at run time", async (context) => {
    const { parts, clock, wheel } = await testNode(
      context,
      "systree_enabled = off\nsystree_interval = 5000",
      [],
    );
    const systree = new Systree(parts);
    systree.start();
    const one = receiver();
    parts.mountpoints.of("").index.subscribe("$SYS/node@test/socket/open", one, subscriptionOptions(0));
    const pass = (milliseconds: number): number => {
      clock.advance(milliseconds);
      wheel.turn();
      return one.publishes;
    };
    assert.equal(pass(20_000), 0);
    parts.configuration.set(new Map([["systree_enabled", "on"]]));
    assert.equal(pass(5_100), 1);
    parts.configuration.set(new Map([["systree_interval", "1000"]]));
    assert.equal(pass(1_100), 2);
    parts.configuration.set(new Map([["systree_interval", "0"]]));
    assert.equal(pass(50_000), 2);
    systree.stop();
  });

  it("publishes with systree_qos", async (context) => {
    const { parts, clock, wheel } = await testNode(context, "systree_qos = 1\nsystree_interval = 1000", []);
    const systree = new Systree(parts);
    systree.start();
    const seen = new Set<number>();
    const any = { deliver: ({ qos }: Publication) => seen.add(qos) };
    parts.mountpoints.of("").index.subscribe("$SYS/#", any, subscriptionOptions(2));
    clock.advance(1_100);
    wheel.turn();
    assert.deepEqual([...seen], [1]);
    systree.stop();
  });

  it("retains, in the configured mountpoint", async (context) => {
    const { parts, clock, wheel } = await testNode(
      context,
      "systree_retain = on\nsystree_mountpoint = m\nsystree_interval = 1000",
      [],
    );
    const systree = new Systree(parts);
    systree.start();
    clock.advance(1_100);
    wheel.turn();
    assert.ok(parts.mountpoints.of("m").retained.count > 100);
    assert.equal(parts.mountpoints.of("").retained.count, 0);
    systree.stop();
  });
});
