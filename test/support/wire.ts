/**
 * MQTT packets for the black-box tests: encoder and decoder for 3.1, 3.1.1 and 5.0, both directions.
 * The encoder writes what it is told, also what the specification forbids.
 */
import {
  encodeProperties,
  integer,
  type Properties,
  prefixed,
  Reader,
  variableInteger,
} from "./properties.ts";

export type { Properties } from "./properties.ts";
/** Protocol level of CONNECT: 3 is MQTT 3.1, 4 is 3.1.1, 5 is 5.0. */
export type Version = 3 | 4 | 5;
export type QoS = 0 | 1 | 2;

export interface Will {
  topic: string;
  payload: string | Uint8Array;
  qos?: QoS;
  retain?: boolean;
  properties?: Properties;
}

export interface Connect {
  cmd: "connect";
  clientId?: string;
  /** Clean session or clean start; true unless told otherwise. */
  clean?: boolean;
  /** Seconds; 0 unless told otherwise. */
  keepalive?: number;
  username?: string;
  password?: string | Uint8Array;
  will?: Will;
  properties?: Properties;
  /** Other protocol level than the version's own, for example 0x84 of a bridge. */
  level?: number;
  protocolName?: string;
}

export interface Subscription {
  filter: string;
  qos?: number;
  noLocal?: boolean;
  retainAsPublished?: boolean;
  retainHandling?: number;
}

export interface Publish {
  cmd: "publish";
  topic: string;
  payload: Uint8Array;
  qos: QoS;
  retain: boolean;
  dup: boolean;
  /** 0 at QoS 0. */
  id: number;
  properties: Properties;
}

export type AckCommand = "puback" | "pubrec" | "pubrel" | "pubcomp";

export interface Ack<C extends AckCommand = AckCommand> {
  cmd: C;
  id: number;
  code: number;
  properties: Properties;
}

export interface Connack {
  cmd: "connack";
  sessionPresent: boolean;
  code: number;
  properties: Properties;
}

export interface Codes<C extends "suback" | "unsuback"> {
  cmd: C;
  id: number;
  codes: number[];
  properties: Properties;
}

export interface Plain<C extends "pingreq" | "pingresp"> {
  cmd: C;
}

export interface Reason<C extends "disconnect" | "auth"> {
  cmd: C;
  code: number;
  properties: Properties;
}

/** The packets a server may send. */
export interface PacketMap {
  connack: Connack;
  publish: Publish;
  puback: Ack<"puback">;
  pubrec: Ack<"pubrec">;
  pubrel: Ack<"pubrel">;
  pubcomp: Ack<"pubcomp">;
  suback: Codes<"suback">;
  unsuback: Codes<"unsuback">;
  pingresp: Plain<"pingresp">;
  disconnect: Reason<"disconnect">;
  auth: Reason<"auth">;
}

export type Command = keyof PacketMap;
/** A packet as it was received. */
export type Packet = PacketMap[Command];

/** A packet to send: everything that has a usual value may be left out. */
export type OutPacket =
  | Connect
  | {
      cmd: "publish";
      topic: string;
      payload?: string | Uint8Array;
      qos?: QoS;
      retain?: boolean;
      dup?: boolean;
      id?: number;
      properties?: Properties;
    }
  | { cmd: AckCommand; id: number; code?: number; properties?: Properties }
  | { cmd: "subscribe"; id: number; filters: Subscription[]; properties?: Properties }
  | { cmd: "unsubscribe"; id: number; filters: string[]; properties?: Properties }
  | { cmd: "pingreq" | "pingresp" }
  | { cmd: "disconnect" | "auth"; code?: number; properties?: Properties };

const types: Record<Command | OutPacket["cmd"], number> = {
  connect: 1,
  connack: 2,
  publish: 3,
  puback: 4,
  pubrec: 5,
  pubrel: 6,
  pubcomp: 7,
  subscribe: 8,
  suback: 9,
  unsubscribe: 10,
  unsuback: 11,
  pingreq: 12,
  pingresp: 13,
  disconnect: 14,
  auth: 15,
};

