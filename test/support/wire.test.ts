import assert from "node:assert/strict";
import { test } from "node:test";
import mqttPacket from "mqtt-packet";
import { Decoder, encode } from "./wire.ts";

const { generate } = mqttPacket;

test("the encoder writes what mqtt-packet writes", () => {
  for (const version of [3, 4, 5] as const) {
    const name = version === 3 ? "MQIsdp" : "MQTT";
    assert.deepEqual(
      encode(
        {
          cmd: "connect",
          clientId: "c",
          clean: false,
          keepalive: 7,
          username: "u",
          password: "p",
          will: { topic: "w", payload: "gone", qos: 2, retain: true },
        },
        version,
      ),
      generate(
        {
          cmd: "connect",
          protocolId: name,
          protocolVersion: version,
          clientId: "c",
          clean: false,
          keepalive: 7,
          username: "u",
          password: Buffer.from("p"),
          will: { topic: "w", payload: Buffer.from("gone"), qos: 2, retain: true },
        },
        { protocolVersion: version },
      ),
    );
  }
  assert.deepEqual(
    encode(
      {
        cmd: "publish",
        topic: "a/b",
        payload: "x".repeat(200),
        qos: 1,
        id: 300,
        dup: true,
        properties: { messageExpiryInterval: 5, userProperties: [["k", "v"]] },
      },
      5,
    ),
    generate(
      {
        cmd: "publish",
        topic: "a/b",
        payload: "x".repeat(200),
        qos: 1,
        messageId: 300,
        dup: true,
        retain: false,
        properties: { messageExpiryInterval: 5, userProperties: { k: "v" } },
      },
      { protocolVersion: 5 },
    ),
  );
  assert.deepEqual(
    encode(
      { cmd: "subscribe", id: 1, filters: [{ filter: "a", qos: 2, noLocal: true, retainHandling: 2 }] },
      5,
    ),
    generate(
      { cmd: "subscribe", messageId: 1, subscriptions: [{ topic: "a", qos: 2, nl: true, rh: 2 }] },
      { protocolVersion: 5 },
    ),
  );
});

test("the decoder cuts a stream anywhere and finds the same packets", () => {
  const stream = Buffer.concat([
    generate({ cmd: "connack", sessionPresent: true, reasonCode: 0 }, { protocolVersion: 5 }),
    generate(
      {
        cmd: "publish",
        topic: "t",
        payload: "p",
        qos: 2,
        messageId: 9,
        dup: false,
        retain: true,
        properties: { subscriptionIdentifier: [1, 200_000], correlationData: Buffer.from([0, 255]) },
      },
      { protocolVersion: 5 },
    ),
    generate({ cmd: "suback", messageId: 4, granted: [0, 135] }, { protocolVersion: 5 }),
    generate({ cmd: "disconnect", reasonCode: 142 }, { protocolVersion: 5 }),
  ]);
  const wanted = [
    { cmd: "connack", sessionPresent: true, code: 0, properties: {} },
    {
      cmd: "publish",
      topic: "t",
      payload: Buffer.from("p"),
      qos: 2,
      id: 9,
      dup: false,
      retain: true,
      properties: { subscriptionIdentifiers: [1, 200_000], correlationData: Buffer.from([0, 255]) },
    },
    { cmd: "suback", id: 4, codes: [0, 135], properties: {} },
    { cmd: "disconnect", code: 142, properties: {} },
  ];
  for (let cut = 0; cut <= stream.length; cut++) {
    const decoder = new Decoder(5);
    const packets = [...decoder.push(stream.subarray(0, cut)), ...decoder.push(stream.subarray(cut))];
    assert.deepEqual(packets, wanted);
  }
});

test("the decoder refuses what a server must not send", () => {
  for (const bytes of [
    [0x10, 0],
    [0x21, 2, 0, 0],
    [0x36, 5, 0, 1, 97, 0, 1],
    [0x40, 3, 0, 1, 0],
    [0xd0, 0x80, 0x80, 0x80, 0x80, 1],
  ]) {
    assert.throws(() => new Decoder(4).push(Buffer.from(bytes)), RangeError, String(bytes));
  }
});
