import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { IConnectPacket, IPublishPacket, ISubscribePacket, Packet, UserProperties } from "mqtt-packet";
import mqttPacket from "mqtt-packet";
import { decodeFrames } from "./frame-decoder.ts";
import { Recorder } from "./frame-decoder-test-support.ts";
import type { ProtocolVersion, UserProperty } from "./packet.ts";
import { parseTopicFilter } from "./topic-filter.ts";

const RUNS = Number(process.env.VERNEMQ_TEST_RUNS ?? 300);

const VERSION = fc.constantFrom<ProtocolVersion>(3, 4, 5);

/** Text as MQTT allows it, with every kind of character in it. */
const TEXT = fc
  .array(
    fc.oneof(
      fc.string({ unit: "grapheme", maxLength: 4 }),
      fc.constantFrom("\ufeff", "\u0001", "\uffff", "é", "日本", "😀"),
    ),
    { maxLength: 3 },
  )
  .map((parts) => parts.join("").replaceAll("\0", "0"));
const LEVEL = TEXT.map((text) => text.replaceAll(/[+#/$]/g, ""));
const TOPIC = fc
  .array(LEVEL, { minLength: 1, maxLength: 4 })
  .map((levels) => levels.join("/"))
  .filter((topic) => topic !== "");
const FILTER = fc
  .tuple(
    fc.constantFrom("", "$share/group/", "$SYS/"),
    fc.array(fc.oneof(LEVEL, fc.constant("+")), { maxLength: 3 }),
    fc.constantFrom("#", "+", "x"),
  )
  .map(([prefix, levels, last]) => prefix + [...levels, last].join("/"));
const BYTES = fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes));
const PACKET_ID = fc.integer({ min: 1, max: 65535 });
const INT16 = fc.nat({ max: 65535 });
const INT32 = fc.nat({ max: 0xffffffff });
const QOS = fc.constantFrom<0 | 1 | 2>(0, 1, 2);
/** As mqtt-packet takes them; a name that looks like a number would change its place. */
const USER_PROPERTIES: fc.Arbitrary<UserProperties> = fc.dictionary(
  TEXT.map((name) => `n${name}`),
  fc.oneof(TEXT, fc.array(TEXT, { minLength: 2, maxLength: 3 })),
  { minKeys: 1, maxKeys: 3 },
);

/** An object of which any member may be missing. */
function some<T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }) {
  return fc.record(model, { requiredKeys: [] });
}

const WILL = fc.record({
  topic: TOPIC,
  payload: BYTES,
  qos: QOS,
  retain: fc.boolean(),
  properties: some({
    willDelayInterval: INT32,
    payloadFormatIndicator: fc.boolean(),
    messageExpiryInterval: INT32,
    contentType: TEXT,
    responseTopic: TOPIC,
    correlationData: BYTES,
    userProperties: USER_PROPERTIES,
  }),
});
const CONNECT_PROPERTIES = some({
  sessionExpiryInterval: INT32,
  receiveMaximum: PACKET_ID,
  maximumPacketSize: fc.integer({ min: 1, max: 0xffffffff }),
  topicAliasMaximum: INT16,
  requestResponseInformation: fc.boolean(),
  requestProblemInformation: fc.boolean(),
  userProperties: USER_PROPERTIES,
  authenticationMethod: TEXT,
});

function connectOf(version: ProtocolVersion): fc.Arbitrary<IConnectPacket> {
  return fc
    .record({
      clientId: TEXT.map((id) => `c${id}`),
      clean: fc.boolean(),
      keepalive: INT16,
      will: fc.option(WILL, { nil: undefined }),
      username: fc.option(TEXT, { nil: undefined }),
      password: fc.option(BYTES, { nil: undefined }),
      properties: CONNECT_PROPERTIES,
    })
    .map(({ will, username, password, properties, ...rest }) => ({
      cmd: "connect",
      protocolId: version === 3 ? "MQIsdp" : "MQTT",
      protocolVersion: version,
      ...rest,
      ...(will === undefined ? {} : { will }),
      ...(username === undefined ? {} : { username }),
      ...(username === undefined || password === undefined ? {} : { password }),
      ...(version === 5 ? { properties } : {}),
    }));
}

