/** Topics that begin with `$`: MQTT 5.0 section 4.7.2, and the rule that clients cannot publish to them. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { BrokerUnderTest, oursOnly } from "../support/suite.ts";

describe("$ topics", { skip: oursOnly }, () => {
  const suite = new BrokerUnderTest({ configuration: { systree_interval: 300 } });

  for (const version of [3, 4, 5] as const) {
    test(`version ${version}: a client's PUBLISH is acknowledged (MQTT 5: 0x87) and goes nowhere`, async () => {
      const topic = `$private/${suite.name()}`;
      const subscriber = await suite.connect({ version });
      await subscriber.subscribe("$private/#", 1);
      const publisher = await suite.connect({ version });
      for (const qos of [0, 1, 2] as const) {
        const ack = await publisher.publish(topic, "x", { qos, retain: true });
        if (qos > 0) assert.equal(ack?.code, version === 5 ? 0x87 : 0);
      }
      await subscriber.expectNothing();
      await subscriber.subscribe(topic, 1);
      await subscriber.expectNothing();
    });
  }

  test("$SYS arrives for those who subscribe to it, not for # and +/# [MQTT-4.7.2-1; MQTT3-4.7.2-1]", async () => {
    const [sys, all, plus] = [await suite.connect(), await suite.connect(), await suite.connect()];
    await all.subscribe("#", 0);
    await plus.subscribe("+/#", 0);
    await sys.subscribe("$SYS/#", 0);
    const { topic } = await sys.expect("publish", { qos: 0, retain: false });
    assert.ok(topic.startsWith(`$SYS/test-${suite.port}@127.0.0.1/`), topic);
    await all.expectNothing();
    await plus.expectNothing();
  });
});
