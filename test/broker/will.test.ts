/** Wills: MQTT 3.1.1 section 3.1.2.5, 5.0 sections 3.1.2.5, 3.1.3.2, 3.14. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import type { RawClient } from "../support/raw-client.ts";
import { BrokerUnderTest, oursOnly } from "../support/suite.ts";

describe("will", () => {
  const suite = new BrokerUnderTest();

  async function watcher(topic: string): Promise<RawClient> {
    const client = await suite.connect({ version: 5 });
    await client.subscribe({ filter: topic, qos: 2, retainAsPublished: true });
    return client;
  }

  /** The will does not come: a message sent afterwards is the next one. */
  async function without(watch: RawClient, topic: string): Promise<void> {
    const other = await suite.connect();
    await other.publish(topic, "sentinel", { qos: 1 });
    await watch.receive({ payload: "sentinel" });
  }

  for (const version of [3, 4, 5] as const) {
    test(`version ${version}: sent when the connection is lost [MQTT-3.1.2-7, -8, -14, -15; MQTT3-3.1.2-8, -16, -17]`, async () => {
      for (const qos of [0, 1, 2] as const) {
        const topic = suite.name();
        const watch = await watcher(topic);
        const client = await suite.connect({
          version,
          will: { topic, payload: "gone", qos, retain: qos === 1 },
        });
        client.destroy();
        await watch.receive({ topic, payload: "gone", qos, retain: qos === 1 });
      }
    });

    test(`version ${version}: not sent after DISCONNECT [MQTT-3.1.2-10, 3.14.4-3; MQTT3-3.1.2-10, 3.14.4-3]`, async () => {
      const topic = suite.name();
      const watch = await watcher(topic);
      const client = await suite.connect({ version, will: { topic, payload: "gone", qos: 1 } });
      await client.disconnect();
      await without(watch, topic);
    });

    test(`version ${version}: sent on a protocol error`, async () => {
      const topic = suite.name();
      const watch = await watcher(topic);
      const client = await suite.connect({ version, will: { topic, payload: "gone", qos: 1 } });
      client.send(Buffer.from([0xf7, 0x00]));
      await watch.receive({ payload: "gone" });
    });

    test(`version ${version}: sent on take-over`, async () => {
      const topic = suite.name();
      const watch = await watcher(topic);
      const clientId = suite.name("c");
      await suite.connect({ version, clientId, will: { topic, payload: "gone", qos: 1 } });
      await suite.connect({ version, clientId });
      await watch.receive({ payload: "gone" });
    });

    test(`version ${version}: sent on keepalive`, { skip: oursOnly }, async () => {
      const topic = suite.name();
      const watch = await watcher(topic);
      const client = await suite.connect({ version, keepalive: 1, will: { topic, payload: "gone", qos: 1 } });
      await client.expectDisconnect(0x8d);
      await watch.receive({ payload: "gone" });
    });
  }

  test("no will, no message [MQTT3-3.1.2-12]", async () => {
    const watch = await suite.connect({ version: 5 });
    await watch.subscribe({ filter: "#", qos: 2, retainHandling: 2 });
    (await suite.connect({ version: 4 })).destroy();
    (await suite.connect({ version: 5 })).destroy();
    await without(watch, suite.name());
  });

  test("DISCONNECT 0x04 with a delay: when it is over, or the session ends [MQTT-3.1.2-8]", {
    skip: oursOnly,
  }, async () => {
    const topic = suite.name();
    const watch = await watcher(topic);
    const options = {
      version: 5,
      clean: false,
      properties: { sessionExpiryInterval: 60 },
      will: { topic, payload: "gone", qos: 1, properties: { willDelayInterval: 1 } },
    } as const;
    const from = performance.now();
    await (await suite.connect(options)).disconnect(4);
    await watch.receive({ payload: "gone" });
    const waited = performance.now() - from;
    assert.ok(waited > 900, `${waited} ms`);
    const later = { ...options, will: { ...options.will, properties: { willDelayInterval: 600 } } };
    await (await suite.connect(later)).disconnect(4, { sessionExpiryInterval: 0 });
    await watch.receive({ payload: "gone" });
    await (await suite.connect(later)).disconnect(4, { sessionExpiryInterval: 1 });
    await watch.receive({ payload: "gone" });
    // The normal DISCONNECT discards it, delay or not.
    await (await suite.connect(options)).disconnect(0, { sessionExpiryInterval: 0 });
    await delay(1_300);
    await without(watch, topic);
  });

  test("a will is no message of its own client's for no-local [MQTT-3.8.3-3]", {
    skip: oursOnly,
  }, async () => {
    const topic = suite.name();
    const watch = await watcher(topic);
    const options = {
      version: 5,
      clientId: suite.name("c"),
      clean: false,
      properties: { sessionExpiryInterval: 60 },
    } as const;
    const client = await suite.connect({ ...options, will: { topic, payload: "mine", qos: 1 } });
    await client.subscribe({ filter: topic, qos: 1, noLocal: true });
    client.destroy();
    await watch.receive({ payload: "mine" });
    await suite.nothingWaits(await suite.connect(options), topic);
  });

  test("DISCONNECT 0x04 sends it (table 3-10)", async () => {
    const topic = suite.name();
    const watch = await watcher(topic);
    const client = await suite.connect({ version: 5, will: { topic, payload: "gone", qos: 1 } });
    await client.disconnect(4);
    await watch.receive({ payload: "gone" });
  });

  test("properties of the will arrive, in their order [MQTT-3.1.3-10]", async () => {
    const topic = suite.name();
    const watch = await watcher(topic);
    const properties = {
      contentType: "text/plain",
      responseTopic: "r",
      correlationData: Buffer.from([9, 8]),
      payloadFormatIndicator: 1,
      messageExpiryInterval: 50,
      userProperties: [
        ["k", "v"],
        ["k", "w"],
      ] as [string, string][],
    };
    const client = await suite.connect({ version: 5, will: { topic, payload: "gone", qos: 1, properties } });
    client.destroy();
    const got = await watch.receive({ payload: "gone" });
    const { messageExpiryInterval = 0, ...rest } = got.properties;
    assert.ok(messageExpiryInterval >= 48 && messageExpiryInterval <= 50);
    const { messageExpiryInterval: _expiry, ...wanted } = properties;
    assert.deepEqual(rest, wanted);
  });

  test("a delayed will waits [MQTT-3.1.2-8]", async () => {
    const topic = suite.name();
    const watch = await watcher(topic);
    const client = await suite.connect({
      version: 5,
      properties: { sessionExpiryInterval: 60 },
      will: { topic, payload: "gone", qos: 1, properties: { willDelayInterval: 1 } },
    });
    const from = performance.now();
    client.destroy();
    await watch.receive({ payload: "gone" });
    const waited = performance.now() - from;
    assert.ok(waited > 900 && waited < 3_500, `${waited} ms`);
  });

  test("a reconnect within the delay cancels it [MQTT-3.1.3-9]", async () => {
    const topic = suite.name();
    const watch = await watcher(topic);
    const clientId = suite.name("c");
    const options = {
      version: 5,
      clientId,
      clean: false,
      properties: { sessionExpiryInterval: 60 },
    } as const;
    const will = { topic, payload: "gone", qos: 1, properties: { willDelayInterval: 1 } } as const;
    (await suite.connect({ ...options, will })).destroy();
    await suite.connect(options);
    await delay(1_600);
    await without(watch, topic);
  });

  test("the end of the session sends it before its delay is over", { skip: oursOnly }, async () => {
    const topic = suite.name();
    const watch = await watcher(topic);
    const will = { topic, payload: "gone", qos: 1, properties: { willDelayInterval: 60 } } as const;
    const client = await suite.connect({ version: 5, properties: { sessionExpiryInterval: 1 }, will });
    client.destroy();
    await watch.receive({ payload: "gone" });
    // No session at all: at once.
    (await suite.connect({ version: 5, will })).destroy();
    await watch.receive({ payload: "gone" });
    // A clean start by the same client id ends the session [MQTT-3.1.2-8].
    const clientId = suite.name("c");
    const lasting = { version: 5, clientId, properties: { sessionExpiryInterval: 60 } } as const;
    (await suite.connect({ ...lasting, will })).destroy();
    await suite.connect({ ...lasting, clean: true });
    await watch.receive({ payload: "gone" });
  });

  test("take-over that resumes the session within the delay cancels it", { skip: oursOnly }, async () => {
    const topic = suite.name();
    const watch = await watcher(topic);
    const clientId = suite.name("c");
    const options = {
      version: 5,
      clientId,
      clean: false,
      properties: { sessionExpiryInterval: 60 },
    } as const;
    const will = { topic, payload: "gone", qos: 1, properties: { willDelayInterval: 1 } } as const;
    const older = await suite.connect({ ...options, will });
    await suite.connect(options);
    await older.expectDisconnect(0x8e);
    await delay(1_600);
    await without(watch, topic);
  });

  test("a will to a topic below `$` is not routed", { skip: oursOnly }, async () => {
    const watch = await watcher("$x/#");
    const client = await suite.attempt({ version: 4, will: { topic: "$x/y", payload: "gone", qos: 1 } });
    client.destroy();
    await watch.expectNothing();
  });
});

