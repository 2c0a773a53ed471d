import assert from "node:assert/strict";
import { test } from "node:test";
import { Recorder, type Refusal } from "./frame-decoder.fixture.ts";
import { decodeFrames, MAXIMUM_CONNECT_FRAME, MAXIMUM_CONTROL_FRAME } from "./frame-decoder.ts";
import { frameLength } from "./frame-header.ts";
import type { ProtocolVersion } from "./packet.ts";
import { ReasonCode } from "./reason-code.ts";
import { MAXIMUM_FILTERS, MAXIMUM_USER_PROPERTIES } from "./strict-walker.ts";

const {
  MalformedPacket,
  PacketTooLarge,
  ProtocolError,
  QuotaExceeded,
  TopicAliasInvalid,
  TopicFilterInvalid,
  TopicNameInvalid,
  UnsupportedProtocolVersion,
} = ReasonCode;

/** Bytes in hexadecimal, text between quotes: `0004 'MQTT' 04`. */
function bytes(written: string): Buffer {
  const parts = written.match(/'[^']*'|[0-9a-f]+/g) ?? [];
  return Buffer.concat(
    parts.map((part) => (part.startsWith("'") ? Buffer.from(part.slice(1, -1)) : Buffer.from(part, "hex"))),
  );
}

/** A packet of a first byte and a body whose length is put between them. */
function packet(first: number, body: string | Buffer): Buffer {
  const content = typeof body === "string" ? bytes(body) : body;
  assert.ok(content.length < 128 * 128);
  const length =
    content.length < 128 ? [content.length] : [(content.length & 127) | 128, content.length >> 7];
  return Buffer.concat([Buffer.from([first, ...length]), content]);
}

function decode(version: 0 | ProtocolVersion, input: Buffer): Recorder {
  const recorder = new Recorder(version);
  const consumed = decodeFrames(recorder, input, 0, input.length);
  if (recorder.refusal === null) assert.equal(consumed, input.length, "whole input");
  return recorder;
}

function accept(version: 0 | ProtocolVersion, input: Buffer): Recorder["packets"][number] {
  const recorder = decode(version, input);
  assert.equal(recorder.refusal, null, input.toString("hex"));
  const [first] = recorder.packets;
  assert.ok(first !== undefined && recorder.packets.length === 1, "one packet");
  return first;
}

function refuse(version: 0 | ProtocolVersion, input: Buffer, reasonCode: number, text?: RegExp): Refusal {
  const recorder = decode(version, input);
  assert.deepEqual(recorder.packets, [], `no packet of ${input.toString("hex")}`);
  assert.ok(recorder.refusal !== null, `${input.toString("hex")} is refused`);
  assert.equal(recorder.refusal.reasonCode, reasonCode, recorder.refusal.text);
  if (text !== undefined) assert.match(recorder.refusal.text, text);
  return recorder.refusal;
}

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

const C4 = "0004 'MQTT' 04";
const C5 = "0004 'MQTT' 05";

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

test("before CONNECT nothing else is taken, and that is said from the first byte on", () => {
  for (const first of [0x30, 0x82, 0xc0, 0xe0, 0x20, 0xf0, 0x47]) {
    assert.equal(refuse(0, Buffer.from([first]), ProtocolError).connectVersion, 0);
  }
  refuse(0, Buffer.from([0x12]), MalformedPacket);
  const large = new Recorder(0);
  const header = Buffer.from([0x10, 0x81, 0x80, 0x20]);
  assert.equal(frameLength(header, 0, 4), MAXIMUM_CONNECT_FRAME + 1 + 4);
  decodeFrames(large, header, 0, 4);
  assert.equal(large.refusal?.reasonCode, PacketTooLarge);
  const fits = new Recorder(0);
  assert.equal(decodeFrames(fits, Buffer.from([0x10, 0x80, 0x80, 0x20]), 0, 4), 0);
  assert.equal(fits.refusal, null);
});

test("a second CONNECT and what only servers send are protocol errors", () => {
  refuse(4, packet(0x10, `${C4} 02 0000 0001 'a'`), ProtocolError, /second CONNECT/);
  for (const first of [0x20, 0x90, 0xb0, 0xd0])
    refuse(5, Buffer.from([first]), ProtocolError, /servers only/);
});

test("reserved types and flags", () => {
  refuse(5, Buffer.from([0x00, 0x00]), MalformedPacket);
  refuse(4, Buffer.from([0xf0, 0x00]), MalformedPacket, /does not exist/);
  for (const first of [0x41, 0x52, 0x60, 0x63, 0x74, 0x80, 0x83, 0xa0, 0xc8, 0xe1]) {
    refuse(4, Buffer.from([first, 2, 0, 1]), MalformedPacket, /flags/);
    refuse(4, Buffer.from([first]), MalformedPacket, /flags/);
  }
  assert.equal(accept(3, packet(0x6a, "0001")).kind, "pubrel");
  assert.equal(accept(3, packet(0x8a, "0001 0001 'a' 00")).kind, "subscribe");
  refuse(4, packet(0x6a, "0001"), MalformedPacket);
  refuse(4, packet(0x8a, "0001 0001 'a' 00"), MalformedPacket);
});

