/**
 * MQTT 5 properties for the black-box tests: a small codec that shares nothing with the broker's own,
 * so that neither can hide the other's mistakes. Table: MQTT 5.0 section 2.2.2.2.
 */

/** Properties of one packet by name; the two that may repeat are lists. */
export interface Properties {
  payloadFormatIndicator?: number;
  messageExpiryInterval?: number;
  contentType?: string;
  responseTopic?: string;
  correlationData?: Uint8Array;
  subscriptionIdentifiers?: number[];
  sessionExpiryInterval?: number;
  assignedClientIdentifier?: string;
  serverKeepAlive?: number;
  authenticationMethod?: string;
  authenticationData?: Uint8Array;
  requestProblemInformation?: number;
  willDelayInterval?: number;
  requestResponseInformation?: number;
  responseInformation?: string;
  serverReference?: string;
  reasonString?: string;
  receiveMaximum?: number;
  topicAliasMaximum?: number;
  topicAlias?: number;
  maximumQoS?: number;
  retainAvailable?: number;
  userProperties?: [string, string][];
  maximumPacketSize?: number;
  wildcardSubscriptionAvailable?: number;
  subscriptionIdentifierAvailable?: number;
  sharedSubscriptionAvailable?: number;
}

type NumberName = {
  [K in keyof Properties]-?: Exclude<Properties[K], undefined> extends number ? K : never;
}[keyof Properties];
type StringName = {
  [K in keyof Properties]-?: Exclude<Properties[K], undefined> extends string ? K : never;
}[keyof Properties];
type BinaryName = "correlationData" | "authenticationData";

const numbers: readonly (readonly [number, NumberName, 1 | 2 | 4])[] = [
  [0x01, "payloadFormatIndicator", 1],
  [0x02, "messageExpiryInterval", 4],
  [0x11, "sessionExpiryInterval", 4],
  [0x13, "serverKeepAlive", 2],
  [0x17, "requestProblemInformation", 1],
  [0x18, "willDelayInterval", 4],
  [0x19, "requestResponseInformation", 1],
  [0x21, "receiveMaximum", 2],
  [0x22, "topicAliasMaximum", 2],
  [0x23, "topicAlias", 2],
  [0x24, "maximumQoS", 1],
  [0x25, "retainAvailable", 1],
  [0x27, "maximumPacketSize", 4],
  [0x28, "wildcardSubscriptionAvailable", 1],
  [0x29, "subscriptionIdentifierAvailable", 1],
  [0x2a, "sharedSubscriptionAvailable", 1],
];
const strings: readonly (readonly [number, StringName])[] = [
  [0x03, "contentType"],
  [0x08, "responseTopic"],
  [0x12, "assignedClientIdentifier"],
  [0x15, "authenticationMethod"],
  [0x1a, "responseInformation"],
  [0x1c, "serverReference"],
  [0x1f, "reasonString"],
];
const binaries: readonly (readonly [number, BinaryName])[] = [
  [0x09, "correlationData"],
  [0x16, "authenticationData"],
];

/** An unsigned integer in `size` bytes, big-endian. */
export function integer(value: number, size: 1 | 2 | 4): Buffer {
  const out = Buffer.alloc(size);
  out.writeUIntBE(value, 0, size);
  return out;
}

/** A variable byte integer [MQTT-1.5.5]. */
export function variableInteger(value: number): Buffer {
  const out: number[] = [];
  let rest = value;
  do {
    const low = rest % 128;
    rest = Math.floor(rest / 128);
    out.push(rest > 0 ? low | 0x80 : low);
  } while (rest > 0);
  return Buffer.from(out);
}

/** Two length bytes and the data; a string is written as UTF-8. */
export function prefixed(value: string | Uint8Array): Buffer {
  const bytes = typeof value === "string" ? Buffer.from(value, "utf8") : value;
  return Buffer.concat([integer(bytes.length, 2), bytes]);
}

/** The property block with its length in front. */
export function encodeProperties(properties: Properties = {}): Buffer {
  const parts: Uint8Array[] = [];
  for (const [id, name, size] of numbers) {
    const value = properties[name];
    if (value !== undefined) parts.push(Buffer.from([id]), integer(value, size));
  }
  for (const [id, name] of strings) {
    const value = properties[name];
    if (value !== undefined) parts.push(Buffer.from([id]), prefixed(value));
  }
  for (const [id, name] of binaries) {
    const value = properties[name];
    if (value !== undefined) parts.push(Buffer.from([id]), prefixed(value));
  }
  for (const identifier of properties.subscriptionIdentifiers ?? []) {
    parts.push(Buffer.from([0x0b]), variableInteger(identifier));
  }
  for (const [key, value] of properties.userProperties ?? []) {
    parts.push(Buffer.from([0x26]), prefixed(key), prefixed(value));
  }
  const block = Buffer.concat(parts);
  return Buffer.concat([variableInteger(block.length), block]);
}

/** Reads fields of a packet one after the other; throws a RangeError when one is cut off. */
export class Reader {
  readonly bytes: Buffer;
  offset = 0;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  get left(): number {
    return this.bytes.length - this.offset;
  }

  number(size: 1 | 2 | 4): number {
    const value = this.bytes.readUIntBE(this.offset, size);
    this.offset += size;
    return value;
  }

  take(length: number): Buffer {
    if (length > this.left) throw new RangeError(`field of ${length} bytes, ${this.left} left`);
    const value = this.bytes.subarray(this.offset, this.offset + length);
    this.offset += length;
    return value;
  }

  binary(): Buffer {
    return this.take(this.number(2));
  }

  string(): string {
    return this.binary().toString("utf8");
  }

  variableInteger(): number {
    let value = 0;
    for (let factor = 1; factor <= 128 ** 3; factor *= 128) {
      const byte = this.number(1);
      value += (byte & 0x7f) * factor;
      if ((byte & 0x80) === 0) return value;
    }
    throw new RangeError("variable byte integer of more than four bytes");
  }

  properties(): Properties {
    const block = new Reader(this.take(this.variableInteger()));
    const out: Properties = {};
    while (block.left > 0) readProperty(block, out);
    return out;
  }
}

function readProperty(block: Reader, out: Properties): void {
  const id = block.number(1);
  if (id === 0x0b) {
    out.subscriptionIdentifiers = [...(out.subscriptionIdentifiers ?? []), block.variableInteger()];
    return;
  }
  if (id === 0x26) {
    const key = block.string();
    out.userProperties = [...(out.userProperties ?? []), [key, block.string()]];
    return;
  }
  const number = numbers.find((row) => row[0] === id);
  const string = strings.find((row) => row[0] === id);
  const binary = binaries.find((row) => row[0] === id);
  const name = number?.[1] ?? string?.[1] ?? binary?.[1];
  if (name !== undefined && out[name] !== undefined) throw new RangeError(`property ${name} twice`);
  if (number !== undefined) out[number[1]] = block.number(number[2]);
  else if (string !== undefined) out[string[1]] = block.string();
  else if (binary !== undefined) out[binary[1]] = block.binary();
  else throw new RangeError(`unknown property 0x${id.toString(16)}`);
}
