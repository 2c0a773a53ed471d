import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { test } from "node:test";
import { startMosquitto } from "./broker.ts";
import { haveMosquittoClients, mosquittoPub, mosquittoSub, mqttJs } from "./clients.ts";
import { freePort } from "./processes.ts";
import { RawClient } from "./raw-client.ts";

test("a broker starts, restarts on its data, is killed and cleaned away", async () => {
  const broker = await startMosquitto({ persistence: true });
  const options = { clientId: "keeper", clean: false };
  const first = await RawClient.connect(broker.port, options);
  assert.equal(first.connack?.sessionPresent, false);
  await first.subscribe("a", 1);
  await first.disconnect();
  const pid = broker.pid;
  await broker.restart();
  assert.notEqual(broker.pid, pid);
  const second = await RawClient.connect(broker.port, options);
  assert.equal(second.connack?.sessionPresent, true);
  await broker.kill();
  await second.expectClosed();
  assert.match(broker.log(), /keeper/);
  await broker[Symbol.asyncDispose]();
  assert.equal(existsSync(broker.directories.root), false);
});

test("a broker that cannot start says why", async () => {
  await assert.rejects(startMosquitto({ configuration: ["no_such_key 1"] }), /no_such_key/);
});

test("the expectations of the raw client fail when they should", async () => {
  await using broker = await startMosquitto();
  const client = await RawClient.connect(broker.port, { version: 5, deadlineMs: 300 });
  await client.subscribe("x", 1);
  await client.publish("x", "1", { qos: 1 });
  await assert.rejects(client.expectNothing(), /expected pingresp/);
  await client.take("pingresp");
  await assert.rejects(client.expect("publish"), /no publish/);
  await client.publish("x", "2", { qos: 1 });
  await assert.rejects(client.receive({ payload: "3" }), /expected publish/);
  await client.publish("x", "4", { qos: 1 });
  await assert.rejects(client.expectClosed(), /expected the end, got/);
  await client.receive({ payload: "4", qos: 1 });
  await assert.rejects(client.expectClosed(), /no end of the connection/);
  await client.disconnect();
});

test("foreign clients", async (context) => {
  if (!(await haveMosquittoClients())) {
    context.skip("mosquitto-clients is not installed");
    return;
  }
  await using broker = await startMosquitto();
  const sub = mosquittoSub(broker.port, ["-t", "a/#", "-q", "1", "-C", "2", "-v"]);
  await sub.ready;
  const { code } = await mosquittoPub(broker.port, ["-t", "a/b", "-q", "1", "-m", "one"]);
  assert.equal(code, 0);
  const client = await mqttJs(broker.port);
  await client.publishAsync("a/c", "two", { qos: 2 });
  await client.endAsync();
  assert.deepEqual(await sub.lines, ["a/b one", "a/c two"]);
});

test("ports are given out once", async () => {
  const ports = await Promise.all(Array.from({ length: 20 }, async () => await freePort()));
  assert.equal(new Set(ports).size, 20);
});