test("ill-formed PUBLISHes", () => {
  const cases: [0 | ProtocolVersion, number, string, number, RegExp][] = [
    [4, 0x36, "0001 'a' 0001", MalformedPacket, /QoS 3/],
    [4, 0x38, "0001 'a'", MalformedPacket, /DUP/],
    [4, 0x32, "0001 'a' 0000", ProtocolError, /identifier 0/],
    [4, 0x32, "0001 'a' 00", MalformedPacket, /ends within/],
    [4, 0x30, "0002 'a'", MalformedPacket, /ends within/],
    [4, 0x30, "00", MalformedPacket, /ends within/],
    [4, 0x30, "", MalformedPacket, /ends within/],
    [4, 0x30, "0000", ProtocolError, /empty/],
    [4, 0x30, "0001 '#'", TopicNameInvalid, /wildcard/],
    [4, 0x30, "0003 'a/+'", TopicNameInvalid, /wildcard/],
    [4, 0x30, "0001 00", MalformedPacket, /encoding/],
    [4, 0x30, "000b '//////////a'", TopicNameInvalid, /depth/],
    [5, 0x30, "0001 'a'", MalformedPacket, /property length/],
    [5, 0x30, "0000 00", ProtocolError, /empty/],
    [5, 0x30, "0001 'a' 01", MalformedPacket, /beyond the packet/],
    [5, 0x30, "0001 'a' 8000", MalformedPacket, /overlong/],
    [5, 0x30, "0001 'a' ffffffff7f", MalformedPacket, /property length/],
    [5, 0x30, "0001 'a' 03 23 0000", TopicAliasInvalid, /alias 0/],
    [5, 0x30, "0001 'a' 06 23 0001 23 0001", ProtocolError, /twice/],
    [5, 0x30, "0001 'a' 02 01 02", ProtocolError, /payload format/],
    [5, 0x30, "0001 'a' 02 0b 01", ProtocolError, /subscription identifier/],
    [5, 0x30, "0001 'a' 05 11 00000001", MalformedPacket, /does not belong/],
    [5, 0x30, "0001 'a' 04 02 000000", MalformedPacket, /beyond the property/],
    [5, 0x30, "0001 'a' 04 08 0001 '#'", ProtocolError, /wildcard/],
    [5, 0x30, "0001 'a' 04 03 0001 ff", MalformedPacket, /UTF-8/],
    [5, 0x30, "0001 'a' 04 26 0001 'n' 0001 'v'", MalformedPacket, /beyond the property/],
    [5, 0x30, "0001 'a' 01 01 00", MalformedPacket, /beyond the property/],
  ];
  for (const [version, first, body, code, text] of cases) refuse(version, packet(first, body), code, text);
});

test("PUBLISH properties: alias and expiry are picked out, the rest is passed on in order", () => {
  const recorder = decode(
    5,
    Buffer.concat([
      packet(0x30, "0001 'a' 0f 01 01 23 0007 26 0001 'n' 0001 'v' 09 0000 'payload'"),
      packet(0x3d, "0001 'b' 0102 05 02 ffffffff 'p'"),
      packet(0x31, "0000 07 03 0001 't' 23 ffff"),
      packet(0x30, "0001 'c' 00"),
      packet(0x30, "0001 'c' 11 02 00000001 03 0001 't' 23 0001 01 00 09 0000"),
    ]),
  );
  assert.equal(recorder.refusal, null);
  const [first, second, third, fourth, fifth] = recorder.packets;
  const hex = (written: string) => bytes(written).toString("hex");
  const plain = {
    kind: "publish",
    qos: 0,
    retain: false,
    duplicate: false,
    packetId: 0,
    payload: "",
    properties: "",
    textPayload: false,
  };
  assert.deepEqual(first, {
    ...plain,
    topic: "a",
    payload: hex("'payload'"),
    properties: hex("01 01 26 0001 'n' 0001 'v' 09 0000"),
    expiryInterval: -1,
    textPayload: true,
    topicAlias: 7,
  });
  assert.deepEqual(second, {
    ...plain,
    topic: "b",
    qos: 2,
    retain: true,
    duplicate: true,
    packetId: 258,
    payload: hex("'p'"),
    expiryInterval: 0xffffffff,
    topicAlias: 0,
  });
  assert.deepEqual(third, {
    ...plain,
    topic: "",
    retain: true,
    properties: hex("03 0001 't'"),
    expiryInterval: -1,
    topicAlias: 65535,
  });
  assert.deepEqual(fourth, { ...plain, topic: "c", expiryInterval: -1, topicAlias: 0 });
  assert.deepEqual(fifth, {
    ...plain,
    topic: "c",
    properties: hex("03 0001 't' 01 00 09 0000"),
    expiryInterval: 1,
    topicAlias: 1,
  });
});

