import { variableByteIntegerSize, writeVariableByteInteger } from "./frame-header.ts";
import { PacketType, type Properties, type ProtocolVersion, type ServerPacket } from "./packet.ts";
import { PROPERTY_RULES, type PropertyRule } from "./property-table.ts";

const NO_PROPERTIES: Properties = {};

/** PINGRESP in every version. */
const PINGRESP = Buffer.from([PacketType.Pingresp << 4, 0]);

/**
 * Encodes a packet of the broker that is not on the hot path. Properties are written for MQTT 5 only; whether the
 * client wants reason string and user properties (Request Problem Information), and whether the packet fits its
 * Maximum Packet Size, is for the caller to judge. The result must not be changed. Throws a RangeError for what cannot
 * be written: a text of more than 65,535 bytes, a reason code or number out of range, DISCONNECT or AUTH before MQTT 5.
 */
export function encodePacket(packet: ServerPacket, version: ProtocolVersion): Buffer {
  switch (packet.kind) {
    case "pingresp":
      return PINGRESP;
    case "connack": {
      if (version !== 5) return returnCode(packet.sessionPresent, packet.reasonCode);
      const writer = new PacketWriter();
      writer.byte(packet.sessionPresent ? 1 : 0);
      writer.byte(packet.reasonCode);
      writer.properties(packet.properties ?? NO_PROPERTIES);
      return writer.finish(PacketType.Connack << 4);
    }
    case "suback":
    case "unsuback": {
      const writer = new PacketWriter();
      writer.int16(packet.packetId);
      if (version === 5) writer.properties(packet.properties ?? NO_PROPERTIES);
      if (version === 5 || packet.kind === "suback") {
        writer.codes(packet.reasonCodes);
      }
      return writer.finish((packet.kind === "suback" ? PacketType.Suback : PacketType.Unsuback) << 4);
    }
    case "disconnect":
    case "auth": {
      if (version !== 5) throw new RangeError(`no ${packet.kind} of a server before MQTT 5`);
      const writer = new PacketWriter();
      writer.codeAndProperties(packet.reasonCode, packet.properties);
      return writer.finish((packet.kind === "disconnect" ? PacketType.Disconnect : PacketType.Auth) << 4);
    }
    case "puback":
    case "pubrec":
    case "pubrel":
    case "pubcomp": {
      const writer = new PacketWriter();
      writer.int16(packet.packetId);
      if (version === 5) writer.codeAndProperties(packet.reasonCode, packet.properties ?? NO_PROPERTIES);
      return writer.finish(ACKNOWLEDGEMENT_HEADER[packet.kind]);
    }
  }
}

/** CONNACK of MQTT 3.1 and 3.1.1. */
function returnCode(sessionPresent: boolean, code: number): Buffer {
  const packet = Buffer.allocUnsafe(4);
  packet[0] = PacketType.Connack << 4;
  packet[1] = 2;
  packet[2] = sessionPresent ? 1 : 0;
  packet.writeUInt8(code, 3);
  return packet;
}

const ACKNOWLEDGEMENT_HEADER = { puback: 0x40, pubrec: 0x50, pubrel: 0x62, pubcomp: 0x70 } as const;

/** Room for the fields of most packets. */
const FIRST_ROOM = 64;

/** Collects the fields of one packet and puts the fixed header before them. */
class PacketWriter {
  #fields = Buffer.allocUnsafe(FIRST_ROOM);
  #size = 0;

  byte(value: number): void {
    const at = this.#room(1);
    this.#fields.writeUInt8(value, at);
  }

  int16(value: number): void {
    const at = this.#room(2);
    this.#fields.writeUInt16BE(value, at);
  }

  /** One byte each. */
  codes(values: readonly number[]): void {
    this.#part(Buffer.from(values));
  }

  /** Reason code and properties, each left out when it and all after it say nothing. */
  codeAndProperties(reasonCode: number, properties: Properties): void {
    const encoded = encodeProperties(properties);
    if (reasonCode === 0 && encoded.length === 1) return;
    this.byte(reasonCode);
    if (encoded.length > 1) this.#part(encoded);
  }

  properties(properties: Properties): void {
    this.#part(encodeProperties(properties));
  }

  /** One property value. */
  value(rule: PropertyRule, value: Properties[keyof Properties]): void {
    switch (rule.type) {
      case "bit":
      case "flag":
        this.byte(Number(value));
        return;
      case "int16":
        this.int16(Number(value));
        return;
      case "int32":
        this.#int32(Number(value));
        return;
      case "varint":
        this.variableByteInteger(Number(value));
        return;
      case "text":
      case "binary":
        this.bytes(Buffer.isBuffer(value) ? value : Buffer.from(String(value)));
        return;
      case "pair":
        throw new RangeError("user properties are written one by one");
    }
  }

  variableByteInteger(value: number): void {
    const at = this.#room(variableByteIntegerSize(value));
    writeVariableByteInteger(this.#fields, at, value);
  }

  bytes(value: Buffer): void {
    this.int16(value.length);
    this.#part(value);
  }

  finish(first: number): Buffer {
    const size = this.#size;
    const start = 1 + variableByteIntegerSize(size);
    const packet = Buffer.allocUnsafe(start + size);
    packet[0] = first;
    writeVariableByteInteger(packet, 1, size);
    this.#fields.copy(packet, start, 0, size);
    return packet;
  }

  /** All that has been written, with its length before it. */
  finishProperties(): Buffer {
    const size = this.#size;
    const start = variableByteIntegerSize(size);
    const properties = Buffer.allocUnsafe(start + size);
    writeVariableByteInteger(properties, 0, size);
    this.#fields.copy(properties, start, 0, size);
    return properties;
  }

  #int32(value: number): void {
    const at = this.#room(4);
    this.#fields.writeUInt32BE(value, at);
  }

  #part(part: Buffer): void {
    const at = this.#room(part.length);
    part.copy(this.#fields, at);
  }

  /** Where the next `size` bytes go. */
  #room(size: number): number {
    const at = this.#size;
    const needed = at + size;
    if (needed > this.#fields.length) {
      const roomier = Buffer.allocUnsafe(Math.max(needed, this.#fields.length * 2));
      this.#fields.copy(roomier, 0, 0, at);
      this.#fields = roomier;
    }
    this.#size = needed;
    return at;
  }
}

/** Properties that say nothing. */
const EMPTY_PROPERTIES = Buffer.from([0]);

function encodeProperties(properties: Properties): Buffer {
  if (properties === NO_PROPERTIES) return EMPTY_PROPERTIES;
  const writer = new PacketWriter();
  for (const rule of PROPERTY_RULES) {
    const value = properties[rule.name];
    if (value === undefined) continue;
    if (rule.name === "userProperties") {
      for (const [name, text] of properties.userProperties ?? []) {
        writer.byte(rule.id);
        writer.bytes(Buffer.from(name));
        writer.bytes(Buffer.from(text));
      }
    } else {
      writer.byte(rule.id);
      writer.value(rule, value);
    }
  }
  return writer.finishProperties();
}
