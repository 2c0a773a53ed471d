/** Shared subscriptions: MQTT 5.0 section 4.8.2, on every version of the protocol. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { RawClient } from "../support/raw-client.ts";
import { BrokerUnderTest, oursOnly } from "../support/suite.ts";

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();

/** Everything there is for a client, acknowledged, until a PINGRESP comes with nothing before it. */
async function drain(client: RawClient): Promise<string[]> {
  const got: string[] = [];
  for (let seen = -1; seen !== got.length; ) {
    seen = got.length;
    client.send({ cmd: "pingreq" });
    for (;;) {
      const packet = await client.next();
      if (packet === undefined || packet.cmd === "pingresp") break;
      if (packet.cmd !== "publish") continue;
      got.push(text(packet.payload));
      await client.acknowledge(packet);
    }
  }
  return got;
}

describe("shared subscriptions", () => {
  const suite = new BrokerUnderTest();

  for (const version of [3, 4, 5] as const) {
    test(`version ${version}: each message goes to one member, all members get some`, async () => {
      const topic = suite.name();
      const members = await Promise.all([0, 1, 2].map(async () => await suite.connect({ version })));
      for (const member of members) assert.deepEqual(await member.subscribe(`$share/g/${topic}`, 1), [1]);
      const outside = await suite.connect({ version });
      await outside.subscribe(topic, 1);
      const publisher = await suite.connect({ version });
      for (let i = 0; i < 90; i++) await publisher.publish(topic, `${i}`, { qos: 1 });
      const parts = await Promise.all(members.map(drain));
      for (const part of parts) assert.ok(part.length > 0);
      const all = parts
        .flat()
        .map(Number)
        .sort((a, b) => a - b);
      assert.deepEqual(
        all,
        Array.from({ length: 90 }, (_, i) => i),
      );
      assert.equal((await drain(outside)).length, 90);
    });
  }

  test("groups are told apart by name and by filter", async () => {
    const root = suite.name();
    const filters = [`$share/g/${root}/#`, `$share/g/${root}/a`, `$share/h/${root}/#`];
    const members: RawClient[] = [];
    for (const filter of filters) {
      const member = await suite.connect({ version: 5 });
      await member.subscribe(filter, 1);
      members.push(member);
    }
    const publisher = await suite.connect();
    for (let i = 0; i < 5; i++) await publisher.publish(`${root}/a`, `${i}`, { qos: 1 });
    for (const member of members) assert.equal((await drain(member)).length, 5);
    await members[0]?.unsubscribe(`$share/h/${root}/#`); // not its own: no effect
    await members[1]?.unsubscribe(`$share/g/${root}/a`);
    await publisher.publish(`${root}/a`, "later", { qos: 1 });
    assert.deepEqual(await Promise.all(members.map(drain)), [["later"], [], ["later"]]);
  });

  test("a member can also hold the plain subscription", async () => {
    const topic = suite.name();
    const client = await suite.connect({ version: 5 });
    await client.subscribe(topic, 1, { subscriptionIdentifiers: [1] });
    await client.subscribe(`$share/g/${topic}`, 1, { subscriptionIdentifiers: [2] });
    await client.publish(topic, "x", { qos: 1 });
    const identifiers: number[] = [];
    while (identifiers.length < 2)
      identifiers.push(...((await client.receive()).properties.subscriptionIdentifiers ?? []));
    assert.deepEqual(identifiers.sort(), [1, 2]);
  });

  test("QoS of the member's subscription applies [MQTT-4.8.2-3]", async () => {
    const topic = suite.name();
    const member = await suite.connect({ version: 5 });
    await member.subscribe(`$share/g/${topic}`, 1);
    const publisher = await suite.connect();
    await publisher.publish(topic, "2", { qos: 2 });
    await member.receive({ qos: 1 });
    await publisher.publish(topic, "0", { qos: 0 });
    await member.receive({ qos: 0 });
  });

  test("QoS 1 messages that a member has not acknowledged go to another when its session ends", {
    skip: oursOnly,
  }, async () => {
    const topic = suite.name();
    const leaver = await suite.connect({ version: 5 });
    await leaver.subscribe(`$share/g/${topic}`, 1);
    const publisher = await suite.connect();
    for (let i = 0; i < 10; i++) await publisher.publish(topic, `${i}`, { qos: 1 });
    const taken: string[] = [];
    for (let i = 0; i < 10; i++) {
      const packet = await leaver.expect("publish");
      if (i < 3) {
        leaver.send({ cmd: "puback", id: packet.id });
        taken.push(text(packet.payload));
      }
    }
    await leaver.expectNothing();
    const heir = await suite.connect({ version: 5 });
    await heir.subscribe(`$share/g/${topic}`, 1);
    leaver.destroy();
    for (let i = 3; i < 10; i++) await heir.receive({ payload: `${i}` });
    await heir.expectNothing();
    assert.deepEqual(taken, ["0", "1", "2"]);
  });

  test("QoS 2 messages of which the receipt is known stay with the session [MQTT-4.8.2-4]", {
    skip: oursOnly,
  }, async () => {
    const topic = suite.name();
    const options = {
      version: 5,
      clientId: suite.name("c"),
      clean: false,
      properties: { sessionExpiryInterval: 300 },
    } as const;
    const member = await suite.connect(options);
    await member.subscribe(`$share/g/${topic}`, 2);
    const publisher = await suite.connect();
    await publisher.publish(topic, "x", { qos: 2 });
    const { id } = await member.expect("publish", { qos: 2 });
    const other = await suite.connect({ version: 5 });
    await other.subscribe(`$share/g/${topic}`, 2);
    member.destroy();
    const again = await suite.connect(options);
    await again.receive({ payload: "x", id, dup: true, qos: 2 });
    await other.expectNothing();
  });

  test("QoS 2 messages that were sent go to nobody else when the session ends [MQTT-4.8.2-5]", {
    skip: oursOnly,
  }, async () => {
    const topic = suite.name();
    const clientId = suite.name("c");
    const member = await suite.connect({ version: 5, clientId });
    await member.subscribe(`$share/g/${topic}`, 2);
    const publisher = await suite.connect();
    await publisher.publish(topic, "sent", { qos: 2 });
    await member.expect("publish", { qos: 2, payload: "sent" });
    const other = await suite.connect({ version: 5 });
    await other.subscribe(`$share/g/${topic}`, 2);
    member.destroy();
    await suite.broker.logged(new RegExp(`client ${clientId} .*disconnected`));
    await publisher.publish(topic, "next", { qos: 2 });
    await other.receive({ payload: "next" });
    await other.expectNothing();
  });

  test("what a member answers with an error goes to nobody else [MQTT-4.8.2-6]", {
    skip: oursOnly,
  }, async () => {
    const topic = suite.name();
    const members = [await suite.connect({ version: 5 }), await suite.connect({ version: 5 })];
    for (const member of members) await member.subscribe(`$share/g/${topic}`, 2);
    const publisher = await suite.connect();
    for (let i = 0; i < 20; i++) await publisher.publish(topic, `${i}`, { qos: i % 2 === 0 ? 1 : 2 });
    let refused = 0;
    for (const member of members) {
      member.send({ cmd: "pingreq" });
      for (;;) {
        const packet = await member.next();
        if (packet?.cmd !== "publish") break;
        refused++;
        member.send({ cmd: packet.qos === 1 ? "puback" : "pubrec", id: packet.id, code: 0x80 });
      }
    }
    assert.equal(refused, 20);
    for (const member of members) await member.expectNothing();
    // Nor when its session ends.
    members[0]?.destroy();
    await publisher.publish(topic, "next", { qos: 1 });
    await members[1]?.receive({ payload: "next" });
    await members[1]?.expectNothing();
  });

  test("what is too large for one member is given to it or to another, never sent to it", {
    skip: oursOnly,
  }, async () => {
    const topic = suite.name();
    const small = await suite.connect({ version: 5, properties: { maximumPacketSize: 60 } });
    const large = await suite.connect({ version: 5 });
    for (const member of [small, large]) await member.subscribe(`$share/g/${topic}`, 1);
    const publisher = await suite.connect();
    for (let i = 0; i < 20; i++) await publisher.publish(topic, `${i}`.padEnd(100), { qos: 1 });
    await publisher.publish(topic, "fits", { qos: 1 });
    const got = [...(await drain(small)), ...(await drain(large))];
    assert.ok(got.includes("fits"));
    assert.equal((await drain(small)).length, 0);
  });

  test("online members are preferred to offline ones", { skip: oursOnly }, async () => {
    const topic = suite.name();
    const options = { clientId: suite.name("c"), clean: false } as const;
    const away = await suite.connect(options);
    await away.subscribe(`$share/g/${topic}`, 1);
    await away.disconnect();
    const here = await suite.connect();
    await here.subscribe(`$share/g/${topic}`, 1);
    const publisher = await suite.connect();
    for (let i = 0; i < 20; i++) await publisher.publish(topic, `${i}`, { qos: 1 });
    assert.equal((await drain(here)).length, 20);
    assert.deepEqual(await drain(await suite.connect(options)), []);
  });

  test("while all members are away the group keeps the messages, for whoever comes first", {
    skip: oursOnly,
  }, async () => {
    const topic = suite.name();
    const options = [0, 1].map(() => ({ clientId: suite.name("c"), clean: false }) as const);
    for (const one of options) {
      const member = await suite.connect(one);
      await member.subscribe(`$share/g/${topic}`, 1);
      await member.disconnect();
    }
    const publisher = await suite.connect();
    for (let i = 0; i < 20; i++) await publisher.publish(topic, `${i}`, { qos: 1 });
    const first = await suite.connect(options[1] ?? {});
    for (let i = 0; i < 20; i++) await first.receive({ payload: `${i}` });
    await first.expectNothing();
    assert.deepEqual(await drain(await suite.connect(options[0] ?? {})), []);
  });

  test("the group's messages survive a restart", { skip: oursOnly }, async () => {
    const topic = suite.name();
    const options = { clientId: suite.name("c"), clean: false } as const;
    const member = await suite.connect(options);
    await member.subscribe(`$share/g/${topic}`, 1);
    await member.disconnect();
    const publisher = await suite.connect();
    for (let i = 0; i < 20; i++) await publisher.publish(topic, `${i}`, { qos: 1 });
    await suite.broker.restart();
    const again = await suite.connect(options);
    for (let i = 0; i < 20; i++) await again.receive({ payload: `${i}` });
    await again.expectNothing();
  });
});

for (const policy of ["prefer_local", "random", "local_only", "prefer_online_before_local"]) {
  describe(`shared_subscription_policy = ${policy}`, { skip: oursOnly }, () => {
    const suite = new BrokerUnderTest({ configuration: { shared_subscription_policy: policy } });

    test("one node: every message to one online member", async () => {
      const topic = suite.name();
      const members = await Promise.all([0, 1].map(async () => await suite.connect()));
      for (const member of members) await member.subscribe(`$share/g/${topic}`, 1);
      const publisher = await suite.connect();
      for (let i = 0; i < 40; i++) await publisher.publish(topic, `${i}`, { qos: 1 });
      const parts = await Promise.all(members.map(drain));
      assert.equal(parts.flat().length, 40);
      for (const part of parts) assert.ok(part.length > 0);
    });
  });
}
