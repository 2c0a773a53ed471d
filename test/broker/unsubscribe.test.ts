/** UNSUBSCRIBE, and SUBSCRIBE again: MQTT 3.1.1 sections 3.8.4 and 3.10, 5.0 sections 3.8.4, 3.10 and 3.11. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { BrokerUnderTest, oursOnly } from "../support/suite.ts";

describe("unsubscribe", { skip: oursOnly }, () => {
  const suite = new BrokerUnderTest();

  for (const version of [4, 5] as const) {
    test(`version ${version}: filters are compared character by character, several at once [MQTT-3.10.4-1, -6, 3.11.3-1; MQTT3-3.10.4-1, -6]`, async () => {
      const root = suite.name();
      const client = await suite.connect({ version });
      await client.subscribe([`${root}/a`, `${root}/+`, `${root}/#`, `${root}/A`], 0);
      const codes = await client.unsubscribe(
        `${root}/b`,
        `${root}/a`,
        `${root}/a`,
        `${root}/+/#`,
        `${root}/#`,
      );
      assert.deepEqual(codes, version === 5 ? [0x11, 0, 0x11, 0x11, 0] : []);
      await client.publish(`${root}/a`, "x");
      await client.expect("publish", { topic: `${root}/a` });
      await client.publish(`${root}/A`, "x");
      await client.expect("publish", { topic: `${root}/A` });
      await client.expect("publish", { topic: `${root}/A` });
      await client.expectNothing();
    });

    test(`version ${version}: what was begun is completed, nothing new comes [MQTT-3.10.4-2, -3; MQTT3-3.10.4-2, -3]`, async () => {
      const topic = suite.name();
      const options = {
        version,
        clientId: suite.name("c"),
        clean: false,
        properties: { sessionExpiryInterval: 60 },
      };
      const client = await suite.connect(options);
      await client.subscribe(topic, 2);
      const publisher = await suite.connect({ version });
      await publisher.publish(topic, "begun 1", { qos: 1 });
      await publisher.publish(topic, "begun 2", { qos: 2 });
      await publisher.publish(topic, "begun 3", { qos: 2 });
      const one = await client.expect("publish", { payload: "begun 1" });
      const two = await client.expect("publish", { payload: "begun 2" });
      const three = await client.expect("publish", { payload: "begun 3" });
      client.send({ cmd: "pubrec", id: three.id });
      await client.expect("pubrel", { id: three.id });
      await client.unsubscribe(topic);
      await publisher.publish(topic, "new", { qos: 1 });
      client.send({ cmd: "pubcomp", id: three.id });
      await client.expectNothing();
      client.destroy();
      const again = await suite.connect(options);
      await again.receive({ payload: "begun 1", id: one.id, dup: true });
      await again.receive({ payload: "begun 2", id: two.id, dup: true });
      await again.expectNothing();
    });

    test(`version ${version}: subscribing again sends retained messages again and loses no message [MQTT-3.8.4-3, -4; MQTT3-3.8.4-3]`, async () => {
      const root = suite.name();
      const client = await suite.connect({ version });
      const publisher = await suite.connect({ version });
      await publisher.publish(`${root}/retained`, "retained", { qos: 1, retain: true });
      await client.subscribe(`${root}/#`, 1);
      await client.receive({ payload: "retained", retain: true });
      const rounds = 20;
      for (let round = 0; round < rounds; round++) {
        for (let i = 0; i < 5; i++) {
          publisher.send({
            cmd: "publish",
            topic: `${root}/live`,
            payload: `${5 * round + i}`,
            qos: 1,
            id: 5 * round + i + 1,
          });
        }
        client.send({
          cmd: "subscribe",
          id: round + 100,
          filters: [{ filter: `${root}/#`, qos: round % 2 === 0 ? 2 : 1 }],
        });
      }
      const live: number[] = [];
      let retained = 0;
      let answered = 0;
      while (live.length < 5 * rounds || retained < rounds || answered < rounds) {
        const packet = await client.next();
        assert.ok(packet?.cmd === "publish" || packet?.cmd === "suback", JSON.stringify(packet));
        if (packet.cmd === "suback") answered++;
        else {
          if (packet.retain) retained++;
          else live.push(Number(Buffer.from(packet.payload).toString()));
          await client.acknowledge(packet);
        }
      }
      assert.deepEqual(
        live,
        Array.from({ length: 5 * rounds }, (_, i) => i),
      );
      await client.expectNothing();
    });
  }

  test("5.0: subscribing again replaces every option, and says so with one code", async () => {
    const topic = suite.name();
    const client = await suite.connect({ version: 5 });
    const other = await suite.connect({ version: 5 });
    await other.publish(topic, "retained", { qos: 1, retain: true });
    const subscribe = async (more: object, identifier?: number) =>
      await client.subscribe(
        { filter: topic, qos: 1, retainHandling: 2, ...more },
        1,
        identifier === undefined ? undefined : { subscriptionIdentifiers: [identifier] },
      );
    assert.deepEqual(await subscribe({ noLocal: true, retainAsPublished: true }, 5), [1]);
    await client.publish(topic, "mine", { qos: 1 });
    await other.publish(topic, "live", { qos: 1, retain: true });
    const first = await client.receive({ payload: "live", retain: true });
    assert.deepEqual(first.properties.subscriptionIdentifiers, [5]);
    assert.deepEqual(await subscribe({ qos: 0 }), [0]);
    await client.publish(topic, "mine", { qos: 1 });
    assert.deepEqual((await client.receive({ payload: "mine", qos: 0 })).properties, {});
    await other.publish(topic, "live", { qos: 1, retain: true });
    await client.receive({ payload: "live", retain: false });
    await client.expectNothing();
    // Retain handling 1 after it has gone, and not while it is there.
    await subscribe({ retainHandling: 1 });
    await client.expectNothing();
    await client.unsubscribe(topic);
    await subscribe({ retainHandling: 1 });
    await client.receive({ payload: "live", retain: true });
  });
});
