import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeFrames, MAXIMUM_CONNECT_FRAME, MAXIMUM_CONTROL_FRAME } from "./frame-decoder.ts";
import { accept, bytes, decode, packet, Recorder, refuse } from "./frame-decoder-test-support.ts";
import { frameLength } from "./frame-header.ts";
import type { ProtocolVersion } from "./packet.ts";
import { ReasonCode } from "./reason-code.ts";

const { MalformedPacket, PacketTooLarge, ProtocolError, TopicAliasInvalid, TopicNameInvalid } = ReasonCode;

test("before CONNECT nothing else is taken, and that is said from the first byte on", () => {
  for (const first of [0x30, 0x82, 0xc0, 0xe0, 0x20, 0xf0, 0x47]) {
    assert.equal(refuse(0, Buffer.from([first]), ProtocolError).connectVersion, 0);
  }
  refuse(0, Buffer.from([0x12]), MalformedPacket);
  for (const [first, reason] of [
    [0x16, /^this looks like TLS; the port is one for MQTT without TLS$/],
    ["GET / HTTP/1.1", /^this looks like HTTP; the port is one for MQTT$/],
    ["PROXY TCP4", /^this is PUBREC before CONNECT, HTTP, or the PROXY protocol$/],
    ["\r\n\r\n\0", /^this looks like the PROXY protocol; proxy_protocol is off$/],
    [0x40, /^packet type 4 before CONNECT$/],
  ] as const) {
    refuse(0, typeof first === "string" ? Buffer.from(first) : Buffer.from([first]), ProtocolError, reason);
  }
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
  refuse(4, packet(0x10, "0004 'MQTT' 04 02 0000 0001 'a'"), ProtocolError, /second CONNECT/);
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

test("nothing of one PUBLISH is left over in the next, whatever their versions", () => {
  const five = new Recorder(5);
  const first = packet(0x3b, "0001 'a' 0001 11 02 00000005 01 01 23 0007 26 0001 'n' 0001 'v'");
  decodeFrames(five, first, 0, first.length);
  const [before] = five.packets;
  assert.ok(before?.kind === "publish" && before.expiryInterval === 5 && before.textPayload);
  for (const version of [5, 4] as const) {
    five.version = version;
    const next = packet(0x30, version === 5 ? "0001 'b' 00" : "0001 'b'");
    decodeFrames(five, next, 0, next.length);
    assert.deepEqual(five.packets.at(-1), {
      kind: "publish",
      topic: "b",
      qos: 0,
      retain: false,
      duplicate: false,
      packetId: 0,
      payload: "",
      properties: "",
      expiryInterval: -1,
      textPayload: false,
      topicAlias: 0,
    });
    decodeFrames(five, first, 0, version === 5 ? first.length : 0);
  }
});

test("end-to-end properties in pieces of any size", () => {
  for (const size of [10, 600, 6000]) {
    const piece = Buffer.concat([
      bytes("09"),
      Buffer.from([size >> 8, size & 255]),
      Buffer.alloc(size, size),
    ]);
    const text = Buffer.concat([bytes("03"), Buffer.from([size >> 8, size & 255]), Buffer.alloc(size, "t")]);
    const properties = Buffer.concat([piece, bytes("23 0001"), text, bytes("02 00000001 01 00")]);
    const length = Buffer.from([(properties.length & 127) | 128, properties.length >> 7]);
    const header = properties.length < 128 ? Buffer.from([properties.length]) : length;
    const publish = accept(
      5,
      packet(0x30, Buffer.concat([bytes("0001 'a'"), header, properties, bytes("'pp'")])),
    );
    assert.ok(publish.kind === "publish");
    assert.equal(publish.properties, Buffer.concat([piece, text, bytes("01 00")]).toString("hex"));
    assert.equal(publish.payload, "7070");
  }
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
    [5, "0001 00 00 1f 0001 'r'", MalformedPacket],
    [5, "0001 00 04 1f 0001 ff", MalformedPacket],
    [5, "0001 00 04 1f 0002 'r'", MalformedPacket],
  ];
  for (const [version, body, code] of cases) refuse(version, packet(0x40, body), code);
  refuse(5, packet(0x62, "0001 87"), ProtocolError);
  refuse(5, packet(0x70, "0001 10"), ProtocolError);
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
  refuse(4, Buffer.from([0x30, 0x80, 0x80, 0x80, 0x80, 0x00]), MalformedPacket, /five bytes/);
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