const PUBLISH: fc.Arbitrary<IPublishPacket> = fc
  .record({
    topic: TOPIC,
    payload: BYTES,
    qos: QOS,
    retain: fc.boolean(),
    dup: fc.boolean(),
    messageId: PACKET_ID,
    properties: some({
      messageExpiryInterval: INT32,
      payloadFormatIndicator: fc.boolean(),
      topicAlias: PACKET_ID,
      responseTopic: TOPIC,
      correlationData: BYTES,
      userProperties: USER_PROPERTIES,
      contentType: TEXT,
    }),
  })
  .map((publish) => ({ cmd: "publish", ...publish, dup: publish.dup && publish.qos > 0 }));

const SUBSCRIBE: fc.Arbitrary<ISubscribePacket> = fc
  .record({
    messageId: PACKET_ID,
    subscriptions: fc.array(
      fc.record({ topic: FILTER, qos: QOS, nl: fc.boolean(), rap: fc.boolean(), rh: fc.nat({ max: 2 }) }),
      { minLength: 1, maxLength: 4 },
    ),
    properties: some({
      subscriptionIdentifier: fc.integer({ min: 1, max: 268_435_455 }),
      userProperties: USER_PROPERTIES,
    }),
  })
  .map(({ subscriptions, ...rest }) => ({
    cmd: "subscribe",
    ...rest,
    subscriptions: subscriptions.map((one) => ({ ...one, nl: one.nl && !one.topic.startsWith("$share/") })),
  }));

const ACK_PROPERTIES = some({ reasonString: TEXT, userProperties: USER_PROPERTIES });

/** Any packet that a client may send after CONNECT. */
function packetOf(version: ProtocolVersion): fc.Arbitrary<Packet> {
  const acks = fc.oneof(
    fc.record({
      cmd: fc.constantFrom("puback", "pubrec"),
      messageId: PACKET_ID,
      reasonCode: fc.constantFrom(0, 0x10, 0x80, 0x97),
      properties: ACK_PROPERTIES,
    }),
    fc.record({
      cmd: fc.constantFrom("pubrel", "pubcomp"),
      messageId: PACKET_ID,
      reasonCode: fc.constantFrom(0, 0x92),
      properties: ACK_PROPERTIES,
    }),
  );
  const unsubscribe = fc.record({
    cmd: fc.constant("unsubscribe" as const),
    messageId: PACKET_ID,
    unsubscriptions: fc.array(FILTER, { minLength: 1, maxLength: 3 }),
    properties: some({ userProperties: USER_PROPERTIES }),
  });
  const disconnect = fc.record({
    cmd: fc.constant("disconnect" as const),
    reasonCode: fc.constantFrom(0, 4, 0x81),
    properties: some({ sessionExpiryInterval: INT32, reasonString: TEXT, userProperties: USER_PROPERTIES }),
  });
  const pingreq = fc.constant({ cmd: "pingreq" as const });
  const common: fc.Arbitrary<Packet>[] = [PUBLISH, SUBSCRIBE, acks, unsubscribe, disconnect, pingreq];
  if (version !== 5) return fc.oneof(...common);
  const auth = fc
    .record({
      reasonCode: fc.constantFrom(0x18, 0x19),
      method: TEXT,
      properties: some({ authenticationData: BYTES, reasonString: TEXT, userProperties: USER_PROPERTIES }),
    })
    .map(({ reasonCode, method, properties }) => ({
      cmd: "auth" as const,
      reasonCode,
      properties: { ...properties, authenticationMethod: method },
    }));
  return fc.oneof(...common, auth);
}

const SESSION = VERSION.chain((version) =>
  fc.record({
    version: fc.constant(version),
    packets: fc
      .tuple(connectOf(version), fc.array(packetOf(version), { maxLength: 6 }))
      .map(([connect, packets]): Packet[] => [connect, ...packets]),
  }),
);

function encode(packets: readonly Packet[], version: ProtocolVersion): Buffer {
  return Buffer.concat(packets.map((packet) => mqttPacket.generate(packet, { protocolVersion: version })));
}

function userProperties(given: UserProperties | undefined): UserProperty[] {
  return Object.entries(given ?? {}).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value]).map((one): UserProperty => [name, one]),
  );
}

