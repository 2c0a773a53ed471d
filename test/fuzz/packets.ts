/** Seeded generators: valid packets, structured faults with the answers they deserve, and blind mutations. */
import type { Random } from "../support/random.ts";
import {
  encode,
  encodePublishBody,
  frame,
  type OutPacket,
  type Properties,
  type QoS,
  type Subscription,
  type Version,
} from "../support/wire.ts";

const words = ["a", "b", "sensor", "", "ä", "\u{1f600}", " ", "x".repeat(200), "0", "$", "\ufeff"];

function topic(random: Random): string {
  const levels = Array.from({ length: random.between(1, 6) }, () => random.pick(words));
  return `fuzz/${levels.join("/")}`;
}

function filter(random: Random): string {
  const levels = Array.from({ length: random.between(1, 6) }, () =>
    random.chance(0.3) ? "+" : random.pick(words),
  );
  const ending = random.chance(0.2) ? "/#" : "";
  const share = random.chance(0.15) ? `$share/g${random.below(3)}/` : "";
  return `${share}fuzz/${levels.join("/")}${ending}`;
}

function userProperties(random: Random): Properties {
  const count = random.chance(0.05) ? 200 : random.below(3);
  if (count === 0) return {};
  return {
    userProperties: Array.from({ length: count }, (): [string, string] => [
      random.pick(words),
      random.pick(words),
    ]),
  };
}

function publishProperties(random: Random): Properties {
  return {
    ...userProperties(random),
    ...(random.chance(0.2) ? { messageExpiryInterval: random.below(100_000) } : {}),
    ...(random.chance(0.2) ? { contentType: random.pick(words) } : {}),
    ...(random.chance(0.1) ? { responseTopic: "fuzz/answers" } : {}),
    ...(random.chance(0.1) ? { correlationData: random.bytes(random.below(40)) } : {}),
    ...(random.chance(0.1) ? { payloadFormatIndicator: 0 } : {}),
  };
}

function subscription(random: Random, version: Version): Subscription {
  const base = { filter: filter(random), qos: random.below(3) };
  if (version !== 5) return base;
  return {
    ...base,
    noLocal: !base.filter.startsWith("$share") && random.chance(0.2),
    retainAsPublished: random.chance(0.2),
    retainHandling: random.below(3),
  };
}

/** A packet that a client may send on an established connection. */
export function validPacket(random: Random, version: Version): OutPacket {
  const id = random.between(1, 200);
  const v5 = version === 5;
  switch (random.below(12)) {
    case 0:
      return {
        cmd: "subscribe",
        id,
        filters: Array.from({ length: random.between(1, 4) }, () => subscription(random, version)),
        ...(v5 && random.chance(0.3)
          ? { properties: { subscriptionIdentifiers: [random.between(1, 268_435_455)] } }
          : {}),
      };
    case 1:
      return { cmd: "unsubscribe", id, filters: [filter(random)] };
    case 2:
      return { cmd: "pingreq" };
    case 3:
      return { cmd: "pubrel", id };
    case 4:
      return { cmd: "puback", id };
    default: {
      const level = random.below(3);
      const qos: QoS = level === 0 ? 0 : level === 1 ? 1 : 2;
      return {
        cmd: "publish",
        topic: topic(random),
        payload: random.bytes(random.chance(0.03) ? random.below(20_000) : random.below(64)),
        qos,
        retain: random.chance(0.05),
        dup: qos > 0 && random.chance(0.1),
        id,
        ...(v5 ? { properties: publishProperties(random) } : {}),
      };
    }
  }
}

export interface Fault {
  name: string;
  bytes: Buffer;
  /** Reason codes of DISCONNECT that fit (MQTT 5). Older versions: the connection just ends. */
  codes: readonly number[];
}

const malformed = [0x81, 0x82] as const;
const badText: readonly (readonly number[])[] = [
  [0x00],
  [0xff],
  [0xc0, 0x80],
  [0xed, 0xa0, 0x80],
  [0xed, 0xbf, 0xbf],
  [0xf4, 0x90, 0x80, 0x80],
  [0xe2, 0x82],
  [0x80],
];

