import { ackRefusal, readAckReasonCode } from "./ack-reader.ts";
import { type ControlPacket, PacketType, type ProtocolVersion } from "./packet.ts";
import { buildPacket } from "./packet-builder.ts";
import { PACKET_LAYOUTS } from "./packet-layout.ts";
import { NO_TOPIC, type Publication } from "./publication.ts";
import { publishPropertiesRefusal, readPublishProperties } from "./publish-properties.ts";
import { ReasonCode } from "./reason-code.ts";
import { StrictWalker } from "./strict-walker.ts";
import type { TopicRefusal, TopicSource } from "./topic.ts";

/** Largest Remaining Length of the first packet, whatever `PacketHandler.maximumFrame` allows: nobody has been authenticated yet. */
export const MAXIMUM_CONNECT_FRAME = 512 * 1024;
/** Largest Remaining Length of any packet but PUBLISH, whatever `PacketHandler.maximumFrame` allows. */
export const MAXIMUM_CONTROL_FRAME = 8 * 1024 * 1024;

/** One connection's side of the decoder. */
export interface PacketHandler {
  /** 0 until `onPacket` has been given the CONNECT: it sets this before it returns. */
  readonly version: 0 | ProtocolVersion;
  readonly topics: TopicSource;
  /** The reused view that `onPublish` gets. */
  readonly publication: Publication;
  /** Largest Remaining Length in bytes; a longer packet is refused with 0x95. */
  readonly maximumFrame: number;

  /**
   * A PUBLISH. Its topic is `NO_TOPIC` when it came with nothing but a topic alias, which is not resolved here. Like
   * the following ones it returns false to stop the decoder: paused or closed.
   */
  onPublish(publication: Publication): boolean;
  onPuback(packetId: number, reasonCode: number): boolean;
  onPubrec(packetId: number, reasonCode: number): boolean;
  onPubrel(packetId: number, reasonCode: number): boolean;
  onPubcomp(packetId: number, reasonCode: number): boolean;
  /** Any other packet, checked. The first one is the CONNECT; a second CONNECT never comes here. */
  onPacket(packet: ControlPacket): boolean;
  /**
   * The stream breaks the protocol and the connection has to be closed; the decoder must not be called again.
   * `text` is for the log. `connectVersion` is 0, or for a refused CONNECT the version in whose terms a CONNACK
   * may give `reasonCode` (0x84 for a protocol level that nobody speaks); before CONNECT and 0: close in silence.
   */
  onMalformed(reasonCode: number, text: string, connectVersion: 0 | ProtocolVersion): void;
}

/** The reason code for each way in which a topic name can be wrong. */
const TOPIC_REFUSALS: Readonly<Record<TopicRefusal, number>> = {
  empty: ReasonCode.ProtocolError,
  wildcard: ReasonCode.TopicNameInvalid,
  encoding: ReasonCode.MalformedPacket,
  depth: ReasonCode.TopicNameInvalid,
  "too-long": ReasonCode.MalformedPacket,
};

/**
 * Decodes the packets in `buffer[start, end)` and gives them to `handler`. Returns where the first packet starts
 * that has not been decoded, because it is incomplete or the handler asked to stop: the caller keeps the rest and
 * offers it again with what follows. After `onMalformed` the result says nothing. Never throws because of input.
 *
 * Hot path: for PUBLISH and acknowledgements nothing is allocated and no byte is copied.
 */
export function decodeFrames(handler: PacketHandler, buffer: Buffer, start: number, end: number): number {
  let at = start;
  while (at < end) {
    const first = buffer[at] ?? 0;
    const version = handler.version;
    let body = at + 2;
    let length = at + 1 < end ? (buffer[at + 1] ?? 0) : 0x80;
    let overlong = false;
    if (length >= 0x80) {
      let byte = length;
      let shift = 7;
      length &= 0x7f;
      while (byte >= 0x80 && body < end && shift <= 21) {
        byte = buffer[body++] ?? 0;
        length |= (byte & 0x7f) << shift;
        shift += 7;
      }
      if (byte >= 0x80) {
        if (refuseEarly(handler, first, version)) return at;
        if (shift <= 21) return at;
        handler.onMalformed(ReasonCode.MalformedPacket, "remaining length of five bytes", 0);
        return at;
      }
      overlong = byte === 0;
    }
    const packetEnd = body + length;
    const type = first >> 4;
    if (
      length > handler.maximumFrame ||
      (version === 0 && length > MAXIMUM_CONNECT_FRAME) ||
      (length > MAXIMUM_CONTROL_FRAME && type !== PacketType.Publish)
    ) {
      if (refuseEarly(handler, first, version)) return at;
      handler.onMalformed(ReasonCode.PacketTooLarge, `packet of ${length} bytes`, 0);
      return at;
    }
    if (packetEnd > end) {
      refuseEarly(handler, first, version);
      return at;
    }
    // MQTT 3.1.1 does not ask for the shortest encoding, MQTT 5 does [MQTT-1.5.5-1].
    if (overlong && version === 5) {
      if (refuseEarly(handler, first, version)) return at;
      handler.onMalformed(ReasonCode.MalformedPacket, "overlong remaining length", 0);
      return at;
    }
    let more: boolean;
    if (type === PacketType.Publish && version !== 0) {
      more = publish(handler, buffer, first, body, packetEnd, version);
    } else if (type >= PacketType.Puback && type <= PacketType.Pubcomp && version !== 0) {
      more = acknowledgement(handler, buffer, first, body, packetEnd, version);
    } else {
      more = rarePacket(handler, buffer, at, body, packetEnd, version, overlong);
    }
    at = packetEnd;
    if (!more) return at;
  }
  return at;
}

