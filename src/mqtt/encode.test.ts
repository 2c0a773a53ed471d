import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import mqttPacket from "mqtt-packet";
import { encodePacket } from "./encode-packet.ts";
import {
  LARGEST_ACK,
  packetIdOffset,
  publishSize,
  writeAck,
  writePacketId,
  writePublish,
} from "./encode-publish.ts";
import type { AcknowledgementType, ProtocolVersion, ServerPacket } from "./packet.ts";
import { Publication } from "./publication.ts";
import { Topic } from "./topic.ts";

/** What mqtt-packet reads in `bytes`, as plain data. */
function read(bytes: Buffer, version: ProtocolVersion): Record<string, unknown>[] {
  const packets: Record<string, unknown>[] = [];
  const parser = mqttPacket.parser({ protocolVersion: version });
  parser.on("packet", (packet) => packets.push({ ...packet }));
  parser.on("error", (error) => assert.fail(String(error)));
  assert.equal(parser.parse(bytes), 0, "nothing left over");
  return packets;
}

function readOne(bytes: Buffer, version: ProtocolVersion): Record<string, unknown> {
  const [packet, ...others] = read(bytes, version);
  assert.ok(packet !== undefined && others.length === 0);
  return packet;
}

/** mqtt-packet's user properties have no prototype. */
function userProperties(list: Record<string, string | string[]>): object {
  return Object.assign(Object.create(null), list);
}

const DELIVERY = fc.record({
  version: fc.constantFrom<ProtocolVersion>(3, 4, 5),
  topic: fc.string({ unit: "grapheme", minLength: 1, maxLength: 200 }),
  payload: fc.uint8Array({ maxLength: 40_000, size: "large" }),
  qos: fc.nat({ max: 2 }),
  retain: fc.boolean(),
  duplicate: fc.boolean(),
  packetId: fc.integer({ min: 1, max: 65535 }),
  alias: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 65535 })),
  withTopic: fc.boolean(),
  expiry: fc.oneof(fc.constant(-1), fc.nat({ max: 0xffffffff })),
  identifiers: fc.option(fc.array(fc.integer({ min: 1, max: 268_435_455 }), { maxLength: 3 })),
  endToEnd: fc.boolean(),
  before: fc.nat({ max: 3 }),
});

const END_TO_END = Buffer.from("0101030001742600016b0001762600016b000177", "hex");

test("PUBLISH: mqtt-packet reads what we write, and the size is as foretold", () => {
  const publication = new Publication();
  fc.assert(
    fc.property(DELIVERY, (delivery) => {
      const { version, qos, retain, duplicate, packetId, alias, withTopic, identifiers, before } = delivery;
      const topic = Buffer.from(delivery.topic);
      publication.topic = new Topic(delivery.topic, topic, 1);
      publication.buffer = Buffer.concat([Buffer.from("xx"), delivery.payload, Buffer.from("y")]);
      publication.payloadStart = 2;
      publication.payloadEnd = 2 + delivery.payload.length;
      publication.propertyBuffer = END_TO_END;
      publication.propertyStart = 0;
      publication.propertyEnd = delivery.endToEnd ? END_TO_END.length : 0;
      publication.expiryInterval = delivery.expiry;

      const usedAlias = version === 5 ? alias : 0;
      const size = publishSize(publication, version, qos, usedAlias, withTopic, identifiers);
      const target = Buffer.alloc(before + size + 1, 0xaa);
      const end = writePublish(
        target,
        before,
        publication,
        version,
        qos,
        retain,
        duplicate,
        packetId,
        usedAlias,
        withTopic,
        identifiers,
      );
      assert.equal(end, before + size);
      assert.equal(target[end], 0xaa, "wrote beyond its end");
      if (before > 0) assert.equal(target[before - 1], 0xaa);
      const wire = target.subarray(before, end);
      const packet = readOne(wire, version);
      assert.equal(packet.cmd, "publish");
      assert.equal(packet.topic, withTopic || usedAlias === 0 ? delivery.topic : "");
      assert.equal(packet.qos, qos);
      assert.equal(packet.retain, retain);
      assert.equal(packet.dup, duplicate);
      assert.equal(packet.messageId, qos === 0 ? undefined : packetId);
      const payload = packet.payload;
      assert.ok(Buffer.isBuffer(payload) && payload.equals(delivery.payload));
      const properties: Record<string, unknown> = {};
      if (version === 5) {
        if (delivery.expiry >= 0) properties.messageExpiryInterval = delivery.expiry;
        if (alias !== 0) properties.topicAlias = alias;
        if (identifiers !== null && identifiers.length > 0) {
          properties.subscriptionIdentifier = identifiers.length === 1 ? identifiers[0] : identifiers;
        }
        if (delivery.endToEnd) {
          properties.payloadFormatIndicator = true;
          properties.contentType = "t";
          properties.userProperties = userProperties({ k: ["v", "w"] });
        }
      }
      assert.deepEqual(packet.properties ?? {}, properties);
      if (qos > 0) {
        writePacketId(wire, packetIdOffset(wire, 0), 0xabcd);
        assert.deepEqual(readOne(wire, version), { ...packet, messageId: 0xabcd });
      }
    }),
    { numRuns: 500 },
  );
});