/** The given properties as one of our property objects, whose members are always there. */
function properties(names: readonly string[], given: object | undefined): Record<string, unknown> {
  const all = new Map<string, unknown>(Object.entries(given ?? {}));
  const result: Record<string, unknown> = {};
  for (const name of names) result[name] = all.get(name);
  if (names.includes("userProperties")) {
    const value: UserProperties = Object.fromEntries(Object.entries(all.get("userProperties") ?? {}));
    const list = userProperties(value);
    result.userProperties = list.length === 0 ? undefined : list;
  }
  return result;
}

const CONNECT_NAMES = [
  "sessionExpiryInterval",
  "receiveMaximum",
  "maximumPacketSize",
  "topicAliasMaximum",
  "requestResponseInformation",
  "requestProblemInformation",
  "userProperties",
  "authenticationMethod",
  "authenticationData",
];
const WILL_NAMES = [
  "willDelayInterval",
  "payloadFormatIndicator",
  "messageExpiryInterval",
  "contentType",
  "responseTopic",
  "correlationData",
  "userProperties",
];

/** Wire bytes of properties without the leading length, as mqtt-packet writes them into a PUBLISH. */
function propertyBytes(given: object): Buffer {
  const whole = mqttPacket.generate(
    { cmd: "publish", topic: "t", payload: "", qos: 0, dup: false, retain: false, properties: given },
    { protocolVersion: 5 },
  );
  let at = 1;
  while ((whole[at] ?? 0) >= 0x80) at++;
  at += 1 + 3;
  while ((whole[at] ?? 0) >= 0x80) at++;
  return whole.subarray(at + 1);
}

/** The end-to-end part of a property object, in its order. */
function endToEnd(given: object | undefined): Buffer {
  const kept = Object.entries(given ?? {}).filter(
    ([name]) => !["messageExpiryInterval", "topicAlias", "willDelayInterval"].includes(name),
  );
  return propertyBytes(Object.fromEntries(kept));
}

/** What our decoder should make of a packet that mqtt-packet wrote. */
function expected(packet: Packet, version: ProtocolVersion): unknown {
  const five = version === 5;
  switch (packet.cmd) {
    case "connect": {
      const { will } = packet;
      return {
        kind: "connect",
        version,
        level: version,
        bridge: false,
        clean: packet.clean,
        keepAlive: packet.keepalive,
        clientId: packet.clientId,
        username: packet.username,
        password: packet.password,
        will:
          will === undefined
            ? undefined
            : {
                topic: will.topic,
                payload: will.payload,
                qos: will.qos,
                retain: will.retain,
                delayInterval: five ? (will.properties?.willDelayInterval ?? 0) : 0,
                expiryInterval: five ? (will.properties?.messageExpiryInterval ?? -1) : -1,
                endToEndProperties: five ? endToEnd(will.properties) : Buffer.alloc(0),
                properties: five ? properties(WILL_NAMES, will.properties) : {},
              },
        properties: five ? properties(CONNECT_NAMES, packet.properties) : {},
      };
    }
    case "publish":
      return {
        kind: "publish",
        topic: packet.topic,
        qos: packet.qos,
        retain: packet.retain,
        duplicate: packet.dup,
        packetId: packet.qos === 0 ? 0 : packet.messageId,
        payload: Buffer.from(packet.payload).toString("hex"),
        properties: five ? endToEnd(packet.properties).toString("hex") : "",
        expiryInterval: five ? (packet.properties?.messageExpiryInterval ?? -1) : -1,
        textPayload: five && packet.properties?.payloadFormatIndicator === true,
        topicAlias: five ? (packet.properties?.topicAlias ?? 0) : 0,
      };
    case "subscribe":
      return {
        kind: "subscribe",
        packetId: packet.messageId,
        subscriptions: packet.subscriptions.map((one) => {
          const filter = parseTopicFilter(one.topic);
          assert.ok(typeof filter !== "string");
          return {
            filter: one.topic,
            group: filter.group,
            topicFilter: filter.topicFilter,
            depth: filter.depth,
            qos: one.qos,
            noLocal: five && one.nl,
            retainAsPublished: five && one.rap,
            retainHandling: five ? one.rh : 0,
          };
        }),
        identifier: five ? (packet.properties?.subscriptionIdentifier ?? 0) : 0,
        userProperties: five ? userProperties(packet.properties?.userProperties) : [],
      };
    case "unsubscribe":
      return {
        kind: "unsubscribe",
        packetId: packet.messageId,
        filters: packet.unsubscriptions,
        userProperties: five ? userProperties(packet.properties?.userProperties) : [],
      };
    case "pingreq":
      return { kind: "pingreq" };
    case "disconnect": {
      const names = ["sessionExpiryInterval", "reasonString", "userProperties"];
      return {
        kind: "disconnect",
        reasonCode: five ? packet.reasonCode : 0,
        properties: properties(names, five ? packet.properties : {}),
      };
    }
    case "auth": {
      const names = ["authenticationMethod", "authenticationData", "reasonString", "userProperties"];
      return {
        kind: "auth",
        reasonCode: packet.reasonCode,
        properties: properties(names, packet.properties),
      };
    }
    case "puback":
    case "pubrec":
    case "pubrel":
    case "pubcomp":
      return { kind: packet.cmd, packetId: packet.messageId, reasonCode: five ? packet.reasonCode : 0 };
    default:
      return assert.fail(`${packet.cmd} is not sent by clients`);
  }
}

