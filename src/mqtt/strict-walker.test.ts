import assert from "node:assert/strict";
import { test } from "node:test";
import { accept, bytes, packet, refuse } from "./frame-decoder-test-support.ts";
import type { ProtocolVersion } from "./packet.ts";
import { ReasonCode } from "./reason-code.ts";
import { MAXIMUM_FILTERS, MAXIMUM_USER_PROPERTIES } from "./strict-walker.ts";

const {
  MalformedPacket,
  ProtocolError,
  QuotaExceeded,
  TopicFilterInvalid,
  TopicNameInvalid,
  UnsupportedProtocolVersion,
} = ReasonCode;

const C4 = "0004 'MQTT' 04";
const C5 = "0004 'MQTT' 05";

test("CONNECT of MQTT 3.1, 3.1.1, the bridge levels and 5", () => {
  assert.deepEqual(accept(0, packet(0x10, "0006 'MQIsdp' 03 02 003c 0005 'c1234'")), {
    kind: "connect",
    version: 3,
    level: 3,
    bridge: false,
    clean: true,
    keepAlive: 60,
    clientId: "c1234",
    username: undefined,
    password: undefined,
    will: undefined,
    properties: {},
  });
  for (const [written, version, level] of [
    ["0006 'MQIsdp' 83 00 0000 0001 'b'", 3, 131],
    ["0004 'MQTT' 84 00 0000 0001 'b'", 4, 132],
  ] as const) {
    const bridge = accept(0, packet(0x10, written));
    assert.ok(bridge.kind === "connect");
    assert.deepEqual(
      [bridge.version, bridge.level, bridge.bridge, bridge.clean],
      [version, level, true, false],
    );
  }
  const five = accept(
    0,
    packet(
      0x10,
      "0004 'MQTT' 05 f6 000a 0a 11 00000064 21 0014 17 00 0002 'id'" +
        "15 26 0001 'k' 0001 'v' 18 00000005 01 01 26 0001 'k' 0001 'u'" +
        "0003 'w/t' 0003 'bye' 0004 'user' 0003 00ff01",
    ),
  );
  assert.ok(five.kind === "connect");
  assert.deepEqual(five.password, bytes("00ff01"));
  assert.equal(five.username, "user");
  assert.equal(five.properties.sessionExpiryInterval, 100);
  assert.equal(five.properties.receiveMaximum, 20);
  assert.equal(five.properties.requestProblemInformation, false);
  assert.deepEqual(five.will, {
    topic: "w/t",
    payload: Buffer.from("bye"),
    qos: 2,
    retain: true,
    delayInterval: 5,
    expiryInterval: -1,
    endToEndProperties: bytes("26 0001 'k' 0001 'v' 01 01 26 0001 'k' 0001 'u'"),
    properties: {
      willDelayInterval: 5,
      payloadFormatIndicator: true,
      messageExpiryInterval: undefined,
      contentType: undefined,
      responseTopic: undefined,
      correlationData: undefined,
      userProperties: [
        ["k", "v"],
        ["k", "u"],
      ],
    },
  });
});

test("a protocol level that nobody speaks can be answered in its terms", () => {
  assert.equal(
    refuse(0, packet(0x10, "0004 'MQTT' 06 02 0000 0000"), UnsupportedProtocolVersion).connectVersion,
    5,
  );
  assert.equal(
    refuse(0, packet(0x10, "0004 'MQTT' 03 02 0000 0000"), UnsupportedProtocolVersion).connectVersion,
    4,
  );
  assert.equal(
    refuse(0, packet(0x10, "0004 'MQTT' 85 02 0000 0000"), UnsupportedProtocolVersion).connectVersion,
    4,
  );
  assert.equal(refuse(0, packet(0x10, "0006 'MQIsdp' 04 02"), UnsupportedProtocolVersion).connectVersion, 4);
  assert.equal(refuse(0, packet(0x10, "0004 'HTTP' 04 02"), UnsupportedProtocolVersion).connectVersion, 0);
});

