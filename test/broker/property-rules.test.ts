/** Every property of MQTT 5 in every packet of a client: where it may stand, how often and with which values (2.2.2.2). */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { integer, prefixed, variableInteger } from "../support/properties.ts";
import type { RawClient } from "../support/raw-client.ts";
import { BrokerUnderTest, oursOnly } from "../support/suite.ts";
import { frame } from "../support/wire.ts";

const ACKNOWLEDGEMENTS = ["PUBACK", "PUBREC", "PUBREL", "PUBCOMP"] as const;
type Kind =
  | "CONNECT"
  | "will"
  | "PUBLISH"
  | (typeof ACKNOWLEDGEMENTS)[number]
  | "SUBSCRIBE"
  | "UNSUBSCRIBE"
  | "DISCONNECT"
  | "AUTH";
const KINDS: readonly Kind[] = [
  "CONNECT",
  "will",
  "PUBLISH",
  ...ACKNOWLEDGEMENTS,
  "SUBSCRIBE",
  "UNSUBSCRIBE",
  "DISCONNECT",
  "AUTH",
];

const byte = (id: number, value: number): Buffer => Buffer.from([id, value]);
const two = (id: number, value: number): Buffer => Buffer.concat([Buffer.from([id]), integer(value, 2)]);
const four = (id: number, value: number): Buffer => Buffer.concat([Buffer.from([id]), integer(value, 4)]);
const text = (id: number, ...values: (string | Uint8Array)[]): Buffer =>
  Buffer.concat([Buffer.from([id]), ...values.map(prefixed)]);

interface Property {
  readonly name: string;
  readonly bytes: Buffer;
  /** The packets of a client that may have it (table 2-4). */
  readonly kinds: readonly Kind[];
}

const WILL: readonly Kind[] = ["will", "PUBLISH"];
const REASON: readonly Kind[] = [...ACKNOWLEDGEMENTS, "DISCONNECT", "AUTH"];
const properties: readonly Property[] = [
  { name: "Payload Format Indicator", bytes: byte(0x01, 1), kinds: WILL },
  { name: "Message Expiry Interval", bytes: four(0x02, 60), kinds: WILL },
  { name: "Content Type", bytes: text(0x03, "a"), kinds: WILL },
  { name: "Response Topic", bytes: text(0x08, "a"), kinds: WILL },
  { name: "Correlation Data", bytes: text(0x09, "a"), kinds: WILL },
  { name: "Subscription Identifier", bytes: byte(0x0b, 1), kinds: ["SUBSCRIBE"] },
  { name: "Session Expiry Interval", bytes: four(0x11, 60), kinds: ["CONNECT", "DISCONNECT"] },
  { name: "Assigned Client Identifier", bytes: text(0x12, "a"), kinds: [] },
  { name: "Server Keep Alive", bytes: two(0x13, 60), kinds: [] },
  { name: "Authentication Method", bytes: text(0x15, "a"), kinds: ["CONNECT", "AUTH"] },
  { name: "Authentication Data", bytes: text(0x16, "a"), kinds: ["CONNECT", "AUTH"] },
  { name: "Request Problem Information", bytes: byte(0x17, 1), kinds: ["CONNECT"] },
  { name: "Will Delay Interval", bytes: four(0x18, 1), kinds: ["will"] },
  { name: "Request Response Information", bytes: byte(0x19, 1), kinds: ["CONNECT"] },
  { name: "Response Information", bytes: text(0x1a, "a"), kinds: [] },
  { name: "Server Reference", bytes: text(0x1c, "a"), kinds: [] },
  { name: "Reason String", bytes: text(0x1f, "a"), kinds: REASON },
  { name: "Receive Maximum", bytes: two(0x21, 10), kinds: ["CONNECT"] },
  { name: "Topic Alias Maximum", bytes: two(0x22, 10), kinds: ["CONNECT"] },
  { name: "Topic Alias", bytes: two(0x23, 1), kinds: ["PUBLISH"] },
  { name: "Maximum QoS", bytes: byte(0x24, 1), kinds: [] },
  { name: "Retain Available", bytes: byte(0x25, 1), kinds: [] },
  {
    name: "User Property",
    bytes: text(0x26, "a", "b"),
    kinds: KINDS,
  },
  { name: "Maximum Packet Size", bytes: four(0x27, 1000), kinds: ["CONNECT"] },
  { name: "Wildcard Subscription Available", bytes: byte(0x28, 1), kinds: [] },
  { name: "Subscription Identifiers Available", bytes: byte(0x29, 1), kinds: [] },
  { name: "Shared Subscription Available", bytes: byte(0x2a, 1), kinds: [] },
];
const METHOD = text(0x15, "none");

