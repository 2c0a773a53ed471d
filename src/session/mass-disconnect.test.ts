import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Will } from "../mqtt/packet.ts";
import { testNode } from "../node/node-test-support.ts";
import type { Plugin } from "../plugin/plugin.ts";

const OK = { kind: "ok" } as const;
const ALLOW: Plugin = { name: "allow", hooks: { auth_on_publish: () => OK } };

function will(payload: string): Will {
  return {
    topic: "state",
    payload: Buffer.from(payload),
    qos: 0,
    retain: true,
    delayInterval: 0,
    expiryInterval: -1,
    endToEndProperties: Buffer.alloc(0),
    properties: {},
  };
}

test("thousands of connections lost at once: their wills for many receivers go out a few in each turn", async (t) => {
  const node = await testNode(t, "", [ALLOW]);
  const receivers = 320;
  for (let i = 0; i < receivers; i++) {
    await node.connect(`watch${i}`, { clean: true });
    node.subscribe(`watch${i}`, "state", 0);
  }
  const lost = [];
  for (let i = 0; i < 100; i++) lost.push(await node.connect(`c${i}`, { clean: true, will: will(`${i}`) }));
  const { registry } = node.parts;
  const before = registry.online;
  for (const { session } of lost) session.onClose("the network has failed");
  let left = registry.online;
  assert.ok(left < before, "the first at once");
  // A will for 320 receivers counts as 20 steps beside its own.
  assert.ok(before - left <= 25, `${before - left} in the first turn`);
  while (left > receivers) {
    await nextTurn();
    assert.ok(left - registry.online > 0 && left - registry.online <= 25);
    left = registry.online;
  }
});

test("a client that is back before its lost connection had its turn: the old will comes before what it sends", async (t) => {
  const node = await testNode(t, "", [ALLOW]);
  const watch = await node.connect("watch", { clean: true });
  node.subscribe("watch", "state", 0);
  const lost = [];
  for (let i = 0; i < 600; i++) lost.push(await node.connect(`c${i}`, { clean: true }));
  const client = await node.connect("client", { clean: true, will: will("offline") });
  for (const { session } of lost) session.onClose(null);
  watch.transport.take();
  client.session.onClose(null);
  assert.equal(watch.transport.sent.length, 0, "it waits for its turn");
  await node.connect("client", { clean: true });
  node.publish("state", "online", 0);
  for (let turns = 0; turns < 20; turns++) await nextTurn();
  const sent = watch.transport.take().toString("latin1");
  assert.ok(sent.includes("offline") && sent.indexOf("offline") < sent.indexOf("online"));
  assert.equal(sent.split("offline").length, 2, "once");
  assert.deepEqual([node.parts.registry.online, node.parts.registry.count], [2, 2]);
});
