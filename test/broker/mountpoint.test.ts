/** Listeners with mountpoints: separate worlds of topics and client ids. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { freePort } from "../support/processes.ts";
import { RawClient } from "../support/raw-client.ts";
import { BrokerUnderTest, oursOnly } from "../support/suite.ts";

describe("mountpoints", { skip: oursOnly }, async () => {
  const port = await freePort();
  const wildPort = await freePort();
  const suite = new BrokerUnderTest({
    configuration: {
      "listener.tcp.other": `127.0.0.1:${port}`,
      "listener.tcp.other.mountpoint": "other",
      "listener.tcp.other.allowed_protocol_versions": "3,4",
      "listener.tcp.wild": `127.0.0.1:${wildPort}`,
      "listener.tcp.wild.mountpoint": "+/#",
    },
  });
  const connectOther = async (clientId: string) =>
    suite.track(await RawClient.connect(port, { clientId, clean: false }));

  test("messages, retained ones and client ids stay on their side", async () => {
    const clientId = suite.name("c");
    const topic = suite.name();
    const here = await suite.connect({ clientId, clean: false });
    const there = await connectOther(clientId);
    await here.subscribe("#", 1);
    await there.subscribe("#", 1);
    await here.publish(topic, "here", { qos: 1, retain: true });
    await there.publish(topic, "there", { qos: 1, retain: true });
    await here.receive({ topic, payload: "here" });
    await there.receive({ topic, payload: "there" });
    await here.expectNothing();
    await there.expectNothing();
    await here.subscribe(topic, 1);
    await here.receive({ payload: "here", retain: true });
    await there.subscribe(topic, 1);
    await there.receive({ payload: "there", retain: true });
  });

  test("wildcards in a mountpoint mean nothing", async () => {
    const topic = suite.name();
    const wild = suite.track(await RawClient.connect(wildPort, { clientId: suite.name("c") }));
    const [here, there] = [await suite.connect(), await connectOther(suite.name("c"))];
    for (const client of [here, there, wild]) await client.subscribe([`#`, `$share/g/${topic}`], 1);
    for (const client of [here, there]) await client.publish(topic, "theirs", { qos: 1, retain: true });
    await wild.publish(topic, "wild", { qos: 1 });
    await wild.receive({ payload: "wild" });
    await wild.receive({ payload: "wild" });
    await wild.subscribe(`${topic}/#`, 1);
    await wild.expectNothing();
  });

  test("a listener's own protocol versions apply to it alone", async () => {
    const v5 = suite.track(await RawClient.attempt(port, { version: 5, clientId: suite.name("c") }));
    assert.equal(v5.connack?.code, 0x84);
    await suite.connect({ version: 5 });
  });

  test("they are told apart after a restart too", async () => {
    const clientId = suite.name("c");
    const topic = suite.name();
    const there = await connectOther(clientId);
    await there.subscribe(topic, 1);
    await there.disconnect();
    await suite.broker.restart();
    const here = await suite.connect({ clientId, clean: false });
    assert.equal(here.connack?.sessionPresent, false);
    await here.publish(topic, "here", { qos: 1 });
    const again = await connectOther(clientId);
    assert.equal(again.connack?.sessionPresent, true);
    await again.expectNothing();
  });
});