function connectFrame(clientId: string, block: Buffer, will?: Buffer): Buffer {
  return frame(
    0x10,
    Buffer.concat([
      prefixed("MQTT"),
      Buffer.from([5, will === undefined ? 2 : 6, 0, 0]),
      variableInteger(block.length),
      block,
      prefixed(clientId),
      ...(will === undefined ? [] : [variableInteger(will.length), will, prefixed("w"), prefixed("x")]),
    ]),
  );
}

/** A packet with this property block. */
function withBlock(kind: Kind, clientId: string, block: Buffer): Buffer {
  const properties = Buffer.concat([variableInteger(block.length), block]);
  const packet = (first: number, ...parts: Uint8Array[]): Buffer => frame(first, Buffer.concat(parts));
  const acknowledgement = Buffer.from([0x03, 0xe7, 0]);
  switch (kind) {
    case "CONNECT":
      return connectFrame(clientId, block);
    case "will":
      return connectFrame(clientId, Buffer.alloc(0), block);
    case "PUBLISH":
      return packet(0x30, prefixed("a"), properties);
    case "PUBACK":
      return packet(0x40, acknowledgement, properties);
    case "PUBREC":
      return packet(0x50, acknowledgement, properties);
    case "PUBREL":
      return packet(0x62, acknowledgement, properties);
    case "PUBCOMP":
      return packet(0x70, acknowledgement, properties);
    case "SUBSCRIBE":
      return packet(0x82, integer(9, 2), properties, prefixed("a"), Buffer.from([0]));
    case "UNSUBSCRIBE":
      return packet(0xa2, integer(9, 2), properties, prefixed("a"));
    case "DISCONNECT":
      return packet(0xe0, Buffer.from([0]), properties);
    case "AUTH":
      return packet(0xf0, Buffer.from([0x19]), properties);
  }
}

