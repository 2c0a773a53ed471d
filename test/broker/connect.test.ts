/** CONNECT and CONNACK: MQTT 3.1.1 and 5.0 section 3.1, 3.2. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { BrokerUnderTest, oursOnly } from "../support/suite.ts";
import { encode, frame } from "../support/wire.ts";

describe("connect", () => {
  const suite = new BrokerUnderTest({ configuration: { mqtt_connect_timeout: 700 } });

  for (const version of [3, 4, 5] as const) {
    test(`version ${version}: accepted, answers pings, disconnects [MQTT-3.1.4-5, 3.12.4-1; MQTT3-3.1.4-4, 3.12.4-1]`, async () => {
      const client = await suite.connect({ version });
      assert.equal(client.connack?.sessionPresent, false);
      await client.expectNothing();
      await client.disconnect();
    });

    test(`version ${version}: session present only for stored state [MQTT-3.1.2-6, 3.2.2-1 to -3; MQTT3-3.2.2-1 to -3]`, async () => {
      const clientId = suite.name("c");
      const lasting = { version, clientId, properties: { sessionExpiryInterval: 300 } };
      const first = await suite.connect({ ...lasting, clean: false });
      assert.equal(first.connack?.sessionPresent, false);
      await first.disconnect();
      const second = await suite.connect({ ...lasting, clean: false });
      assert.equal(second.connack?.sessionPresent, version !== 3);
      await second.disconnect();
      const third = await suite.connect({ ...lasting, clean: true });
      assert.equal(third.connack?.sessionPresent, false);
      await third.disconnect();
    });

    test(`version ${version}: first packet is not CONNECT: closed without a word [MQTT-3.1.0-1; MQTT3-3.1.0-1]`, async () => {
      for (const bytes of [
        encode({ cmd: "publish", topic: "a", payload: "x" }, version),
        encode({ cmd: "pingreq" }, version),
        encode({ cmd: "subscribe", id: 1, filters: [{ filter: "a" }] }, version),
        Buffer.from("GET / HTTP/1.1\r\n\r\n"),
      ]) {
        const client = await suite.open(version);
        client.send(bytes);
        await client.expectClosed();
      }
    });

    test(`version ${version}: second CONNECT ends the connection [MQTT-3.1.0-2, 3.2.0-2; MQTT3-3.1.0-2]`, {
      skip: oursOnly,
    }, async () => {
      const client = await suite.connect({ version });
      client.sendConnect({ clientId: "again" });
      await client.expectDisconnect(0x82);
    });
  }

  test("client id: empty", async () => {
    const v3 = await suite.attempt({ version: 3, clientId: "" });
    assert.equal(v3.connack?.code, 2);
    await v3.expectClosed();
    // [MQTT3-3.1.3-6 to -8]
    const v4 = await suite.attempt({ version: 4, clientId: "", clean: false });
    assert.equal(v4.connack?.code, 2);
    await v4.expectClosed();
    assert.equal((await suite.attempt({ version: 4, clientId: "", clean: true })).connack?.code, 0);
    // [MQTT-3.1.3-6, -7, 3.2.2-16]
    const names = new Set<string>();
    for (const clean of [true, false]) {
      const v5 = await suite.connect({ version: 5, clientId: "", clean });
      const assigned = v5.connack?.properties.assignedClientIdentifier;
      assert.ok(assigned !== undefined && assigned.length > 0);
      names.add(assigned);
    }
    assert.equal(names.size, 2);
  });

  test("client id: over max_client_id_size [MQTT-3.1.3-8; MQTT3-3.1.3-9]", { skip: oursOnly }, async () => {
    assert.equal((await suite.attempt({ version: 4, clientId: "x".repeat(100) })).connack?.code, 0);
    const v4 = await suite.attempt({ version: 4, clientId: "x".repeat(101) });
    assert.equal(v4.connack?.code, 2);
    await v4.expectClosed();
    const v5 = await suite.attempt({ version: 5, clientId: "x".repeat(101) });
    assert.equal(v5.connack?.code, 0x85);
    await v5.expectClosed();
  });

  test("unknown protocol level: refused at most by CONNACK, then closed [MQTT-3.1.2-2]", async () => {
    const client = await suite.open(5); // reads both forms of CONNACK
    client.sendConnect({ level: 6, clientId: "x" });
    const answer = await client.next();
    if (answer !== undefined) {
      assert.ok(answer.cmd === "connack" && (answer.code === 1 || answer.code === 0x84), answer.cmd);
      await client.expectClosed();
    }
  });

  test("malformed CONNECT: no session comes of it", async () => {
    const good = encode({ cmd: "connect", clientId: "m" }, 4);
    const cases: Record<string, Uint8Array> = {
      "reserved connect flag": Buffer.from(good).fill(0x03, 9, 10),
      "will QoS 3": Buffer.from(good).fill(0x1e, 9, 10),
      "will flags without will": Buffer.from(good).fill(0x0a, 9, 10),
      "password without user name": frame(
        0x10,
        Buffer.concat([encode({ cmd: "connect", clientId: "m", password: "p" }, 4).subarray(2)]),
      ),
      "reserved header flags [MQTT3-2.2.2-2]": Buffer.concat([Buffer.from([0x11]), good.subarray(1)]),
      "other protocol name": encode({ cmd: "connect", protocolName: "MQXX", clientId: "m" }, 4),
      "client id cut off": frame(0x10, good.subarray(2, good.length - 1)),
      "trailing bytes": frame(0x10, Buffer.concat([good.subarray(2), Buffer.from("zz")])),
      "id not UTF-8": Buffer.concat([good.subarray(0, good.length - 1), Buffer.from([0xff])]),
    };
    for (const [what, bytes] of Object.entries(cases)) {
      const client = await suite.open(4);
      client.send(bytes);
      const answer = await client.next();
      if (answer !== undefined) {
        assert.ok(answer.cmd === "connack" && answer.code !== 0, `${what}: ${JSON.stringify(answer)}`);
        await client.expectClosed();
      }
    }
  });

  test("malformed MQTT 5 CONNECT: at most a CONNACK with an error", { skip: oursOnly }, async () => {
    for (const [what, properties] of [
      ["receive maximum 0", { receiveMaximum: 0 }],
      ["maximum packet size 0", { maximumPacketSize: 0 }],
      ["request problem information 2", { requestProblemInformation: 2 }],
      ["authentication data without method", { authenticationData: Buffer.from("x") }],
      ["a property of PUBLISH", { topicAlias: 3 }],
    ] as const) {
      const client = await suite.open(5);
      client.sendConnect({ clientId: suite.name("c"), properties });
      const answer = await client.next();
      if (answer !== undefined) {
        assert.ok(answer.cmd === "connack" && answer.code >= 0x80, `${what}: ${JSON.stringify(answer)}`);
        await client.expectClosed();
      }
    }
  });

  test("unknown authentication method: 0x8C [MQTT-4.12.0-1]", { skip: oursOnly }, async () => {
    const client = await suite.attempt({
      version: 5,
      properties: { authenticationMethod: "NO-SUCH", authenticationData: Buffer.from("x") },
    });
    assert.equal(client.connack?.code, 0x8c);
    await client.expectClosed();
  });

  test("no CONNECT within mqtt_connect_timeout: closed", { skip: oursOnly }, async () => {
    const silent = await suite.open();
    const slow = await suite.open();
    slow.send(encode({ cmd: "connect", clientId: "slow" }, 4).subarray(0, 5));
    await silent.expectClosed(3_000);
    await slow.expectClosed(3_000);
  });

  test("a CONNECT that arrives byte by byte", async () => {
    const client = await suite.open(5);
    for (const byte of encode({ cmd: "connect", clientId: suite.name("c") }, 5)) {
      client.send(Buffer.from([byte]));
      await delay(1);
    }
    await client.expect("connack", { code: 0 });
  });

  test("packets sent before the CONNACK are handled after it [MQTT-3.2.0-1; MQTT3-3.2.0-1]", async () => {
    for (const version of [4, 5] as const) {
      const client = await suite.open(version);
      const topic = suite.name();
      client.send(
        { cmd: "connect", clientId: suite.name("c") },
        { cmd: "subscribe", id: 1, filters: [{ filter: topic, qos: 1 }] },
        { cmd: "publish", topic, payload: "x", qos: 1, id: 2 },
      );
      await client.expect("connack", { code: 0 });
      await client.expect("suback", { id: 1 });
      const kinds = [await client.next(), await client.next()].map((packet) => packet?.cmd).sort();
      assert.deepEqual(kinds, ["puback", "publish"]);
    }
  });

  for (const version of [4, 5] as const) {
    test(`version ${version}: take-over ends the older connection [MQTT-3.1.4-3; MQTT3-3.1.4-2]`, {
      skip: oursOnly,
    }, async () => {
      const clientId = suite.name("c");
      const topic = suite.name();
      const options = { version, clientId, clean: false, properties: { sessionExpiryInterval: 300 } };
      const older = await suite.connect(options);
      await older.subscribe(topic, 1);
      const newer = await suite.connect(options);
      assert.equal(newer.connack?.sessionPresent, true);
      await older.expectDisconnect(0x8e);
      await newer.publish(topic, "still subscribed", { qos: 1 });
      await newer.receive({ topic });
    });
  }

  test("take-over ping-pong leaves exactly one", { skip: oursOnly }, async () => {
    const clientId = suite.name("c");
    const all = await Promise.all(Array.from({ length: 20 }, async () => await suite.open(5)));
    for (const client of all) client.sendConnect({ clientId });
    await Promise.all(all.map(async (client) => await client.take("connack", { code: 0 })));
    const last = await suite.connect({ version: 5, clientId });
    await Promise.all(all.map(async (client) => await client.expectDisconnect(0x8e)));
    await last.expectNothing();
  });
});

describe("connect with the defaults of the schema", { skip: oursOnly }, () => {
  const suite = new BrokerUnderTest({ schemaDefaults: true });

  test("client id over 23 bytes: refused, and the log names the key", async () => {
    const client = await suite.attempt({ version: 4, clientId: "y".repeat(24) });
    assert.equal(client.connack?.code, 2);
    await client.expectClosed();
    await suite.broker.logged(/max_client_id_size/);
  });

  test("MQTT 5: refused with 0x84, and the log names the key", async () => {
    const client = await suite.attempt({ version: 5 });
    assert.equal(client.connack?.code, 0x84);
    await client.expectClosed();
    await suite.broker.logged(/to allow it: listener\.\w+\.default\.allowed_protocol_versions = 3,4,5/);
  });
});

describe("connect without anonymous clients", { skip: oursOnly }, () => {
  const suite = new BrokerUnderTest({ configuration: { allow_anonymous: "off" } });

  test("nobody vouches for the client: 5 and 0x86 [MQTT-3.1.4-2]", async () => {
    for (const [version, code] of [
      [3, 5],
      [4, 5],
      [5, 0x86],
    ] as const) {
      const client = await suite.attempt({ version, username: "u", password: "secret-word" });
      assert.equal(client.connack?.code, code);
      await client.expectClosed();
    }
    assert.doesNotMatch(suite.broker.log(), /secret-word/);
  });
});