/** What a connection speaks that begins like this and never with CONNECT; null when that is not clear. */
function otherProtocol(first: number): string | null {
  if (first === 0x16) return "this looks like TLS; the port is one for MQTT without TLS";
  if (first === 0x0d) return "this looks like the PROXY protocol; proxy_protocol is off";
  if (first === 0x50) return "this is PUBREC before CONNECT, HTTP, or the PROXY protocol";
  if (first >= 0x41 && first <= 0x5a) return "this looks like HTTP; the port is one for MQTT";
  return null;
}

/** Refuses a packet that can never be right by its first byte alone, so that nothing is kept of it. */
function refuseEarly(handler: PacketHandler, first: number, version: 0 | ProtocolVersion): boolean {
  const type = first >> 4;
  const flags = first & 0x0f;
  if (version === 0) {
    const other = otherProtocol(first);
    if (other !== null) return refuse(handler, ReasonCode.ProtocolError, other); // [MQTT-3.1.0-1]
    if (type !== PacketType.Connect) {
      return refuse(handler, ReasonCode.ProtocolError, `packet type ${type} before CONNECT`); // [MQTT-3.1.0-1]
    }
  } else if (type === PacketType.Connect) {
    return refuse(handler, ReasonCode.ProtocolError, "second CONNECT"); // [MQTT-3.1.0-2]
  }
  if (type === PacketType.Publish) return refusePublishFlags(handler, first);
  if (type >= PacketType.Puback && type <= PacketType.Pubcomp) {
    const wanted = type === PacketType.Pubrel ? 0x02 : 0;
    const ignored = type === PacketType.Pubrel && version === 3 ? 0x08 : 0;
    if ((flags & ~ignored) === wanted) return false;
    return refuse(handler, ReasonCode.MalformedPacket, `reserved flags of packet type ${type}`); // [MQTT-2.1.3-1]
  }
  const layout = PACKET_LAYOUTS.get(type);
  if (layout === undefined) {
    if (type === 0) return refuse(handler, ReasonCode.MalformedPacket, "reserved packet type 0");
    return refuse(handler, ReasonCode.ProtocolError, `packet type ${type} is sent by servers only`);
  }
  if (version !== 0 && version < layout.since) {
    return refuse(
      handler,
      ReasonCode.MalformedPacket,
      `${layout.name} does not exist in this protocol version`,
    );
  }
  const ignored = version === 3 && layout.duplicates ? 0x08 : 0;
  if ((flags & ~ignored) === layout.flags) return false;
  return refuse(handler, ReasonCode.MalformedPacket, `reserved flags of ${layout.name}`); // [MQTT-2.1.3-1]
}

function refusePublishFlags(handler: PacketHandler, first: number): boolean {
  if ((first & 0x06) === 0x06) return refuse(handler, ReasonCode.MalformedPacket, "PUBLISH with QoS 3"); // [MQTT-3.3.1-4]
  if ((first & 0x0e) === 0x08)
    return refuse(handler, ReasonCode.MalformedPacket, "PUBLISH with QoS 0 and DUP"); // [MQTT-3.3.1-2]
  return false;
}

/** Always true, for `refuseEarly`; callers that tell whether to go on negate it. */
function refuse(handler: PacketHandler, reasonCode: number, text: string): true {
  handler.onMalformed(reasonCode, text, 0);
  return true;
}

