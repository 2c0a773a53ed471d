import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { STEPS_PER_TURN } from "../clock/long-works.ts";
import type { Will } from "../mqtt/packet.ts";
import { testNode } from "../node/node-test-support.ts";
import type { Plugin } from "../plugin/plugin.ts";

const OK = { kind: "ok" } as const;
const ALLOW: Plugin = {
  name: "allow",
  hooks: { auth_on_publish: () => OK, auth_on_publish_m5: () => OK },
};

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

test("a client that is back while its lost connection waits to be closed: that one ends first, as if it had been", async (t) => {
  const node = await testNode(t, "", [ALLOW]);
  const watch = await node.connect("watch", { clean: true });
  node.subscribe("watch", "state", 0);
  for (const clean of [true, false]) {
    const lost = await node.connect("client", { version: 5, clean, will: will("offline") });
    lost.transport.take();
    watch.transport.take();
    lost.session.onLeaving("read ECONNRESET");
    assert.deepEqual([lost.session.leaving, lost.session.connected], [true, true]);
    assert.equal(watch.transport.sent.length, 0, "it waits");
    const { session, transport } = await node.connect("client", { version: 5, clean });
    assert.equal(lost.transport.take().length, 0, "nobody is told that the session was taken over");
    assert.equal(watch.transport.take().toString("latin1").split("offline").length, 2, "the will, once");
    assert.equal(transport.take()[2], clean ? 0 : 1, "session present");
    lost.session.onClose("read ECONNRESET");
    for (let turns = 0; turns < 3; turns++) await nextTurn();
    assert.deepEqual([session.connected, lost.session.leaving], [true, false]);
    assert.deepEqual([node.parts.registry.online, node.parts.registry.count], [2, 2]);
    assert.equal(watch.transport.sent.length, 0);
  }
});

test("a shared group does not choose a member whose end waits", async (t) => {
  const node = await testNode(t, "", []);
  const [lost, other] = [
    await node.connect("lost", { clean: true }),
    await node.connect("other", { clean: true }),
  ];
  for (const clientId of ["lost", "other"]) node.subscribe(clientId, "$share/g/jobs", 1);
  for (const { transport } of [lost, other]) transport.take();
  lost.session.onLeaving(null);
  for (let i = 0; i < 20; i++) node.publish("jobs", "job", i % 2);
  assert.equal(lost.transport.sent.length, 0);
  assert.equal(other.transport.take().toString("latin1").split("job").length, 41);
});

test("a shared group keeps messages for its one member, a stored session, whose end waits", async (t) => {
  for (const groupQueue of ["on", "off"]) {
    const node = await testNode(t, `shared_subscription_group_queue = ${groupQueue}`, []);
    const lost = await node.connect("worker");
    node.subscribe("worker", "$share/g/jobs", 1);
    node.subscribe("worker", "own", 0);
    lost.transport.take();
    lost.transport.writable = false;
    lost.session.onLeaving(null);
    node.publish("jobs", "job", 1);
    node.publish("own", "nobody is there", 0);
    await node.committed();
    assert.equal(lost.transport.sent.length, 0);
    lost.session.onClose(null);
    const back = await node.connect("worker");
    for (let turns = 0; turns < 20; turns++) await nextTurn();
    const sent = back.transport.take().toString("latin1");
    assert.equal(sent.split("job").length, 3, `once, to "jobs" (group queue ${groupQueue})`);
    assert.ok(!sent.includes("nobody"));
  }
});

test("thousands of stored sessions lose their connections: no commit has to take all of them", async (t) => {
  const node = await testNode(t, "", []);
  const { registry } = node.parts;
  const count = 6_000;
  const lost = await Promise.all(Array.from({ length: count }, (_, i) => node.connect(`c${i}`)));
  const written = Promise.withResolvers<void>();
  node.database.gate = written.promise;
  for (const { session } of lost) session.onClose(null);
  // The first commit takes those of the first turn; for the next one others gather up to its limit.
  for (let turns = 0; turns < 100; turns++) await nextTurn();
  const ended = count - registry.online;
  assert.ok(ended > 1_024 && ended <= 2_048 + 3 * STEPS_PER_TURN, `${ended} have ended`);
  node.database.gate = null;
  written.resolve();
  while (registry.online > 0) await node.committed();
  assert.equal(registry.count, count);
});
