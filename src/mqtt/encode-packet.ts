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
      const writer = new PacketWriter();
      writer.byte(packet.sessionPresent ? 1 : 0);
      writer.byte(packet.reasonCode);
      if (version === 5) writer.properties(packet.properties ?? NO_PROPERTIES);
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

const ACKNOWLEDGEMENT_HEADER = { puback: 0x40, pubrec: 0x50, pubrel: 0x62, pubcomp: 0x70 } as const;

/** Collects the fields of one packet and puts the fixed header before them. */
class PacketWriter {
  readonly #parts: Buffer[] = [];
  #size = 0;

  byte(value: number): void {
    this.#number(value, 1);
  }

  int16(value: number): void {
    this.#number(value, 2);
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
        this.#number(Number(value), 4);
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
    const part = Buffer.allocUnsafe(variableByteIntegerSize(value));
    writeVariableByteInteger(part, 0, value);
    this.#part(part);
  }

  bytes(value: Buffer): void {
    this.int16(value.length);
    this.#part(value);
  }

  finish(first: number): Buffer {
    const header = Buffer.allocUnsafe(1 + variableByteIntegerSize(this.#size));
    header[0] = first;
    writeVariableByteInteger(header, 1, this.#size);
    return Buffer.concat([header, ...this.#parts], header.length + this.#size);
  }

  /** All that has been written, with its length before it. */
  finishProperties(): Buffer {
    const header = Buffer.allocUnsafe(variableByteIntegerSize(this.#size));
    writeVariableByteInteger(header, 0, this.#size);
    return Buffer.concat([header, ...this.#parts], header.length + this.#size);
  }

  #number(value: number, size: number): void {
    const part = Buffer.allocUnsafe(size);
    part.writeUIntBE(value, 0, size);
    this.#part(part);
  }

  #part(part: Buffer): void {
    this.#parts.push(part);
    this.#size += part.length;
  }
}

function encodeProperties(properties: Properties): Buffer {
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
