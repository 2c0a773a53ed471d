/** What single options do that belong to no larger subject. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { type Broker, startBroker } from "../support/broker.ts";
import { RawClient } from "../support/raw-client.ts";
import { oursOnly } from "../support/suite.ts";

const options = { skip: oursOnly };

async function retained(broker: Broker): Promise<number> {
  const { stdout } = await broker.admin(["metrics", "show"]);
  return Number(/retain_messages = (\d+)/.exec(stdout)?.[1]);
}

test("expire_retain_cache: expired retained messages go without being asked for", options, async () => {
  await using often = await startBroker({ configuration: ["expire_retain_cache = 1"] });
  await using never = await startBroker({ configuration: ["expire_retain_cache = 0"] });
  for (const { port } of [often, never]) {
    const client = await RawClient.connect(port, { version: 5 });
    await client.publish("r", "x", { qos: 1, retain: true, properties: { messageExpiryInterval: 1 } });
  }
  assert.equal(await retained(never), 1);
  const end = performance.now() + 20_000;
  while ((await retained(often)) > 0 && performance.now() < end) await delay(100);
  assert.equal(await retained(often), 0);
  assert.equal(await retained(never), 1);
});

test("logging.keepalive_as_warning: with which level it is told", options, async () => {
  for (const [value, level] of [
    ["on", "warning"],
    ["off", "info"],
  ]) {
    await using broker = await startBroker({ configuration: [`logging.keepalive_as_warning = ${value}`] });
    const client = await RawClient.connect(broker.port, { clientId: "silent", keepalive: 1 });
    await client.expectClosed();
    await broker.logged(new RegExp(`\\[${level}\\] client silent .* disconnected: nothing heard for`));
  }
});
