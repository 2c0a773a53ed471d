/** The fixed header: reserved flags and remaining length of every packet (sections 2.1 and 2.2 of both specifications). */
import { describe, test } from "node:test";
import { prefixed } from "../support/properties.ts";
import { BrokerUnderTest, oursOnly } from "../support/suite.ts";
import { encode, type OutPacket } from "../support/wire.ts";

const PACKETS: readonly OutPacket[] = [
  { cmd: "puback", id: 1 },
  { cmd: "pubrec", id: 1 },
  { cmd: "pubrel", id: 1 },
  { cmd: "pubcomp", id: 1 },
  { cmd: "subscribe", id: 1, filters: [{ filter: "a" }] },
  { cmd: "unsubscribe", id: 1, filters: ["a"] },
  { cmd: "pingreq" },
  { cmd: "disconnect" },
];
const AUTH: OutPacket = { cmd: "auth", code: 0x19, properties: { authenticationMethod: "M" } };

describe("the fixed header", { skip: oursOnly }, () => {
  const suite = new BrokerUnderTest();

  for (const version of [4, 5] as const) {
    // [MQTT-3.6.1-1, 3.8.1-1, 3.10.1-1, 3.14.1-1, 3.15.1-1; MQTT3-3.6.1-1, 3.8.1-1, 3.10.1-1, 3.14.1-1]
    test(`version ${version}: reserved flags of every packet [MQTT-2.1.3-1; MQTT3-2.2.2-1, -2]`, async () => {
      const one = async (packet: OutPacket, flags: number): Promise<void> => {
        const bytes = encode(packet, version);
        if (((bytes[0] ?? 0) & 0x0f) === flags) return;
        const client = await suite.connect({ version });
        bytes[0] = ((bytes[0] ?? 0) & 0xf0) | flags;
        client.send(bytes, { cmd: "pingreq" });
        await client.expectDisconnect(0x81);
      };
      for (const packet of version === 5 ? [...PACKETS, AUTH] : PACKETS) {
        await Promise.all(Array.from({ length: 16 }, async (_, flags) => await one(packet, flags)));
      }
    });

    test(`version ${version}: after an error nothing more is read or sent [MQTT-3.14.4-1, -2, 4.13.1-1, 4.13.2-1; MQTT3-4.8.0-1]`, async () => {
      const topic = suite.name();
      const watch = await suite.connect();
      await watch.subscribe(topic, 1);
      const client = await suite.connect({ version });
      client.send(
        Buffer.from([0xc1, 0]),
        { cmd: "publish", topic, payload: "no", qos: 1, id: 1 },
        { cmd: "pingreq" },
      );
      await client.expectDisconnect(0x81);
      await watch.expectNothing();
    });

    test(`version ${version}: nothing after the client's DISCONNECT is worked on`, async () => {
      const topic = suite.name();
      const watch = await suite.connect();
      await watch.subscribe(topic, 1);
      const client = await suite.connect({ version });
      client.send(
        { cmd: "disconnect" },
        { cmd: "publish", topic, payload: "no", qos: 1, id: 1 },
        { cmd: "pingreq" },
      );
      await client.expectClosed();
      await watch.expectNothing();
    });

    test(`version ${version}: a remaining length longer than need be is malformed in 5.0 [MQTT-1.5.5-1]`, async () => {
      const topic = suite.name();
      const bodies: [number, Uint8Array][] = [
        [0xc0, Buffer.alloc(0)],
        [0x30, Buffer.concat([prefixed(topic), ...(version === 5 ? [Buffer.from([0])] : [])])],
        [0x40, Buffer.from([0, 9])],
      ];
      for (const [first, body] of bodies) {
        for (const more of [[0], [0x80, 0], [0x80, 0x80, 0]]) {
          const client = await suite.connect({ version });
          const length = [0x80 | body.length, ...more];
          client.send(Buffer.from([first, ...length]), body, { cmd: "pingreq" });
          if (version === 5) await client.expectDisconnect(0x81);
          else await client.expect("pingresp");
          client.destroy();
        }
        const client = await suite.connect({ version });
        client.send(Buffer.from([first, 0x80, 0x80, 0x80, 0x80, 0]));
        await client.expectDisconnect(0x81);
      }
    });
  }

  test("5.0: an overlong property length is malformed [MQTT-1.5.5-1]", async () => {
    const cases: Uint8Array[] = [
      Buffer.from([0x30, 5, 0, 1, 97, 0x80, 0]),
      Buffer.from([0x40, 5, 0, 9, 0, 0x80, 0]),
      Buffer.from([0x82, 8, 0, 1, 0x80, 0, 0, 1, 97, 0]),
      Buffer.from([0xa2, 7, 0, 1, 0x80, 0, 0, 1, 97]),
      Buffer.from([0xe0, 3, 0, 0x80, 0]),
    ];
    for (const bytes of cases) {
      const client = await suite.connect({ version: 5 });
      client.send(bytes);
      await client.expectDisconnect(0x81);
    }
  });

  test("CONNECT of 5.0 with an overlong remaining length: CONNACK 0x81", async () => {
    const bytes = encode({ cmd: "connect", clientId: "c" }, 5);
    const client = await suite.open(5);
    client.send(Buffer.from([0x10, (bytes[1] ?? 0) | 0x80, 0]), bytes.subarray(2));
    await client.expect("connack", { code: 0x81 });
    await client.expectClosed();
  });
});