test("acknowledgements in their shortest form", () => {
  const target = Buffer.alloc(LARGEST_ACK + 2, 0xaa);
  const names = { 4: "puback", 5: "pubrec", 6: "pubrel", 7: "pubcomp" };
  for (const type of [4, 5, 6, 7] as const satisfies AcknowledgementType[]) {
    for (const version of [3, 4, 5] as const) {
      for (const reasonCode of [0, type <= 5 ? 0x97 : 0x92]) {
        const end = writeAck(target, 1, type, 0xfedc, reasonCode, version);
        assert.equal(end - 1, version === 5 && reasonCode !== 0 ? 5 : 4);
        const packet = readOne(target.subarray(1, end), version);
        assert.equal(packet.cmd, names[type]);
        assert.equal(packet.messageId, 0xfedc);
        assert.equal(packet.reasonCode, version === 5 ? reasonCode : undefined);
      }
    }
  }
});

/** Writes with our encoder and reads with mqtt-packet; the interesting members only. */
function roundTrip(
  packet: ServerPacket,
  version: ProtocolVersion,
  ...names: string[]
): Record<string, unknown> {
  const read = readOne(encodePacket(packet, version), version);
  return Object.fromEntries(names.map((name) => [name, read[name]]));
}

test("CONNACK with everything in it", () => {
  const properties = {
    sessionExpiryInterval: 0xffffffff,
    receiveMaximum: 65535,
    maximumQoS: 1,
    retainAvailable: false,
    maximumPacketSize: 0x12345678,
    assignedClientIdentifier: "größe",
    topicAliasMaximum: 10,
    reasonString: "because",
    wildcardSubscriptionAvailable: true,
    subscriptionIdentifiersAvailable: true,
    sharedSubscriptionAvailable: false,
    serverKeepAlive: 60,
    responseInformation: "reply/",
    serverReference: "other:1883",
    authenticationMethod: "SCRAM",
    authenticationData: Buffer.from([0, 1, 255]),
  };
  assert.deepEqual(
    roundTrip(
      {
        kind: "connack",
        sessionPresent: true,
        reasonCode: 0,
        properties: {
          ...properties,
          userProperties: [
            ["a", "1"],
            ["a", "2"],
            ["b", ""],
          ],
        },
      },
      5,
      "cmd",
      "sessionPresent",
      "reasonCode",
      "properties",
    ),
    {
      cmd: "connack",
      sessionPresent: true,
      reasonCode: 0,
      properties: { ...properties, userProperties: userProperties({ a: ["1", "2"], b: "" }) },
    },
  );
});