/** First byte, remaining length and body. */
export function frame(firstByte: number, body: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from([firstByte]), variableInteger(body.length), body]);
}

function connectBody(packet: Connect, version: Version): Buffer {
  const will = packet.will;
  const flags =
    (packet.clean === false ? 0 : 0x02) |
    (will === undefined ? 0 : 0x04 | ((will.qos ?? 0) << 3) | (will.retain === true ? 0x20 : 0)) |
    (packet.password === undefined ? 0 : 0x40) |
    (packet.username === undefined ? 0 : 0x80);
  const parts: Uint8Array[] = [
    prefixed(packet.protocolName ?? (version === 3 ? "MQIsdp" : "MQTT")),
    Buffer.from([packet.level ?? version, flags]),
    integer(packet.keepalive ?? 0, 2),
  ];
  if (version === 5) parts.push(encodeProperties(packet.properties));
  parts.push(prefixed(packet.clientId ?? ""));
  if (will !== undefined) {
    if (version === 5) parts.push(encodeProperties(will.properties));
    parts.push(prefixed(will.topic), prefixed(will.payload));
  }
  if (packet.username !== undefined) parts.push(prefixed(packet.username));
  if (packet.password !== undefined) parts.push(prefixed(packet.password));
  return Buffer.concat(parts);
}

/** Body of an MQTT 5 QoS 1 or 2 PUBLISH around a property block of whatever bytes. */
export function encodePublishBody(topic: string, id: number, block: Uint8Array): Buffer {
  return Buffer.concat([prefixed(topic), integer(id, 2), variableInteger(block.length), block]);
}

function codeAndProperties(version: Version, code = 0, properties?: Properties): Buffer {
  if (version !== 5 || (code === 0 && properties === undefined)) return Buffer.alloc(0);
  if (properties === undefined) return Buffer.from([code]);
  return Buffer.concat([Buffer.from([code]), encodeProperties(properties)]);
}

/** The bytes of a packet. */
export function encode(packet: OutPacket, version: Version): Buffer {
  const type = types[packet.cmd] << 4;
  switch (packet.cmd) {
    case "connect":
      return frame(type, connectBody(packet, version));
    case "publish": {
      const qos = packet.qos ?? 0;
      const flags = (packet.dup === true ? 8 : 0) | (qos << 1) | (packet.retain === true ? 1 : 0);
      const parts: Uint8Array[] = [prefixed(packet.topic)];
      if (qos > 0) parts.push(integer(packet.id ?? 1, 2));
      if (version === 5) parts.push(encodeProperties(packet.properties));
      parts.push(Buffer.from(packet.payload ?? ""));
      return frame(type | flags, Buffer.concat(parts));
    }
    case "puback":
    case "pubrec":
    case "pubrel":
    case "pubcomp":
      return frame(
        type | (packet.cmd === "pubrel" ? 2 : 0),
        Buffer.concat([integer(packet.id, 2), codeAndProperties(version, packet.code, packet.properties)]),
      );
    case "subscribe": {
      const parts: Uint8Array[] = [integer(packet.id, 2)];
      if (version === 5) parts.push(encodeProperties(packet.properties));
      for (const one of packet.filters) {
        const options =
          (one.qos ?? 0) |
          (one.noLocal === true ? 4 : 0) |
          (one.retainAsPublished === true ? 8 : 0) |
          ((one.retainHandling ?? 0) << 4);
        parts.push(prefixed(one.filter), Buffer.from([options]));
      }
      return frame(type | 2, Buffer.concat(parts));
    }
    case "unsubscribe": {
      const parts: Uint8Array[] = [integer(packet.id, 2)];
      if (version === 5) parts.push(encodeProperties(packet.properties));
      for (const filter of packet.filters) parts.push(prefixed(filter));
      return frame(type | 2, Buffer.concat(parts));
    }
    case "pingreq":
    case "pingresp":
      return frame(type, Buffer.alloc(0));
    case "disconnect":
    case "auth":
      return frame(type, codeAndProperties(version, packet.code, packet.properties));
  }
}