/** A single fault of a known kind in a packet of otherwise random content. */
export function fault(random: Random, version: Version): Fault {
  const v5 = version === 5;
  const id = random.between(1, 60_000);
  const pid = Buffer.from([id >> 8, id & 255]);
  const none = Buffer.from(v5 ? [0] : []);
  const body = (...parts: Uint8Array[]) => Buffer.concat(parts);
  const text = (bytes: Uint8Array) => body(Buffer.from([bytes.length >> 8, bytes.length & 255]), bytes);
  const bad = text(body(Buffer.from("fuzz/"), Buffer.from(random.pick(badText)), Buffer.from("x")));
  const publish = encode(
    { cmd: "publish", topic: topic(random), payload: random.bytes(30), qos: 1, id },
    version,
  );
  const block = (...bytes: number[]) => frame(0x32, encodePublishBody("fuzz/p", id, Buffer.from(bytes)));
  const kinds: (() => Fault)[] = [
    () => ({ name: "reserved type 0", bytes: frame(0, random.bytes(random.below(9))), codes: malformed }),
    () => ({
      name: "five-byte length",
      bytes: body(Buffer.from([0x30, 0xff, 0xff, 0xff, 0xff]), random.bytes(20)),
      codes: malformed,
    }),
    () => ({ name: "QoS 3", bytes: frame(0x36, publish.subarray(2)), codes: malformed }),
    () => ({
      name: "DUP at QoS 0",
      bytes: frame(0x38, body(text(Buffer.from("fuzz/d")), none)),
      codes: malformed,
    }),
    () => ({ name: "topic is no UTF-8", bytes: frame(0x30, body(bad, none)), codes: [...malformed, 0x90] }),
    () => ({
      name: "filter is no UTF-8",
      bytes: frame(0x82, body(pid, none, bad, Buffer.from([1]))),
      codes: [...malformed, 0x8f],
    }),
    () => ({
      name: "wildcard in topic",
      bytes: frame(0x30, body(text(Buffer.from(`fuzz/${random.pick(["+", "#", "a+", "x/#/y"])}`)), none)),
      codes: [0x90],
    }),
    () => ({
      name: "topic longer than packet",
      bytes: frame(0x30, Buffer.from([random.between(1, 255), 1, 97])),
      codes: malformed,
    }),
    () => ({ name: "no packet id", bytes: frame(0x32, text(Buffer.from("fuzz/i"))), codes: malformed }),
    () => ({
      name: "packet id 0",
      bytes: frame(0x32, body(text(Buffer.from("fuzz/i")), Buffer.from([0, 0]), none)),
      codes: malformed,
    }),
    () => ({ name: "no filter", bytes: frame(random.pick([0x82, 0xa2]), body(pid, none)), codes: malformed }),
    () => ({
      name: "subscription QoS 3",
      bytes: frame(0x82, body(pid, none, text(Buffer.from("fuzz/s")), Buffer.from([3]))),
      codes: malformed,
    }),
    () => ({
      name: "filter malformed",
      bytes: encode(
        { cmd: "subscribe", id, filters: [{ filter: random.pick(["a/#/b", "a#", "+b", "a/b+"]) }] },
        version,
      ),
      codes: [0x8f, 0x81, 0x82],
    }),
    () => ({
      name: "acknowledgement too short",
      bytes: frame(random.pick([0x40, 0x50, 0x62, 0x70]), Buffer.from([1])),
      codes: malformed,
    }),
    () => ({
      name: "wrong header flags",
      bytes: frame(random.pick([0x60, 0x80, 0xa0, 0x63, 0x8f, 0x41, 0xc2]), body(pid, none)),
      codes: malformed,
    }),
    () => ({
      name: "ping with a body",
      bytes: frame(0xc0, random.bytes(random.between(1, 20))),
      codes: malformed,
    }),
    () => ({
      name: "server's packet",
      bytes: frame(random.pick([0x20, 0x90, 0xb0, 0xd0]), body(pid, none)),
      codes: malformed,
    }),
    () => ({
      name: "second CONNECT",
      bytes: encode({ cmd: "connect", clientId: "again" }, version),
      codes: [0x82],
    }),
  ];
  if (v5) {
    kinds.push(
      () => ({
        name: "property twice",
        bytes: block(
          ...random.pick([
            [2, 0, 0, 0, 1, 2, 0, 0, 0, 2],
            [3, 0, 1, 97, 3, 0, 1, 98],
            [1, 1, 1, 1],
          ]),
        ),
        codes: malformed,
      }),
      () => ({
        name: "unknown property",
        bytes: block(random.pick([0, 4, 0x0a, 0x2b, 0x7f]), 0, 0),
        codes: malformed,
      }),
      () => ({
        name: "misplaced property",
        bytes: block(
          ...random.pick([
            [0x11, 0, 0, 0, 1],
            [0x21, 0, 1],
            [0x12, 0, 1, 97],
            [0x1f, 0, 1, 97],
          ]),
        ),
        codes: malformed,
      }),
      () => ({
        name: "property cut off",
        bytes: block(...random.pick([[2, 0], [3, 0, 9, 97], [0x26, 0, 1, 97, 0], [9]])),
        codes: malformed,
      }),
      () => ({
        name: "property length too large",
        bytes: frame(0x30, body(text(Buffer.from("fuzz/p")), Buffer.from([random.between(40, 127), 1, 1]))),
        codes: malformed,
      }),
      () => ({
        name: "topic alias 0 or above the maximum",
        bytes: block(
          0x23,
          ...random.pick([
            [0, 0],
            [0xff, 0xff],
          ]),
        ),
        codes: [0x94, 0x82, 0x81],
      }),
      () => ({
        name: "alias not set",
        bytes: frame(0x32, encodePublishBody("", id, Buffer.from([0x23, 0, 9]))),
        codes: [0x82, 0x94],
      }),
      () => ({
        name: "no topic",
        bytes: frame(0x32, encodePublishBody("", id, Buffer.alloc(0))),
        codes: malformed,
      }),
      () => ({
        name: "subscription identifier 0",
        bytes: frame(
          0x82,
          body(pid, Buffer.from([2, 0x0b, 0]), text(Buffer.from("fuzz/s")), Buffer.from([0])),
        ),
        codes: malformed,
      }),
      () => ({
        name: "AUTH out of sequence",
        bytes: encode({ cmd: "auth", code: random.pick([0, 0x18, 0x19]) }, 5),
        codes: [...malformed, 0x8c],
      }),
      () => ({
        name: "unknown reason code",
        bytes: frame(0x40, body(pid, Buffer.from([0x77]))),
        codes: malformed,
      }),
      () => ({
        name: "no local on a shared subscription",
        bytes: encode({ cmd: "subscribe", id, filters: [{ filter: "$share/g/a", noLocal: true }] }, 5),
        codes: malformed,
      }),
    );
  }
  return random.pick(kinds)();
}

