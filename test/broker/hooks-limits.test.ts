/** What a plugin announces in CONNACK counts: the broker does not take what it has said it does not take. */
import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { removeDirectory } from "../support/processes.ts";
import type { ConnectOptions } from "../support/raw-client.ts";
import { ScriptedPlugin, script } from "../support/scripted-plugin.ts";
import { BrokerUnderTest, oursOnly } from "../support/suite.ts";

describe("what CONNACK announces", { skip: oursOnly }, async () => {
  const plugin = new ScriptedPlugin();
  const suite = new BrokerUnderTest({
    configuration: { allow_anonymous: "off", "plugins.vmq_acl": "off", ...plugin.configuration },
  });
  after(() => removeDirectory(plugin.directory));

  const options = (announced: object, more: ConnectOptions = {}): ConnectOptions => ({
    version: 5,
    username: script({ auth_on_register: { kind: "ok", modifiers: { properties: announced } } }),
    ...more,
  });
  const connect = (announced: object, more: ConnectOptions = {}) => suite.connect(options(announced, more));

  test("Maximum QoS: for PUBLISH [MQTT-3.2.2-9]", async () => {
    const topic = suite.name();
    const subscriber = await suite.connect({ version: 5 });
    await subscriber.subscribe(topic, 2);
    for (const maximumQoS of [0, 1] as const) {
      const client = await connect({ maximumQoS });
      assert.equal(client.connack?.properties.maximumQoS, maximumQoS);
      await client.publish(topic, `${maximumQoS}`, { qos: maximumQoS });
      await subscriber.receive({ payload: `${maximumQoS}`, qos: maximumQoS });
      client.send({ cmd: "publish", topic, payload: "more", qos: maximumQoS === 0 ? 1 : 2, id: 9 });
      await client.expectDisconnect(0x9b);
    }
    await subscriber.expectNothing();
  });

  test("Maximum QoS: SUBSCRIBE with any is accepted, and granted with that one [MQTT-3.2.2-10]", async () => {
    const topic = suite.name();
    const client = await connect({ maximumQoS: 1 });
    assert.deepEqual(await client.subscribe(topic, 2), [1]);
    const publisher = await suite.connect({ version: 5 });
    await publisher.publish(topic, "x", { qos: 2 });
    await client.receive({ payload: "x", qos: 1 });
  });

  test("Maximum QoS, Retain Available: for the will [MQTT-3.2.2-12, -13]", async () => {
    const topic = suite.name();
    const refused = async (announced: object, will: ConnectOptions["will"], code: number): Promise<void> => {
      const client = await suite.attempt(options(announced, { ...(will && { will }) }));
      assert.equal(client.connack?.code, code);
      await client.expectClosed();
    };
    await refused({ maximumQoS: 1 }, { topic, payload: "w", qos: 2 }, 0x9b);
    await refused({ retainAvailable: false }, { topic, payload: "w", retain: true }, 0x9a);
    const will = { topic, payload: "w", qos: 1, retain: false } as const;
    await connect({ maximumQoS: 1, retainAvailable: false }, { will });
  });

  test("Retain Available: for PUBLISH", async () => {
    const topic = suite.name();
    const client = await connect({ retainAvailable: false });
    await client.publish(topic, "not retained", { qos: 1 });
    client.send({ cmd: "publish", topic, payload: "retained", retain: true, qos: 1, id: 9 });
    await client.expectDisconnect(0x9a);
    const subscriber = await suite.connect({ version: 5 });
    await subscriber.subscribe(topic, 1);
    await subscriber.expectNothing();
  });

  for (const [announced, filter, code] of [
    ["wildcardSubscriptionAvailable", "a/+", 0xa2],
    ["wildcardSubscriptionAvailable", "#", 0xa2],
    ["wildcardSubscriptionAvailable", "$share/g/a/#", 0xa2],
    ["sharedSubscriptionAvailable", "$share/g/a", 0x9e],
    ["subscriptionIdentifiersAvailable", "a", 0xa1],
  ] as const) {
    test(`${announced}: off, for ${filter}`, async () => {
      const subscribe = (client: Awaited<ReturnType<typeof connect>>): void =>
        client.send({
          cmd: "subscribe",
          id: 7,
          filters: [
            { filter: suite.name(), qos: 1 },
            { filter, qos: 1 },
          ],
          ...(code === 0xa1 && { properties: { subscriptionIdentifiers: [3] } }),
        });
      const client = await connect({ [announced]: false });
      assert.deepEqual(await client.subscribe(suite.name(), 1), [1]);
      subscribe(client);
      await client.expectDisconnect(code);
      const allowed = await connect({ [announced]: true });
      subscribe(allowed);
      await allowed.expect("suback", { id: 7 });
    });
  }

  test("Session Expiry Interval: also when the client asks for a longer one in DISCONNECT", async () => {
    const resumed = async (granted: number, asked: number, wanted: number): Promise<boolean> => {
      const more = { clientId: suite.name("c"), clean: false, properties: { sessionExpiryInterval: asked } };
      const client = await connect({ sessionExpiryInterval: granted }, more);
      assert.equal(client.connack?.properties.sessionExpiryInterval, granted);
      client.send({ cmd: "disconnect", code: 0, properties: { sessionExpiryInterval: wanted } });
      await client.expectClosed();
      return (await connect({}, more)).connack?.sessionPresent === true;
    };
    assert.equal(await resumed(60, 600, 30), true);
    assert.equal(await resumed(60, 600, 0), false);
    assert.equal(await resumed(0, 600, 600), false);
    const more = { clientId: suite.name("c"), clean: false, properties: { sessionExpiryInterval: 600 } };
    const client = await connect({ sessionExpiryInterval: 1 }, more);
    client.send({ cmd: "disconnect", code: 0, properties: { sessionExpiryInterval: 600 } });
    await plugin.called(more.clientId, "on_session_expired");
  });
});