describe("will with limits", { skip: oursOnly }, () => {
  const suite = new BrokerUnderTest({ configuration: { max_message_size: 100, topic_max_depth: 3 } });

  test("what could not be published is refused with CONNECT: 0x90, 0x95, 0x99", async () => {
    const fine = { topic: "a/b/c", payload: "x".repeat(100), qos: 1 } as const;
    const text = { payloadFormatIndicator: 1 };
    for (const [version, will, code] of [
      [4, fine, 0],
      [5, { ...fine, properties: text }, 0],
      [4, { ...fine, topic: "a/b/c/d" }, 5],
      [5, { ...fine, topic: "a/b/c/d" }, 0x90],
      [4, { ...fine, payload: "x".repeat(101) }, 5],
      [5, { ...fine, payload: "x".repeat(101) }, 0x95],
      [5, { ...fine, payload: Buffer.from([0xff]) }, 0],
      [5, { ...fine, payload: Buffer.from([0xff]), properties: text }, 0x99],
    ] as const) {
      const client = await suite.attempt({ version, will });
      assert.equal(client.connack?.code, code, `${version} ${code}`);
      if (code !== 0) await client.expectClosed();
    }
  });
});

describe("will with suppress_lwt_on_session_takeover", { skip: oursOnly }, () => {
  const suite = new BrokerUnderTest({ configuration: { suppress_lwt_on_session_takeover: "on" } });

  test("no will on take-over, but on a lost connection", async () => {
    const topic = suite.name();
    const watch = await suite.connect();
    await watch.subscribe(topic, 1);
    const clientId = suite.name("c");
    const will = { topic, payload: "gone", qos: 1 } as const;
    const older = await suite.connect({ clientId, will });
    const newer = await suite.connect({ clientId, will: { ...will, payload: "second" } });
    await older.expectClosed();
    newer.destroy();
    await watch.receive({ payload: "second" });
  });
});

describe("will with max_last_will_delay", { skip: oursOnly }, () => {
  const suite = new BrokerUnderTest({ configuration: { max_last_will_delay: "1s" } });

  test("the delay is capped", async () => {
    const topic = suite.name();
    const watch = await suite.connect();
    await watch.subscribe(topic, 1);
    const client = await suite.connect({
      version: 5,
      properties: { sessionExpiryInterval: 600 },
      will: { topic, payload: "gone", qos: 1, properties: { willDelayInterval: 500 } },
    });
    client.destroy();
    await watch.receive({ payload: "gone" });
  });
});
