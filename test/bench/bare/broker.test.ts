import assert from "node:assert/strict";
import { test } from "node:test";
import { connectAsync } from "mqtt";
import { BenchBroker, parseBroker } from "../brokers.ts";
import { rows } from "../rows.ts";

test("the bare broker delivers with QoS 0, 1 and 2, and only what was subscribed to", async () => {
  const row = rows.find((one) => one.name === "p2p0");
  assert.ok(row);
  const broker = new BenchBroker(parseBroker("bare"), row);
  await broker.start();
  try {
    const client = await connectAsync(`mqtt://127.0.0.1:${broker.port}`);
    await client.subscribeAsync({ a: { qos: 0 }, b: { qos: 1 }, c: { qos: 2 }, end: { qos: 1 } });
    const got: string[] = [];
    const { promise: ended, resolve } = Promise.withResolvers<void>();
    client.on("message", (topic, payload, packet) => {
      got.push(`${topic} ${packet.qos} ${payload.length}`);
      if (topic === "end") resolve();
    });
    await client.publishAsync("other", "x");
    await client.publishAsync("a", "x", { qos: 0 });
    await client.publishAsync("b", "x".repeat(100_000), { qos: 1 });
    await client.publishAsync("c", "xx", { qos: 2 });
    await client.publishAsync("end", "", { qos: 1 });
    await ended;
    assert.deepEqual(got.toSorted(), ["a 0 1", "b 1 100000", "c 2 2", "end 1 0"]);
    await client.endAsync();
  } finally {
    await broker.end();
  }
});