test("ill-formed CONNECTs", () => {
  const cases: [string, number, RegExp][] = [
    [`${C4} 03 0000 0000`, MalformedPacket, /reserved connect flag/],
    [`${C4} 1e 0000 0000 0001 't' 0000`, MalformedPacket, /will QoS 3/],
    [`${C4} 0a 0000 0000`, MalformedPacket, /without will/],
    [`${C4} 22 0000 0000`, MalformedPacket, /without will/],
    [`${C4} 42 0000 0000 0000`, MalformedPacket, /password without user name/],
    [`${C4} 02 0000 0001 00`, MalformedPacket, /UTF-8/],
    [`${C4} 02 0000 0003 eda080`, MalformedPacket, /UTF-8/],
    [`${C4} 02 0000 0002 'a'`, MalformedPacket, /ends within client identifier/],
    [`${C4} 02 0000 0001 'a' 00`, MalformedPacket, /1 bytes too many/],
    [`${C4} 82 0000 0001 'a'`, MalformedPacket, /ends within user name/],
    [`${C4} 06 0000 0001 'a' 0000 0000`, TopicNameInvalid, /will topic \(empty/],
    [`${C4} 06 0000 0001 'a' 0003 'a/#' 0000`, TopicNameInvalid, /will topic \(wildcard/],
    [`${C5} 02 0000 03 21 0000 0000`, ProtocolError, /receiveMaximum is 0/],
    [`${C5} 02 0000 05 27 00000000 0000`, ProtocolError, /maximumPacketSize is 0/],
    [`${C5} 02 0000 02 17 02 0000`, ProtocolError, /neither 0 nor 1/],
    [`${C5} 02 0000 04 17 01 17 01 0000`, ProtocolError, /twice/],
    [`${C5} 02 0000 04 16 0001 00 0000`, ProtocolError, /without authentication method/],
    [`${C5} 02 0000 02 7f 00 0000`, MalformedPacket, /unknown property/],
    [`${C5} 02 0000 03 23 0001 0000`, MalformedPacket, /unknown property/],
    [`${C5} 02 0000 03 13 0001 0000`, MalformedPacket, /does not belong/],
    [`${C5} 02 0000 02 21 0001 0000`, MalformedPacket, /beyond the property length/],
    [`${C5} 02 0000 7f 21 0001 0000`, MalformedPacket, /beyond the packet/],
    [`${C5} 02 0000 8000 0000`, MalformedPacket, /variable byte integer/],
    [`${C5} 06 0000 00 0000 04 08 0001 '+' 0001 't' 0000`, ProtocolError, /wildcard/],
  ];
  for (const [body, code, text] of cases) {
    const { connectVersion } = refuse(0, packet(0x10, body), code, text);
    assert.equal(connectVersion, body.startsWith(C5) ? 5 : 4);
  }
});

test("what older and newer versions allow in CONNECT", () => {
  const missing = accept(0, packet(0x10, "0006 'MQIsdp' 03 c2 0000 0001 'a'"));
  assert.ok(missing.kind === "connect" && missing.username === undefined && missing.password === undefined);
  const passwordOnly = accept(0, packet(0x10, `${C5} 42 0000 00 0001 'a' 0002 'pw'`));
  assert.ok(passwordOnly.kind === "connect" && passwordOnly.username === undefined);
  assert.deepEqual(passwordOnly.password, Buffer.from("pw"));
});

test("SUBSCRIBE and UNSUBSCRIBE", () => {
  assert.deepEqual(accept(5, packet(0x82, "0009 03 0b ff01 0005 'a/+/#' 2d 000a '$share/g/a' 02")), {
    kind: "subscribe",
    packetId: 9,
    subscriptions: [
      {
        filter: "a/+/#",
        group: undefined,
        topicFilter: "a/+/#",
        depth: 3,
        qos: 1,
        noLocal: true,
        retainAsPublished: true,
        retainHandling: 2,
      },
      {
        filter: "$share/g/a",
        group: "g",
        topicFilter: "a",
        depth: 3,
        qos: 2,
        noLocal: false,
        retainAsPublished: false,
        retainHandling: 0,
      },
    ],
    identifier: 255,
    userProperties: [],
  });
  assert.deepEqual(accept(4, packet(0xa2, "0009 0001 'a' 0001 '#'")), {
    kind: "unsubscribe",
    packetId: 9,
    filters: ["a", "#"],
    userProperties: [],
  });
  const cases: [ProtocolVersion, string, number][] = [
    [4, "0001", ProtocolError],
    [4, "0000 0001 'a' 00", ProtocolError],
    [4, "0001 0001 'a'", MalformedPacket],
    [4, "0001 0001 'a' 04", MalformedPacket],
    [4, "0001 0000 00", MalformedPacket],
    [4, "0001 0002 'a#' 00", TopicFilterInvalid],
    [4, "0001 0008 '$share/g' 00", MalformedPacket],
    [5, "0001 00", ProtocolError],
    [5, "0001 00 0001 'a' 03", ProtocolError],
    [5, "0001 00 0001 'a' 30", ProtocolError],
    [5, "0001 00 0001 'a' 40", MalformedPacket],
    [5, "0001 00 000a '$share/g/a' 04", ProtocolError],
    [5, "0001 02 0b 00 0001 'a' 00", ProtocolError],
    [5, "0001 04 0b 01 0b 02 0001 'a' 00", ProtocolError],
    [5, "0001 04 1f 0001 'r' 0001 'a' 00", MalformedPacket],
  ];
  for (const [version, body, code] of cases) refuse(version, packet(0x82, body), code);
  refuse(4, packet(0xa2, "0001"), ProtocolError);
  refuse(4, packet(0xa2, "0001 0003 'a/#' 00"), MalformedPacket);
});

test("PINGREQ, DISCONNECT and AUTH", () => {
  assert.deepEqual(accept(3, Buffer.from([0xc0, 0])), { kind: "pingreq" });
  refuse(4, packet(0xc0, "00"), MalformedPacket);
  assert.deepEqual(accept(4, Buffer.from([0xe0, 0])), {
    kind: "disconnect",
    reasonCode: 0,
    properties: { sessionExpiryInterval: undefined, reasonString: undefined, userProperties: undefined },
  });
  refuse(4, packet(0xe0, "00"), MalformedPacket);
  for (const body of ["04", "04 00", "04 05 11 00000001"]) {
    const disconnect = accept(5, packet(0xe0, body));
    assert.ok(disconnect.kind === "disconnect" && disconnect.reasonCode === 4);
    assert.equal(disconnect.properties.sessionExpiryInterval, body.length > 5 ? 1 : undefined);
  }
  refuse(5, packet(0xe0, "8e"), ProtocolError);
  refuse(5, packet(0xe0, "00 04 1c 0001 's'"), MalformedPacket);
  const auth = accept(5, packet(0xf0, "18 08 15 0001 'm' 16 0001 00"));
  assert.ok(auth.kind === "auth" && auth.properties.authenticationMethod === "m");
  assert.deepEqual(auth.properties.authenticationData, Buffer.from([0]));
  for (const body of ["", "00", "18", "18 00", "18 04 16 0001 00", "01 04 15 0001 'm'"]) {
    refuse(5, packet(0xf0, body), ProtocolError);
  }
});

test("the number of user properties of a control packet is limited", () => {
  const subscribe = (count: number) => {
    const properties = Buffer.concat(Array.from({ length: count }, () => bytes("26 0000 0001 'v'")));
    const length = Buffer.from([(properties.length & 127) | 128, properties.length >> 7]);
    return packet(0x82, Buffer.concat([bytes("0001"), length, properties, bytes("0001 'a' 00")]));
  };
  const most = accept(5, subscribe(MAXIMUM_USER_PROPERTIES));
  assert.ok(most.kind === "subscribe" && most.userProperties.length === MAXIMUM_USER_PROPERTIES);
  refuse(5, subscribe(MAXIMUM_USER_PROPERTIES + 1), QuotaExceeded);
});

test("the number of topic filters of a packet is limited", () => {
  const unsubscribe = (count: number) => {
    const body = Buffer.concat([bytes("0001"), Buffer.alloc(count * 3, bytes("0001 'a'"))]);
    return Buffer.concat([
      Buffer.from([0xa2, (body.length & 127) | 128, ((body.length >> 7) & 127) | 128, body.length >> 14]),
      body,
    ]);
  };
  const most = accept(4, unsubscribe(MAXIMUM_FILTERS));
  assert.ok(most.kind === "unsubscribe" && most.filters.length === MAXIMUM_FILTERS);
  refuse(4, unsubscribe(MAXIMUM_FILTERS + 1), QuotaExceeded);
});

test("user properties keep order and odd names", () => {
  const connect = accept(
    0,
    packet(
      0x10,
      `${C5} 02 0000 23 26 0009 '__proto__' 0001 'x' 26 0001 'b' 0000 26 0009 '__proto__' 0000 0001 'a'`,
    ),
  );
  assert.ok(connect.kind === "connect");
  assert.deepEqual(connect.properties.userProperties, [
    ["__proto__", "x"],
    ["b", ""],
    ["__proto__", ""],
  ]);
});