function decodePublish(first: number, reader: Reader, version: Version): Publish {
  const flag = (first >> 1) & 3;
  const qos: QoS = flag === 0 ? 0 : flag === 1 ? 1 : 2;
  if (flag === 3) throw new RangeError("PUBLISH with QoS 3");
  const topic = reader.string();
  const id = qos > 0 ? reader.number(2) : 0;
  const properties = version === 5 ? reader.properties() : {};
  return {
    cmd: "publish",
    topic,
    payload: reader.take(reader.left),
    qos,
    retain: (first & 1) === 1,
    dup: (first & 8) === 8,
    id,
    properties,
  };
}

function tail(reader: Reader, version: Version): { code: number; properties: Properties } {
  if (version !== 5 || reader.left === 0) return { code: 0, properties: {} };
  const code = reader.number(1);
  return { code, properties: reader.left > 0 ? reader.properties() : {} };
}

function decodeBody(first: number, body: Buffer, version: Version): Packet {
  const reader = new Reader(body);
  const packet = decodeFields(first, reader, version);
  if (reader.left > 0) throw new RangeError(`${reader.left} bytes too many in ${packet.cmd}`);
  return packet;
}

function decodeFields(first: number, reader: Reader, version: Version): Packet {
  const type = first >> 4;
  const flags = first & 15;
  if (type !== 3 && flags !== (type === 6 || type === 8 || type === 10 ? 2 : 0)) {
    throw new RangeError(`reserved flags ${flags} in packet type ${type}`);
  }
  switch (type) {
    case 2: {
      const acknowledgeFlags = reader.number(1);
      // [MQTT-3.2.2-1]
      if (acknowledgeFlags > 1) throw new RangeError(`CONNACK with flags ${acknowledgeFlags}`);
      const sessionPresent = acknowledgeFlags === 1;
      const code = reader.number(1);
      return {
        cmd: "connack",
        sessionPresent,
        code,
        properties: version === 5 && reader.left > 0 ? reader.properties() : {},
      };
    }
    case 3:
      return decodePublish(first, reader, version);
    case 4:
      return { cmd: "puback", id: reader.number(2), ...tail(reader, version) };
    case 5:
      return { cmd: "pubrec", id: reader.number(2), ...tail(reader, version) };
    case 6:
      return { cmd: "pubrel", id: reader.number(2), ...tail(reader, version) };
    case 7:
      return { cmd: "pubcomp", id: reader.number(2), ...tail(reader, version) };
    case 9:
    case 11: {
      const id = reader.number(2);
      const properties = version === 5 ? reader.properties() : {};
      return {
        cmd: type === 9 ? "suback" : "unsuback",
        id,
        codes: [...reader.take(reader.left)],
        properties,
      };
    }
    case 13:
      return { cmd: "pingresp" };
    case 14:
      return { cmd: "disconnect", ...tail(reader, version) };
    case 15:
      return { cmd: "auth", ...tail(reader, version) };
    default:
      throw new RangeError(`a server must not send packet type ${type}`);
  }
}

/** Cuts a byte stream into packets; throws a RangeError on anything a server must not send. */
export class Decoder {
  readonly version: Version;
  #rest: Buffer = Buffer.alloc(0);

  constructor(version: Version) {
    this.version = version;
  }

  push(chunk: Buffer): Packet[] {
    let bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const packets: Packet[] = [];
    for (;;) {
      const length = frameLength(bytes);
      if (length === undefined || bytes.length < length.total) break;
      packets.push(decodeBody(bytes[0] ?? 0, bytes.subarray(length.header, length.total), this.version));
      bytes = bytes.subarray(length.total);
    }
    this.#rest = bytes;
    return packets;
  }
}

function frameLength(bytes: Buffer): { header: number; total: number } | undefined {
  let value = 0;
  let factor = 1;
  for (let i = 1; i < 5; i++) {
    const byte = bytes[i];
    if (byte === undefined) return undefined;
    value += (byte & 0x7f) * factor;
    if ((byte & 0x80) === 0) return { header: i + 1, total: i + 1 + value };
    factor *= 128;
  }
  throw new RangeError("remaining length of more than four bytes");
}