test("acknowledgements", () => {
  assert.deepEqual(accept(4, packet(0x40, "0102")), { kind: "puback", packetId: 258, reasonCode: 0 });
  assert.deepEqual(accept(5, packet(0x50, "0001 87")), { kind: "pubrec", packetId: 1, reasonCode: 0x87 });
  assert.deepEqual(accept(5, packet(0x62, "0001 92 00")), { kind: "pubrel", packetId: 1, reasonCode: 0x92 });
  assert.deepEqual(accept(5, packet(0x70, "0001 00 0b 1f 0001 'r' 26 0001 'n' 0001 'v'")), {
    kind: "pubcomp",
    packetId: 1,
    reasonCode: 0,
  });
  const cases: [ProtocolVersion, string, number][] = [
    [4, "0000", ProtocolError],
    [4, "00", MalformedPacket],
    [4, "", MalformedPacket],
    [4, "0001 00", MalformedPacket],
    [5, "0000", ProtocolError],
    [5, "0000 00", ProtocolError],
    [5, "0001 92", ProtocolError],
    [5, "0001 01", ProtocolError],
    [5, "0001 00 01", MalformedPacket],
    [5, "0001 00 00 00", MalformedPacket],
    [5, "0001 00 8000", MalformedPacket],
    [5, "0001 00 08 1f 0001 'r' 1f 0001 's'", ProtocolError],
    [5, "0001 00 03 21 0001", MalformedPacket],
    [5, "0001 00 04 1f 0001 ff", MalformedPacket],
    [5, "0001 00 04 1f 0002 'r'", MalformedPacket],
  ];
  for (const [version, body, code] of cases) refuse(version, packet(0x40, body), code);
  refuse(5, packet(0x62, "0001 87"), ProtocolError);
  refuse(5, packet(0x70, "0001 10"), ProtocolError);
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
    properties: { sessionExpiryInterval: undefined, reasonString: undefined, userProperties: [] },
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

test("a frame over the limit is refused from its header on", () => {
  const recorder = new Recorder(5);
  recorder.maximumFrame = 200;
  decodeFrames(recorder, Buffer.from([0x30, 0xc9, 0x01]), 0, 3);
  assert.equal(recorder.refusal?.reasonCode, PacketTooLarge);
  const fits = new Recorder(5);
  fits.maximumFrame = 200;
  assert.equal(decodeFrames(fits, Buffer.from([0x30, 0xc8, 0x01]), 0, 3), 0);
  assert.equal(fits.refusal, null);
});

test("only PUBLISH may be larger than other packets ever are", () => {
  // One byte more than MAXIMUM_CONTROL_FRAME.
  const length = [0x81, 0x80, 0x80, 0x04];
  for (const first of [0x30, 0x82]) {
    const recorder = new Recorder(5);
    recorder.maximumFrame = 2 * MAXIMUM_CONTROL_FRAME;
    assert.equal(frameLength(Buffer.from([first, ...length]), 0, 5), MAXIMUM_CONTROL_FRAME + 6);
    assert.equal(decodeFrames(recorder, Buffer.from([first, ...length]), 0, 5), 0);
    assert.equal(recorder.refusal?.reasonCode, first === 0x30 ? undefined : PacketTooLarge);
  }
});

test("remaining length of five bytes, overlong, and its size", () => {
  refuse(4, Buffer.from([0x30, 0xff, 0xff, 0xff, 0xff]), MalformedPacket, /five bytes/);
  assert.equal(accept(4, Buffer.from([0xc0, 0x80, 0x00])).kind, "pingreq");
  refuse(5, Buffer.from([0xc0, 0x80, 0x00]), MalformedPacket, /overlong/);
  assert.equal(frameLength(Buffer.from([0x30]), 0, 1), 0);
  assert.equal(frameLength(Buffer.from([0x30, 0x80]), 0, 2), 0);
  assert.equal(frameLength(Buffer.from([0x30, 0x7f]), 0, 2), 129);
  assert.equal(frameLength(Buffer.from([0, 0x30, 0xff, 0xff, 0xff, 0x7f]), 1, 6), 268_435_460);
  assert.equal(frameLength(Buffer.from([0x30, 0x80, 0x80, 0x80, 0x80]), 0, 5), -1);
});

test("the handler stops the decoder between packets", () => {
  const recorder = new Recorder(4);
  recorder.goOn = false;
  const two = Buffer.concat([packet(0x30, "0001 'a'"), packet(0x40, "0001"), Buffer.from([0xc0, 0])]);
  let at = 0;
  for (let count = 1; count <= 3; count++) {
    at = decodeFrames(recorder, two, at, two.length);
    assert.equal(recorder.packets.length, count);
  }
  assert.equal(at, two.length);
});
