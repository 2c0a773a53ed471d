import { variableByteIntegerSize, writeVariableByteInteger } from "./frame-header.ts";
import type { AcknowledgementType, ProtocolVersion } from "./packet.ts";
import type { Publication } from "./publication.ts";

const EXPIRY = 0x02;
const SUBSCRIPTION_IDENTIFIER = 0x0b;
const TOPIC_ALIAS = 0x23;

/** Up to this size a loop copies quicker than `Buffer.copy`, which leaves JavaScript. */
const LOOP_LIMIT = 32;

/** The most that `writeAck` writes. */
export const LARGEST_ACK = 5;

function propertiesSize(
  publication: Publication,
  alias: number,
  identifiers: readonly number[] | null,
): number {
  let size = publication.propertyEnd - publication.propertyStart;
  if (publication.expiryInterval >= 0) size += 5;
  if (alias !== 0) size += 3;
  if (identifiers !== null) {
    for (let i = 0; i < identifiers.length; i++) size += 1 + variableByteIntegerSize(identifiers[i] ?? 0);
  }
  return size;
}

function remainingLength(
  publication: Publication,
  version: ProtocolVersion,
  qos: number,
  alias: number,
  withTopic: boolean,
  properties: number,
): number {
  let length = 2 + publication.payloadEnd - publication.payloadStart;
  if (withTopic || alias === 0) length += publication.topic.bytes.length;
  if (qos !== 0) length += 2;
  if (version === 5) length += variableByteIntegerSize(properties) + properties;
  return length;
}

/**
 * Bytes that `writePublish` writes with the same arguments; also what a client's Maximum Packet Size is compared
 * with.
 */
export function publishSize(
  publication: Publication,
  version: ProtocolVersion,
  qos: number,
  alias: number,
  withTopic: boolean,
  identifiers: readonly number[] | null,
): number {
  const properties = version === 5 ? propertiesSize(publication, alias, identifiers) : 0;
  const length = remainingLength(publication, version, qos, alias, withTopic, properties);
  return 1 + variableByteIntegerSize(length) + length;
}

/**
 * Writes a PUBLISH to a client at `at` and returns where it ends; `target` must have room for `publishSize`. Hot
 * path: allocates nothing.
 *
 * - Topic, payload, end-to-end properties and the remaining expiry interval come from `publication`; `qos`, `retain`
 *   and `duplicate` are those of the delivery.
 * - `packetId` counts for QoS 1 and 2 only.
 * - With MQTT 5, `alias` is the topic alias, 0: none; `withTopic` false leaves the topic name empty, for an alias
 *   that the client knows. `identifiers` are the subscription identifiers, null: none.
 */
export function writePublish(
  target: Buffer,
  at: number,
  publication: Publication,
  version: ProtocolVersion,
  qos: number,
  retain: boolean,
  duplicate: boolean,
  packetId: number,
  alias: number,
  withTopic: boolean,
  identifiers: readonly number[] | null,
): number {
  const properties = version === 5 ? propertiesSize(publication, alias, identifiers) : 0;
  const length = remainingLength(publication, version, qos, alias, withTopic, properties);
  target[at] = 0x30 | (duplicate ? 8 : 0) | (qos << 1) | (retain ? 1 : 0);
  let position = at + 2;
  if (length < 0x80) target[at + 1] = length;
  else position = writeVariableByteInteger(target, at + 1, length);
  if (withTopic || alias === 0) {
    const topic = publication.topic.bytes;
    target[position] = topic.length >> 8;
    target[position + 1] = topic.length & 0xff;
    position = copy(topic, 0, topic.length, target, position + 2);
  } else {
    target[position++] = 0;
    target[position++] = 0;
  }
  if (qos !== 0) {
    target[position++] = packetId >> 8;
    target[position++] = packetId & 0xff;
  }
  if (version === 5) {
    position = writeProperties(target, position, publication, properties, alias, identifiers);
  }
  return copy(publication.buffer, publication.payloadStart, publication.payloadEnd, target, position);
}

function writeProperties(
  target: Buffer,
  at: number,
  publication: Publication,
  size: number,
  alias: number,
  identifiers: readonly number[] | null,
): number {
  let position = writeVariableByteInteger(target, at, size);
  if (publication.expiryInterval >= 0) {
    target[position] = EXPIRY;
    position = target.writeUInt32BE(publication.expiryInterval, position + 1);
  }
  if (alias !== 0) {
    target[position++] = TOPIC_ALIAS;
    target[position++] = alias >> 8;
    target[position++] = alias & 0xff;
  }
  if (identifiers !== null) {
    for (let i = 0; i < identifiers.length; i++) {
      target[position++] = SUBSCRIPTION_IDENTIFIER;
      position = writeVariableByteInteger(target, position, identifiers[i] ?? 0);
    }
  }
  return copy(
    publication.propertyBuffer,
    publication.propertyStart,
    publication.propertyEnd,
    target,
    position,
  );
}

function copy(source: Buffer, start: number, end: number, target: Buffer, at: number): number {
  const length = end - start;
  if (length > LOOP_LIMIT) {
    source.copy(target, at, start, end);
  } else {
    for (let i = 0; i < length; i++) target[at + i] = source[start + i] ?? 0;
  }
  return at + length;
}

/**
 * Where the packet identifier stands in the PUBLISH with QoS 1 or 2 that starts at `at`, so that one encoded PUBLISH
 * can be copied to many receivers and each copy given its own with `writePacketId`.
 */
export function packetIdOffset(buffer: Uint8Array, at: number): number {
  let position = at + 1;
  while ((buffer[position] ?? 0) >= 0x80) position++;
  const topic = position + 1;
  return topic + 2 + (((buffer[topic] ?? 0) << 8) | (buffer[topic + 1] ?? 0));
}

/** Overwrites the two bytes of a packet identifier. */
export function writePacketId(target: Uint8Array, at: number, packetId: number): void {
  target[at] = packetId >> 8;
  target[at + 1] = packetId & 0xff;
}

/**
 * Writes PUBACK, PUBREC, PUBREL or PUBCOMP in its shortest form and returns where it ends: 4 bytes, or 5 with a reason
 * code other than 0x00 (MQTT 5; the reason code is left out before). Hot path.
 */
export function writeAck(
  target: Buffer,
  at: number,
  type: AcknowledgementType,
  packetId: number,
  reasonCode: number,
  version: ProtocolVersion,
): number {
  target[at] = type === 6 ? 0x62 : type << 4;
  target[at + 2] = packetId >> 8;
  target[at + 3] = packetId & 0xff;
  if (reasonCode === 0 || version !== 5) {
    target[at + 1] = 2;
    return at + 4;
  }
  target[at + 1] = 3;
  target[at + 4] = reasonCode;
  return at + 5;
}