test("the broker's packets before MQTT 5 carry no properties", () => {
  const properties = { reasonString: "not for you" };
  assert.deepEqual(
    encodePacket({ kind: "connack", sessionPresent: false, reasonCode: 5, properties }, 4),
    Buffer.from([0x20, 2, 0, 5]),
  );
  assert.deepEqual(
    encodePacket({ kind: "suback", packetId: 1, reasonCodes: [0, 0x80], properties }, 3),
    Buffer.from([0x90, 4, 0, 1, 0, 0x80]),
  );
  assert.deepEqual(
    encodePacket({ kind: "unsuback", packetId: 1, reasonCodes: [0x11], properties }, 4),
    Buffer.from([0xb0, 2, 0, 1]),
  );
  assert.deepEqual(
    encodePacket({ kind: "pubrel", packetId: 1, reasonCode: 0x92, properties }, 4),
    Buffer.from([0x62, 2, 0, 1]),
  );
  assert.deepEqual(encodePacket({ kind: "pingresp" }, 3), Buffer.from([0xd0, 0]));
  for (const kind of ["disconnect", "auth"] as const) {
    assert.throws(() => encodePacket({ kind, reasonCode: 0, properties: {} }, 4), RangeError);
  }
});

test("SUBACK, UNSUBACK, DISCONNECT, AUTH and acknowledgements of MQTT 5", () => {
  const properties = { reasonString: "why", userProperties: [["k", "v"]] } as const;
  const read = { reasonString: "why", userProperties: userProperties({ k: "v" }) };
  const many = Array.from({ length: 300 }, (_, index) => index % 3);
  for (const kind of ["suback", "unsuback"] as const) {
    const codes = kind === "suback" ? many : [0, 0x11, 0x87];
    assert.deepEqual(
      roundTrip(
        { kind, packetId: 7, reasonCodes: codes, properties },
        5,
        "cmd",
        "messageId",
        "granted",
        "properties",
      ),
      { cmd: kind, messageId: 7, granted: codes, properties: read },
    );
  }
  for (const kind of ["puback", "pubrec", "pubrel", "pubcomp"] as const) {
    const reasonCode = kind === "puback" || kind === "pubrec" ? 0x87 : 0x92;
    assert.deepEqual(
      roundTrip(
        { kind, packetId: 7, reasonCode, properties },
        5,
        "cmd",
        "messageId",
        "reasonCode",
        "properties",
      ),
      { cmd: kind, messageId: 7, reasonCode, properties: read },
    );
  }
  assert.deepEqual(
    roundTrip(
      { kind: "disconnect", reasonCode: 0x9c, properties: { ...properties, serverReference: "b" } },
      5,
      "reasonCode",
      "properties",
    ),
    { reasonCode: 0x9c, properties: { ...read, serverReference: "b" } },
  );
  assert.deepEqual(
    roundTrip(
      { kind: "auth", reasonCode: 0x18, properties: { authenticationMethod: "m" } },
      5,
      "reasonCode",
      "properties",
    ),
    { reasonCode: 0x18, properties: { authenticationMethod: "m" } },
  );
  assert.deepEqual(
    encodePacket({ kind: "disconnect", reasonCode: 0, properties: {} }, 5),
    Buffer.from([0xe0, 0]),
  );
  assert.deepEqual(
    encodePacket({ kind: "disconnect", reasonCode: 0x8e, properties: {} }, 5),
    Buffer.from([0xe0, 1, 0x8e]),
  );
});

test("what cannot be written is an error", () => {
  const reasonString = "x".repeat(65_536);
  assert.throws(
    () => encodePacket({ kind: "disconnect", reasonCode: 0, properties: { reasonString } }, 5),
    RangeError,
  );
  assert.throws(
    () => encodePacket({ kind: "connack", sessionPresent: false, reasonCode: 256 }, 5),
    RangeError,
  );
  assert.throws(
    () =>
      encodePacket(
        { kind: "connack", sessionPresent: false, reasonCode: 0, properties: { receiveMaximum: 65536 } },
        5,
      ),
    RangeError,
  );
});