describe("the properties of each packet", { skip: oursOnly }, () => {
  const suite = new BrokerUnderTest({ configuration: { topic_alias_max_client: 5 } });

  /** What comes of a packet with this block: 0, or the code of the CONNACK or DISCONNECT that ends the connection. */
  async function outcome(kind: Kind, block: Buffer): Promise<number> {
    const clientId = suite.name("c");
    let client: RawClient;
    if (kind === "CONNECT" || kind === "will") {
      client = await suite.open(5);
      client.send(withBlock(kind, clientId, block));
    } else {
      client = await suite.connect({ version: 5, clientId, properties: { sessionExpiryInterval: 30 } });
      client.send(withBlock(kind, clientId, block));
      if (kind !== "DISCONNECT") client.send({ cmd: "pingreq" });
    }
    for (;;) {
      const packet = await client.next();
      if (packet === undefined) {
        assert.equal(kind, "DISCONNECT");
        return 0;
      }
      if (packet.cmd === "connack" || packet.cmd === "disconnect") {
        if (packet.code >= 0x80) await client.expectClosed();
        client.destroy();
        return packet.code;
      }
      if (packet.cmd !== "pingresp") continue;
      client.destroy();
      return 0;
    }
  }

  /** The code that an allowed property leads to: nobody here knows a method of enhanced authentication. */
  function accepted(kind: Kind, block: Buffer): number {
    if (kind === "AUTH") return 0x82;
    return kind === "CONNECT" && block.includes(prefixed("none")) ? 0x8c : 0;
  }

  for (const kind of KINDS) {
    test(`${kind}: what belongs in it is taken, all else is malformed`, async () => {
      const check = async ({ name, bytes, kinds }: Property): Promise<void> => {
        // Authentication data goes with a method, and AUTH has to have one.
        const needsMethod = name === "Authentication Data" || (kind === "AUTH" && bytes[0] !== 0x15);
        const method = kind === "CONNECT" || kind === "AUTH" ? METHOD : Buffer.alloc(0);
        const block = needsMethod ? Buffer.concat([method, bytes]) : bytes;
        const wanted = kinds.includes(kind)
          ? name === "Authentication Method" && kind === "CONNECT"
            ? 0x8c
            : accepted(kind, block)
          : // 3.3.4: that one has a code of its own [MQTT-3.3.4-6].
            name === "Subscription Identifier" && kind === "PUBLISH"
            ? 0x82
            : 0x81;
        assert.equal(await outcome(kind, block), wanted, `${name} in ${kind}`);
      };
      await Promise.all(properties.map(check));
    });
  }

  test("twice is a protocol error, but for user properties", async () => {
    for (const { name, bytes, kinds } of properties) {
      for (const kind of kinds) {
        if (kind === "AUTH") continue;
        const first = name === "Authentication Data" ? Buffer.concat([METHOD, bytes]) : bytes;
        const wanted = name === "User Property" ? 0 : 0x82;
        assert.equal(await outcome(kind, Buffer.concat([first, bytes])), wanted, `${name} twice in ${kind}`);
      }
    }
  });

  test("values out of range", async () => {
    const cases: [string, Kind, Buffer, number][] = [
      ["Payload Format Indicator 2", "PUBLISH", byte(0x01, 2), 0x82],
      ["Payload Format Indicator 2", "will", byte(0x01, 2), 0x82],
      ["Request Problem Information 2", "CONNECT", byte(0x17, 2), 0x82],
      ["Request Response Information 2", "CONNECT", byte(0x19, 2), 0x82],
      ["Receive Maximum 0", "CONNECT", two(0x21, 0), 0x82],
      ["Receive Maximum 1", "CONNECT", two(0x21, 1), 0],
      ["Receive Maximum 65,535", "CONNECT", two(0x21, 65_535), 0],
      ["Maximum Packet Size 0", "CONNECT", four(0x27, 0), 0x82],
      ["Maximum Packet Size 4,294,967,295", "CONNECT", four(0x27, 0xffffffff), 0],
      ["Topic Alias Maximum 0", "CONNECT", two(0x22, 0), 0],
      ["Topic Alias Maximum 65,535", "CONNECT", two(0x22, 65_535), 0],
      ["Session Expiry Interval 4,294,967,295", "CONNECT", four(0x11, 0xffffffff), 0],
      ["Authentication Data without a method", "CONNECT", text(0x16, "a"), 0x82],
      ["AUTH without a method", "AUTH", Buffer.alloc(0), 0x82],
      ["Topic Alias 0 [MQTT-3.3.2-8]", "PUBLISH", two(0x23, 0), 0x94],
      ["Topic Alias above the maximum [MQTT-3.3.2-9]", "PUBLISH", two(0x23, 6), 0x94],
      ["Topic Alias of the maximum [MQTT-3.3.2-12]", "PUBLISH", two(0x23, 5), 0],
      ["Subscription Identifier 0", "SUBSCRIBE", byte(0x0b, 0), 0x82],
      ["Subscription Identifier 268,435,455", "SUBSCRIBE", Buffer.from([0x0b, 0xff, 0xff, 0xff, 0x7f]), 0],
      [
        "Subscription Identifier of five bytes",
        "SUBSCRIBE",
        Buffer.from([0x0b, 0x80, 0x80, 0x80, 0x80, 1]),
        0x81,
      ],
      [
        "Subscription Identifier in two bytes for one [MQTT-1.5.5-1]",
        "SUBSCRIBE",
        Buffer.from([0x0b, 0x81, 0]),
        0x81,
      ],
      ["Response Topic with a wildcard [MQTT-3.3.2-14]", "PUBLISH", text(0x08, "a/+"), 0x82],
      ["Response Topic with a wildcard [MQTT-3.3.2-14]", "will", text(0x08, "#"), 0x82],
      ["empty Response Topic [MQTT-4.7.3-1]", "PUBLISH", text(0x08, ""), 0x82],
      ["empty Response Topic [MQTT-4.7.3-1]", "will", text(0x08, ""), 0x82],
      ["empty Content Type", "PUBLISH", text(0x03, ""), 0],
      ["empty Correlation Data", "PUBLISH", text(0x09, ""), 0],
      ["empty User Property", "PUBLISH", text(0x26, "", ""), 0],
      ["an unknown property", "PUBLISH", byte(0x7f, 0), 0x81],
      ["an unknown property", "CONNECT", byte(0x04, 0), 0x81],
      ["a cut off property", "PUBLISH", Buffer.from([0x02, 0, 0]), 0x81],
      ["a cut off property", "DISCONNECT", Buffer.from([0x11, 0, 0]), 0x81],
      ["a cut off property", "PUBREL", Buffer.from([0x1f, 0, 9]), 0x81],
      ["a text longer than the block", "SUBSCRIBE", Buffer.from([0x26, 0, 1, 97, 0, 9]), 0x81],
    ];
    await Promise.all(
      cases.map(async ([what, kind, block, wanted]) =>
        assert.equal(await outcome(kind, block), wanted, `${what} in ${kind}`),
      ),
    );
  });
});