/** False: stop. */
function publish(
  handler: PacketHandler,
  buffer: Buffer,
  first: number,
  start: number,
  end: number,
  version: ProtocolVersion,
): boolean {
  const qos = (first >> 1) & 3;
  if ((qos === 3 || (first & 0x0e) === 0x08) && refusePublishFlags(handler, first)) return false;
  const topicStart = start + 2;
  const topicEnd = topicStart + (((buffer[start] ?? 0) << 8) | (buffer[start + 1] ?? 0));
  let at = qos === 0 ? topicEnd : topicEnd + 2;
  // Also right when the length of the topic itself is cut off: topicEnd is then at least start + 2 > end.
  if (at > end)
    return !refuse(handler, ReasonCode.MalformedPacket, "PUBLISH ends within topic or packet identifier");
  const publication = handler.publication;
  publication.expiryInterval = -1;
  publication.textPayload = false;
  publication.topicAlias = 0;
  if (version === 5) {
    at = readPublishProperties(publication, buffer, at, end);
    if (at < 0) return !refuse(handler, -at, `PUBLISH: ${publishPropertiesRefusal()}`);
  } else {
    publication.propertyStart = 0;
    publication.propertyEnd = 0;
  }
  if (topicEnd === topicStart && publication.topicAlias !== 0) {
    publication.topic = NO_TOPIC;
  } else {
    const topic = handler.topics.intern(buffer, topicStart, topicEnd);
    if (typeof topic === "string")
      return !refuse(handler, TOPIC_REFUSALS[topic], `topic name refused (${topic})`);
    publication.topic = topic;
  }
  if (qos === 0) {
    publication.packetId = 0;
  } else {
    const packetId = ((buffer[topicEnd] ?? 0) << 8) | (buffer[topicEnd + 1] ?? 0);
    if (packetId === 0) return !refuse(handler, ReasonCode.ProtocolError, "packet identifier 0"); // [MQTT-2.2.1-3]
    publication.packetId = packetId;
  }
  publication.qos = qos;
  publication.retain = (first & 1) !== 0;
  publication.duplicate = (first & 8) !== 0;
  publication.buffer = buffer;
  publication.payloadStart = at;
  publication.payloadEnd = end;
  publication.origin = null;
  publication.copy = null;
  publication.serial++;
  return handler.onPublish(publication);
}

/** False: stop. */
function acknowledgement(
  handler: PacketHandler,
  buffer: Buffer,
  first: number,
  start: number,
  end: number,
  version: ProtocolVersion,
): boolean {
  const type = first >> 4;
  if ((first & 0x0f) !== (type === PacketType.Pubrel ? 0x02 : 0) && refuseEarly(handler, first, version))
    return false;
  const packetId = ((buffer[start] ?? 0) << 8) | (buffer[start + 1] ?? 0);
  let reasonCode: number = ReasonCode.Success;
  if (end - start !== 2) {
    if (version !== 5 || end - start < 2) {
      return !refuse(handler, ReasonCode.MalformedPacket, `acknowledgement of ${end - start} bytes`);
    }
    reasonCode = readAckReasonCode(buffer, type, start + 2, end);
    if (reasonCode < 0) return !refuse(handler, -reasonCode, `acknowledgement: ${ackRefusal()}`);
  }
  if (packetId === 0)
    return !refuse(handler, ReasonCode.ProtocolError, "acknowledgement of packet identifier 0");
  switch (type) {
    case PacketType.Puback:
      return handler.onPuback(packetId, reasonCode);
    case PacketType.Pubrec:
      return handler.onPubrec(packetId, reasonCode);
    case PacketType.Pubrel:
      return handler.onPubrel(packetId, reasonCode);
    default:
      return handler.onPubcomp(packetId, reasonCode);
  }
}

/** Any packet but PUBLISH and acknowledgements, or any at all before CONNECT. False: stop. */
function rarePacket(
  handler: PacketHandler,
  buffer: Buffer,
  frameStart: number,
  start: number,
  end: number,
  version: 0 | ProtocolVersion,
  overlong: boolean,
): boolean {
  const first = buffer[frameStart] ?? 0;
  if (refuseEarly(handler, first, version)) return false;
  const type = first >> 4;
  const layout = PACKET_LAYOUTS.get(type);
  if (layout === undefined) return false;
  const walker = new StrictWalker(buffer, start, end, version);
  if (!walker.walk(layout)) {
    handler.onMalformed(walker.refusal, `${layout.name}: ${walker.refusalText}`, walker.answerVersion);
    return false;
  }
  if (overlong && walker.version === 5) {
    handler.onMalformed(ReasonCode.MalformedPacket, "overlong remaining length", walker.answerVersion);
    return false;
  }
  return handler.onPacket(buildPacket(type, walker));
}
