/** Keep alive: MQTT 5.0 section 3.1.2.10. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { BrokerUnderTest, oursOnly } from "../support/suite.ts";

describe("keepalive", { skip: oursOnly }, () => {
  const suite = new BrokerUnderTest();

  for (const version of [4, 5] as const) {
    test(`version ${version}: silence of 1.5 times the interval ends the connection [MQTT-3.1.2-22, 3.2.2-22; MQTT3-3.1.2-24]`, async () => {
      const client = await suite.connect({ version, keepalive: 1 });
      const from = performance.now();
      await client.expectDisconnect(0x8d);
      const waited = performance.now() - from;
      assert.ok(waited >= 1_450 && waited < 3_000, `${waited} ms`);
    });
  }

  test("any packet counts; deliveries to the client do not", async () => {
    const topic = suite.name();
    const client = await suite.connect({ version: 5, keepalive: 1 });
    await client.subscribe(topic, 0);
    const silent = await suite.connect({ version: 5, keepalive: 1 });
    await silent.subscribe(topic, 0);
    for (let i = 0; i < 5; i++) {
      await delay(500);
      await client.publish(topic, "x", { qos: 1 });
      await client.take("publish");
    }
    await client.expectNothing();
    await silent.take("disconnect", { code: 0x8d });
  });

  test("0 means never", async () => {
    const client = await suite.connect({ keepalive: 0 });
    const other = await suite.connect({ keepalive: 1 });
    await other.expectClosed();
    await client.expectNothing();
  });
});