/** Changes bytes without asking what they mean. */
export function mutate(random: Random, bytes: Buffer): Buffer {
  let out = Buffer.from(bytes);
  for (let i = random.between(1, 3); i > 0; i--) {
    const at = random.below(Math.max(1, out.length));
    switch (random.below(8)) {
      case 0:
        if (out.length > 0) out[at] = (out[at] ?? 0) ^ (1 << random.below(8));
        break;
      case 1:
        if (out.length > 0) out[at] = random.pick([0, 1, 0x7f, 0x80, 0xff, random.below(256)]);
        break;
      case 2:
        out = out.subarray(0, at);
        break;
      case 3:
        out = Buffer.concat([out.subarray(0, at), random.bytes(random.between(1, 12)), out.subarray(at)]);
        break;
      case 4:
        out = Buffer.concat([out.subarray(0, at), out.subarray(at + random.between(1, 8))]);
        break;
      case 5:
        if (out.length > 1) out[1] = random.below(256);
        break;
      case 6:
        if (out.length > 0) out[0] = random.below(256);
        break;
      default:
        out = Buffer.concat([out, out.subarray(at)]);
    }
  }
  return out;
}

/** A CONNECT, valid or with whatever a client could think of. */
export function connectPacket(random: Random, version: Version, clientId: string): Buffer {
  return encode(
    {
      cmd: "connect",
      clientId,
      clean: random.chance(0.7),
      keepalive: random.pick([0, 60, 65_535]),
      ...(random.chance(0.3)
        ? { username: random.pick(words), password: random.bytes(random.below(20)) }
        : {}),
      ...(random.chance(0.3)
        ? {
            will: {
              topic: topic(random),
              payload: random.bytes(random.below(100)),
              qos: random.pick([0, 1, 2] as const),
              retain: false,
            },
          }
        : {}),
      ...(version === 5
        ? {
            properties: {
              ...userProperties(random),
              ...(random.chance(0.4) ? { sessionExpiryInterval: random.pick([0, 1, 60, 0xffff_ffff]) } : {}),
              ...(random.chance(0.3) ? { receiveMaximum: random.between(1, 65_535) } : {}),
              ...(random.chance(0.2) ? { maximumPacketSize: random.pick([1, 20, 1000, 0xffff_ffff]) } : {}),
              ...(random.chance(0.2) ? { topicAliasMaximum: random.below(20) } : {}),
            },
          }
        : {}),
    },
    version,
  );
}
