import type { Publication } from "./publication.ts";
import { ReasonCode } from "./reason-code.ts";
import { isWellFormedText } from "./text-encoding.ts";

/** A scratch buffer larger than this is not kept for the next publish. */
const LARGEST_SCRATCH = 64 * 1024;

const PAYLOAD_FORMAT = 0x01;
const MESSAGE_EXPIRY = 0x02;
const CONTENT_TYPE = 0x03;
const RESPONSE_TOPIC = 0x08;
const CORRELATION_DATA = 0x09;
const SUBSCRIPTION_IDENTIFIER = 0x0b;
const TOPIC_ALIAS = 0x23;
const USER_PROPERTY = 0x26;

let refusalText = "";
let scratch: Buffer = Buffer.alloc(1024);
let scratchUsed = 0;

/** Why `readPublishProperties` refused the last time that it did. */
export function publishPropertiesRefusal(): string {
  return refusalText;
}

/**
 * Checks the properties of a client's PUBLISH in place, from their length at `at` on, and puts them into
 * `publication`: expiry interval, topic alias, and where the end-to-end ones stand (in the read buffer when they are
 * in one piece, else in a scratch buffer that the next publish overwrites). Returns where the payload starts, or
 * minus the reason code. Hot path: allocates nothing.
 */
export function readPublishProperties(
  publication: Publication,
  buffer: Buffer,
  at: number,
  packetEnd: number,
): number {
  if (at >= packetEnd) return refuse(ReasonCode.MalformedPacket, "packet ends within property length");
  let length = buffer[at] ?? 0;
  let position = at + 1;
  if (length >= 0x80) {
    length &= 0x7f;
    let byte = 0x80;
    for (let shift = 7; byte >= 0x80; shift += 7) {
      if (shift > 21 || position >= packetEnd)
        return refuse(ReasonCode.MalformedPacket, "invalid property length");
      byte = buffer[position++] ?? 0;
      length |= (byte & 0x7f) << shift;
    }
    if (byte === 0) return refuse(ReasonCode.MalformedPacket, "overlong property length"); // [MQTT-1.5.5-1]
  }
  const end = position + length;
  if (end > packetEnd) return refuse(ReasonCode.MalformedPacket, "property length beyond the packet");
  publication.propertyBuffer = buffer;
  publication.propertyStart = position;
  publication.propertyEnd = position;
  if (length === 0) return end;
  return walk(publication, buffer, position, end);
}

function walk(publication: Publication, buffer: Buffer, start: number, end: number): number {
  let keptStart = start;
  let keptEnd = start;
  let pieces = false;
  let seen = 0;
  let at = start;
  scratchUsed = 0;
  while (at < end) {
    const id = buffer[at] ?? 0;
    let next = at + 1;
    let bit = 0;
    switch (id) {
      case USER_PROPERTY:
        next = textEnd(buffer, next, end);
        if (next > 0) next = textEnd(buffer, next, end);
        break;
      case PAYLOAD_FORMAT:
        bit = 1;
        if ((buffer[next++] ?? 0) > 1 && next <= end) {
          return refuse(ReasonCode.ProtocolError, "payload format indicator is neither 0 nor 1");
        }
        break;
      case MESSAGE_EXPIRY:
        bit = 2;
        next += 4;
        break;
      case CONTENT_TYPE:
        bit = 4;
        next = textEnd(buffer, next, end);
        break;
      case RESPONSE_TOPIC:
        bit = 8;
        next = textEnd(buffer, next, end);
        if (next === at + 3) return refuse(ReasonCode.ProtocolError, "empty response topic"); // [MQTT-4.7.3-1]
        if (next > 0 && hasWildcard(buffer, at + 3, next)) {
          return refuse(ReasonCode.ProtocolError, "response topic with a wildcard"); // [MQTT-3.3.2-14]
        }
        break;
      case CORRELATION_DATA:
        bit = 16;
        next = binaryEnd(buffer, next, end);
        break;
      case TOPIC_ALIAS:
        bit = 32;
        next += 2;
        break;
      case SUBSCRIPTION_IDENTIFIER:
        return refuse(ReasonCode.ProtocolError, "subscription identifier from a client"); // [MQTT-3.3.4-6]
      default:
        return refuse(ReasonCode.MalformedPacket, `property ${id} does not belong in PUBLISH`);
    }
    if (next < 0) return refuse(ReasonCode.MalformedPacket, `property ${id} is not valid UTF-8`);
    if (next === 0 || next > end)
      return refuse(ReasonCode.MalformedPacket, `property ${id} beyond the property length`);
    if ((seen & bit) !== 0) return refuse(ReasonCode.ProtocolError, `property ${id} twice`);
    seen |= bit;
    if (id === PAYLOAD_FORMAT) publication.textPayload = buffer[at + 1] === 1;
    if (id === MESSAGE_EXPIRY) {
      publication.expiryInterval = buffer.readUInt32BE(at + 1);
    } else if (id === TOPIC_ALIAS) {
      const alias = ((buffer[at + 1] ?? 0) << 8) | (buffer[at + 2] ?? 0);
      if (alias === 0) return refuse(ReasonCode.TopicAliasInvalid, "topic alias 0"); // [MQTT-3.3.2-8]
      publication.topicAlias = alias;
    } else if (keptEnd === at) {
      keptEnd = next;
    } else if (keptEnd === keptStart) {
      keptStart = at;
      keptEnd = next;
    } else {
      pieces = true;
      keep(buffer, keptStart, keptEnd, end - start);
      keptStart = at;
      keptEnd = next;
    }
    at = next;
  }
  if (pieces) {
    keep(buffer, keptStart, keptEnd, end - start);
    publication.propertyBuffer = scratch;
    publication.propertyStart = 0;
    publication.propertyEnd = scratchUsed;
    if (scratch.length > LARGEST_SCRATCH) scratch = Buffer.alloc(1024);
  } else {
    publication.propertyStart = keptStart;
    publication.propertyEnd = keptEnd;
  }
  return end;
}

/** Appends a piece to the scratch buffer, which gets room for `most` bytes. */
function keep(buffer: Buffer, start: number, end: number, most: number): void {
  if (scratch.length < most) scratch = Buffer.allocUnsafeSlow(most);
  scratchUsed += buffer.copy(scratch, scratchUsed, start, end);
}

/** Where the binary data whose length stands at `at` ends; 0: beyond `end`. */
function binaryEnd(buffer: Buffer, at: number, end: number): number {
  const next = at + 2 + (((buffer[at] ?? 0) << 8) | (buffer[at + 1] ?? 0));
  return next > end ? 0 : next;
}

/** The same for text; -1: not valid UTF-8. */
function textEnd(buffer: Buffer, at: number, end: number): number {
  const next = binaryEnd(buffer, at, end);
  return next > 0 && !isWellFormedText(buffer, at + 2, next) ? -1 : next;
}

function hasWildcard(buffer: Buffer, start: number, end: number): boolean {
  for (let at = start; at < end; at++) {
    if (buffer[at] === 0x2b || buffer[at] === 0x23) return true;
  }
  return false;
}

function refuse(code: number, text: string): number {
  refusalText = text;
  return -code;
}