/** Decodes `stream` as it comes in pieces that end at `cuts`, from a buffer that is overwritten after each. */
function decodeInPieces(stream: Buffer, cuts: readonly number[]): Recorder {
  const recorder = new Recorder(0);
  let rest = Buffer.alloc(0);
  let from = 0;
  for (const cut of [...cuts, stream.length]) {
    if (recorder.refusal !== null) break;
    const chunk = Buffer.concat([Buffer.from([0xff]), rest, stream.subarray(from, cut), Buffer.from([0xff])]);
    from = cut;
    const consumed = decodeFrames(recorder, chunk, 1, chunk.length - 1);
    assert.ok(consumed >= 1 && consumed <= chunk.length - 1);
    rest = Buffer.from(chunk.subarray(consumed, chunk.length - 1));
    chunk.fill(0xee);
  }
  return recorder;
}

test("what mqtt-packet writes comes out of our decoder, all types and versions", () => {
  fc.assert(
    fc.property(SESSION, ({ version, packets }) => {
      const recorder = decodeInPieces(encode(packets, version), []);
      assert.equal(recorder.refusal, null);
      assert.deepEqual(
        recorder.packets,
        packets.map((packet) => expected(packet, version)),
      );
    }),
    { numRuns: RUNS },
  );
});

test("the same packets come out wherever a stream is cut", () => {
  fc.assert(
    fc.property(SESSION, ({ version, packets }) => {
      const stream = encode(packets, version);
      const whole = decodeInPieces(stream, []);
      for (let cut = 0; cut <= stream.length; cut++) {
        assert.deepEqual(decodeInPieces(stream, [cut]).packets, whole.packets, `cut at ${cut}`);
      }
      const bytewise = Array.from({ length: stream.length }, (_, index) => index);
      assert.deepEqual(decodeInPieces(stream, bytewise).packets, whole.packets);
    }),
    { numRuns: Math.ceil(RUNS / 20) },
  );
});

const MUTATION = fc.record({
  at: fc.nat(),
  how: fc.constantFrom("set", "insert", "delete"),
  value: fc.nat({ max: 255 }),
});

test("bytes that were tampered with never throw, and are judged alike in one piece and byte by byte", () => {
  fc.assert(
    fc.property(
      SESSION,
      fc.array(MUTATION, { minLength: 1, maxLength: 3 }),
      ({ version, packets }, mutations) => {
        const list = [...encode(packets, version)];
        for (const { at, how, value } of mutations) {
          list.splice(at % list.length, how === "insert" ? 0 : 1, ...(how === "delete" ? [] : [value]));
        }
        const stream = Buffer.from(list);
        const whole = decodeInPieces(stream, []);
        const pieces = decodeInPieces(
          stream,
          list.map((_, index) => index),
        );
        assert.deepEqual(pieces.packets, whole.packets);
        assert.deepEqual(pieces.refusal, whole.refusal);
        assert.doesNotMatch(
          whole.refusal?.text ?? "",
          / is malformed$/,
          "mqtt-packet takes what the walker takes",
        );
      },
    ),
    { numRuns: RUNS * 10 },
  );
});
