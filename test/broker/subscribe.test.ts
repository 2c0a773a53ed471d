/** SUBSCRIBE, UNSUBSCRIBE and topic matching: MQTT 5.0 sections 3.8 to 3.11, 4.7. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { BrokerUnderTest, onMosquitto, oursOnly } from "../support/suite.ts";
import { encode, frame, type OutPacket } from "../support/wire.ts";

describe("subscribe", () => {
  const suite = new BrokerUnderTest();

  test("matching, by the examples of the specification (section 4.7.1) [MQTT3-3.3.2-3, 3.8.3-2]", async () => {
    const root = suite.name();
    const cases: [string, string[], string[]][] = [
      [
        "sport/tennis/player1/#",
        ["sport/tennis/player1", "sport/tennis/player1/ranking", "sport/tennis/player1/a/b"],
        ["sport/tennis/player2"],
      ],
      ["sport/#", ["sport", "sport/a"], ["sports"]],
      ["sport/tennis/+", ["sport/tennis/player1"], ["sport/tennis/player1/ranking", "sport/tennis"]],
      ["sport/+", ["sport/", "sport/x"], ["sport", "sport/x/y"]],
      ["+/tennis/#", ["sport/tennis", "x/tennis/y/z"], ["tennis", "sport/golf"]],
      ["/finance", ["/finance"], ["finance", "//finance"]],
      ["+/+", ["/finance", "a/b"], ["a", "a/b/c"]],
      ["/+", ["/finance"], ["finance"]],
      ["a//b", ["a//b"], ["a/b", "a/x/b"]],
      ["a/+/b", ["a//b", "a/x/b"], ["a/b"]],
    ];
    const publisher = await suite.connect();
    for (const [filter, matching, others] of cases) {
      const subscriber = await suite.connect();
      await subscriber.subscribe(`${root}/${filter}`, 0);
      for (const topic of [...matching, ...others]) await publisher.publish(`${root}/${topic}`, "x");
      for (const topic of matching) await subscriber.receive({ topic: `${root}/${topic}` });
      await subscriber.expectNothing();
      await subscriber.disconnect();
    }
  });

  test("topics are cases of exact bytes: case, blanks, non-ASCII, no normalisation [MQTT3-4.7.3-4]", async () => {
    const root = suite.name();
    const client = await suite.connect();
    for (const end of ["Ä", "A\u0308", "a b", "ACCOUNTS", "Accounts", "\u{1f600}", "\ufeff"]) {
      await client.subscribe(`${root}/${end}`);
      await client.publish(`${root}/${end}`, "x");
      await client.receive({ topic: `${root}/${end}` });
      await client.unsubscribe(`${root}/${end}`);
    }
  });

  for (const version of [3, 4, 5] as const) {
    test(`version ${version}: many filters in one packet, codes in their order [MQTT-3.8.4-5 to -7, 3.9.3-1; MQTT3-3.8.4-4, -5, 3.9.3-1]`, async () => {
      const root = suite.name();
      const client = await suite.connect({ version });
      const filters = Array.from({ length: 50 }, (_, i) => ({ filter: `${root}/${i}`, qos: i % 3 }));
      assert.deepEqual(
        await client.subscribe(filters),
        filters.map((one) => one.qos),
      );
      await client.publish(`${root}/49`, "x", { qos: 2 });
      await client.receive({ qos: 1 });
    });

    test(`version ${version}: subscribing again replaces the QoS [MQTT-3.8.4-3; MQTT3-3.8.4-3]`, async () => {
      const topic = suite.name();
      const client = await suite.connect({ version });
      await client.subscribe(topic, 2);
      await client.subscribe(topic, 0);
      await client.publish(topic, "x", { qos: 2 });
      await client.receive({ qos: 0 });
      await client.expectNothing();
    });

    test(`version ${version}: UNSUBSCRIBE ends the deliveries; in MQTT 5 with 0x11 for what was not there [MQTT-3.10.4-1, -2, 3.11.3-1; MQTT3-3.10.4-1, -2]`, async () => {
      const topic = suite.name();
      const client = await suite.connect({ version });
      await client.subscribe(topic, 1);
      const codes = await client.unsubscribe(topic, `${topic}/never`);
      if (version === 5 && !onMosquitto) assert.deepEqual(codes, [0, 0x11]);
      if (version !== 5) assert.deepEqual(codes, []);
      await client.publish(topic, "x", { qos: 1 });
      await client.expectNothing();
    });

    test(`version ${version}: malformed SUBSCRIBE and UNSUBSCRIBE end the connection`, async () => {
      const properties = version === 5 ? [0] : [];
      const id = [0, 1, ...properties];
      const cases: [string, Buffer, number[]][] = [
        ["no filter [MQTT-3.8.3-2; MQTT3-3.8.3-3]", frame(0x82, Buffer.from(id)), [0x82, 0x81]],
        ["no filter [MQTT-3.10.3-2; MQTT3-3.10.3-2]", frame(0xa2, Buffer.from(id)), [0x82, 0x81]],
        [
          "header flags 0 [MQTT-3.8.1-1; MQTT3-3.8.1-1]",
          frame(0x80, Buffer.from([...id, 0, 1, 97, 0])),
          [0x81],
        ],
        [
          "header flags 0 [MQTT-3.10.1-1; MQTT3-3.10.1-1]",
          frame(0xa0, Buffer.from([...id, 0, 1, 97])),
          [0x81],
        ],
        [
          "packet id 0 [MQTT-2.2.1-3; MQTT3-2.3.1-1]",
          frame(0x82, Buffer.from([0, 0, ...properties, 0, 1, 97, 0])),
          [0x82, 0x81],
        ],
        ["QoS 3 [MQTT3-3.8.3-4]", frame(0x82, Buffer.from([...id, 0, 1, 97, 3])), [0x82, 0x81]],
        [
          "reserved option bits [MQTT-3.8.3-5; MQTT3-3.8.3-4]",
          frame(0x82, Buffer.from([...id, 0, 1, 97, 0xc0])),
          [0x82, 0x81],
        ],
        ["filter cut off", frame(0x82, Buffer.from([...id, 0, 9, 97, 0])), [0x81]],
        ["options missing", frame(0x82, Buffer.from([...id, 0, 1, 97])), [0x81, 0x82]],
        [
          "empty filter [MQTT-4.7.3-1; MQTT3-4.7.3-1]",
          frame(0x82, Buffer.from([...id, 0, 0, 0])),
          [0x8f, 0x81, 0x82],
        ],
        ["U+0000 [MQTT-1.5.4-2; MQTT3-1.5.3-2]", frame(0x82, Buffer.from([...id, 0, 1, 0, 0])), [0x81, 0x8f]],
        [
          "not UTF-8 [MQTT-1.5.4-1, 3.8.3-1; MQTT3-1.5.3-1, 3.8.3-1]",
          frame(0x82, Buffer.from([...id, 0, 2, 0xc3, 0x28, 0])),
          [0x81, 0x8f],
        ],
        [
          "surrogate [MQTT-1.5.4-1; MQTT3-1.5.3-1]",
          frame(0x82, Buffer.from([...id, 0, 3, 0xed, 0xa0, 0x80, 0])),
          [0x81, 0x8f],
        ],
      ];
      if (onMosquitto) return;
      for (const [what, bytes, codes] of cases) {
        const client = await suite.connect({ version });
        client.send(bytes);
        const answer = await client.next();
        if (version === 5) {
          assert.ok(
            answer?.cmd === "disconnect" && codes.includes(answer.code),
            `${what}: ${JSON.stringify(answer)}`,
          );
        } else assert.equal(answer, undefined, what);
        await client.expectClosed();
      }
    });

    test(`version ${version}: filters that are none: closed, in MQTT 5 with 0x8F [MQTT-4.7.1-1, -2, 4.8.2-1, -2; MQTT3-4.7.1-2, -3]`, {
      skip: oursOnly,
    }, async () => {
      for (const filter of [
        "a/#/b",
        "a#",
        "a/b#",
        "+a",
        "a/+b",
        "#/a",
        "$share/g",
        "$share//a",
        "$share/g/",
        "$share/+/a",
        "$share/g#/a",
      ]) {
        const client = await suite.connect({ version });
        client.send({ cmd: "subscribe", id: 1, filters: [{ filter, qos: 1 }] });
        const answer = await client.next();
        if (version === 5) {
          const code =
            answer?.cmd === "disconnect" ? answer.code : answer?.cmd === "suback" ? answer.codes[0] : -1;
          const allowed = filter.startsWith("$share") ? [0x8f, 0x81, 0x82] : [0x8f];
          assert.ok(allowed.includes(code ?? -1), `${filter}: ${JSON.stringify(answer)}`);
        } else {
          assert.ok(answer === undefined || (answer.cmd === "suback" && answer.codes[0] === 0x80), filter);
        }
      }
    });
  }

  for (const version of [4, 5] as const) {
    test(`version ${version}: overlapping subscriptions: one copy for each, at its QoS [MQTT-3.3.4-2; MQTT3-3.3.5-1]`, {
      skip: oursOnly,
    }, async () => {
      const root = suite.name();
      const client = await suite.connect({ version });
      await client.subscribe([
        { filter: `${root}/a`, qos: 0 },
        { filter: `${root}/+`, qos: 1 },
        { filter: `${root}/#`, qos: 2 },
      ]);
      await client.publish(`${root}/a`, "x", { qos: 2 });
      const levels = [];
      for (let i = 0; i < 3; i++) levels.push((await client.receive({ topic: `${root}/a` })).qos);
      assert.deepEqual(levels.sort(), [0, 1, 2]);
      await client.expectNothing();
    });
  }

  test("subscription identifiers come with the messages [MQTT-3.3.4-3]", async () => {
    const root = suite.name();
    const client = await suite.connect({ version: 5 });
    await client.subscribe(`${root}/a`, 1, { subscriptionIdentifiers: [7] });
    await client.publish(`${root}/a`, "x", { qos: 1 });
    assert.deepEqual((await client.receive()).properties.subscriptionIdentifiers, [7]);
    // Subscribing again replaces the identifier, without one it goes.
    await client.subscribe(`${root}/a`, 1, { subscriptionIdentifiers: [268_435_455] });
    await client.publish(`${root}/a`, "x", { qos: 1 });
    assert.deepEqual((await client.receive()).properties.subscriptionIdentifiers, [268_435_455]);
    await client.subscribe(`${root}/a`, 1);
    await client.publish(`${root}/a`, "x", { qos: 1 });
    assert.equal((await client.receive()).properties.subscriptionIdentifiers, undefined);
    // Retained messages carry it too.
    await client.publish(`${root}/r`, "x", { qos: 1, retain: true });
    await client.subscribe(`${root}/r`, 1, { subscriptionIdentifiers: [9] });
    assert.deepEqual((await client.receive({ retain: true })).properties.subscriptionIdentifiers, [9]);
  });

  test("overlapping subscriptions: every identifier arrives [MQTT-3.3.4-3, -5]", async () => {
    const root = suite.name();
    const client = await suite.connect({ version: 5 });
    await client.subscribe(`${root}/a`, 1, { subscriptionIdentifiers: [1] });
    await client.subscribe(`${root}/+`, 1, { subscriptionIdentifiers: [2] });
    await client.publish(`${root}/a`, "x", { qos: 1 });
    const seen: number[] = [];
    while (seen.length < 2) seen.push(...((await client.receive()).properties.subscriptionIdentifiers ?? []));
    assert.deepEqual(seen.sort(), [1, 2]);
    await client.expectNothing();
  });

  test("subscription identifier 0 and one from a publisher: protocol errors [MQTT-3.3.4-6]", async () => {
    const zero = await suite.connect({ version: 5 });
    zero.send(frame(0x82, Buffer.from([0, 1, 2, 0x0b, 0, 0, 1, 97, 0])));
    const other = await suite.connect({ version: 5 });
    other.send({ cmd: "publish", topic: "a", qos: 1, id: 1, properties: { subscriptionIdentifiers: [3] } });
    if (onMosquitto) return;
    await zero.expectDisconnect(0x82);
    await other.expectDisconnect(0x82);
  });

  test("no local [MQTT-3.8.3-3]; with a shared subscription a protocol error [MQTT-3.8.3-4]", async () => {
    const topic = suite.name();
    const client = await suite.connect({ version: 5 });
    const other = await suite.connect({ version: 5 });
    await client.subscribe({ filter: topic, qos: 1, noLocal: true });
    await client.publish(topic, "mine", { qos: 1 });
    await other.publish(topic, "theirs", { qos: 1 });
    await client.receive({ payload: "theirs" });
    await client.expectNothing();
    client.send({ cmd: "subscribe", id: 9, filters: [{ filter: `$share/g/${topic}`, noLocal: true }] });
    if (!onMosquitto) await client.expectDisconnect(0x82);
  });

  test("retain handling 3 is a protocol error", { skip: oursOnly }, async () => {
    const client = await suite.connect({ version: 5 });
    client.send({ cmd: "subscribe", id: 1, filters: [{ filter: "a", retainHandling: 3 }] });
    await client.expectDisconnect(0x82);
  });

  test("after SUBACK every later publish arrives", async () => {
    const publisher = await suite.connect();
    for (let i = 0; i < 30; i++) {
      const topic = suite.name();
      const subscriber = await suite.connect();
      await subscriber.subscribe(topic, 0);
      publisher.send({ cmd: "publish", topic, payload: "x" });
      await subscriber.receive({ topic });
      await subscriber.disconnect();
    }
  });

  test("more filters than one packet may have end the connection, in v5 with 0x97", {
    skip: oursOnly,
  }, async () => {
    for (const cmd of ["subscribe", "unsubscribe"] as const) {
      for (const version of [4, 5] as const) {
        const client = await suite.connect({ version });
        const filters = Array.from({ length: 10_001 }, (_, i) => `many/${i}`);
        if (cmd === "unsubscribe") client.send({ cmd, id: 1, filters });
        else client.send({ cmd, id: 1, filters: filters.map((filter) => ({ filter, qos: 0 as const })) });
        await client.expectDisconnect(0x97);
      }
    }
  });

  test("a packet of 10,000 filters, and its end", async () => {
    const root = suite.name();
    const client = await suite.connect({ version: 5 });
    const filters = Array.from({ length: 10_000 }, (_, i) => `${root}/${i}/+`);
    assert.equal((await client.subscribe(filters, 1)).length, 10_000);
    await client.publish(`${root}/9999/x`, "x", { qos: 1 });
    await client.receive({ topic: `${root}/9999/x` });
    assert.equal((await client.unsubscribe(...filters)).length, 10_000);
    await client.publish(`${root}/9999/x`, "x", { qos: 1 });
    await client.expectNothing();
  });

  test("a packet of 10,000 filters: what comes after it waits, what is retained follows SUBACK", async () => {
    const root = suite.name();
    const other = await suite.connect();
    await other.publish(`${root}/0`, "kept", { qos: 1, retain: true });
    for (const clean of [true, false]) {
      const client = await suite.connect({ clientId: `${root}-${clean}`, clean });
      const filters = Array.from({ length: 10_000 }, (_, i) => ({
        filter: `${root}/${i}`,
        qos: 1 as const,
      }));
      client.send({ cmd: "subscribe", id: 9, filters }, { cmd: "pingreq" });
      const answers = [await client.next(), await client.next(), await client.next()].map(
        (packet) => packet?.cmd,
      );
      // While the store works on what was subscribed to, the connection is read again.
      assert.deepEqual(answers.toSorted(), ["pingresp", "publish", "suback"]);
      assert.ok(answers.indexOf("suback") < answers.indexOf("publish"));
      if (clean) assert.equal(answers[0], "suback");
      await client.disconnect();
    }
  });

  test("server-only packets from a client are protocol errors", { skip: oursOnly }, async () => {
    for (const bytes of [
      frame(0x20, Buffer.from([0, 0, 0])),
      frame(0x90, Buffer.from([0, 1, 0, 0])),
      frame(0xb0, Buffer.from([0, 1, 0, 0])),
      encode({ cmd: "pingresp" }, 5),
    ]) {
      const client = await suite.connect({ version: 5 });
      client.send(bytes);
      await client.expectDisconnect(0x82);
    }
  });
});

describe("limits of subscriptions", { skip: oursOnly }, () => {
  const suite = new BrokerUnderTest({
    configuration: { max_subscriptions_per_client: 2, topic_max_depth: 4 },
  });

  test("max_subscriptions_per_client: 0x80 and 0x97; replacing stays possible", async () => {
    for (const [version, code] of [
      [4, 0x80],
      [5, 0x97],
    ] as const) {
      const client = await suite.connect({ version });
      assert.deepEqual(await client.subscribe(["a", "b", "c"], 1), [1, 1, code]);
      assert.deepEqual(await client.subscribe("b", 0), [0]);
      await client.unsubscribe("a");
      assert.deepEqual(await client.subscribe("c", 1), [1]);
    }
  });

  test("topic_max_depth: deeper topics and filters are refused", async () => {
    for (const version of [4, 5] as const) {
      const fine = await suite.connect({ version });
      assert.deepEqual(await fine.subscribe("a/b/c/d", 0), [0]);
      await fine.publish("a/b/c/d", "x");
      await fine.receive();
      const deeper: OutPacket[] = [
        { cmd: "publish", topic: "a/b/c/d/e", qos: 1, id: 1 },
        { cmd: "subscribe", id: 1, filters: [{ filter: "a/b/c/d/e" }] },
      ];
      for (const packet of deeper) {
        const client = await suite.connect({ version });
        client.send(packet);
        const answer = await client.next();
        // The filter may be refused alone.
        const code =
          answer?.cmd === "suback" ? answer.codes[0] : answer?.cmd === "disconnect" ? answer.code : 0;
        const allowed = version === 5 ? [0x81, 0x8f, 0x90] : [0, 0x80];
        assert.ok(allowed.includes(code ?? 0), JSON.stringify(answer));
      }
    }
  });
});
