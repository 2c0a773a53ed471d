import type { IConnectPacket, ISubscribePacket, Packet, Parser } from "mqtt-packet";
import mqttPacket from "mqtt-packet";
import {
  type Connect,
  type ConnectProperties,
  type ControlPacket,
  PacketType,
  type ProtocolVersion,
  type SubscriptionRequest,
  type UserProperty,
  type Will,
} from "./packet.ts";
import { ConnectFlag } from "./packet-layout.ts";
import type { StrictWalker } from "./strict-walker.ts";

const EMPTY = Buffer.alloc(0);
const PINGREQ: ControlPacket = { kind: "pingreq" };
const BRIDGE = 0x80;

/** mqtt-packet's streaming parser, fed with one complete frame at a time. */
class FrameParser {
  #version: ProtocolVersion;
  #parser: Parser;
  #packet: Packet | undefined;

  constructor(version: ProtocolVersion) {
    this.#version = version;
    this.#parser = this.#create();
  }

  /** The packet, or undefined when mqtt-packet does not accept it. */
  parse(frame: Buffer): Packet | undefined {
    this.#packet = undefined;
    let packet: Packet | undefined;
    try {
      const left = this.#parser.parse(frame);
      if (left === 0) packet = this.#packet;
    } catch {
      packet = undefined;
    }
    this.#packet = undefined;
    if (packet === undefined) this.#parser = this.#create();
    return packet;
  }

  #create(): Parser {
    const parser = mqttPacket.parser({ protocolVersion: this.#version });
    parser.on("packet", (packet) => {
      this.#packet = packet;
    });
    parser.on("error", () => {
      this.#packet = undefined;
    });
    return parser;
  }
}

const PARSERS = { 3: new FrameParser(3), 4: new FrameParser(4), 5: new FrameParser(5) };

/**
 * Builds our object of a packet that the walker has accepted, by way of mqtt-packet. `frameStart` is where its
 * fixed header starts. Everything in it is copied from the read buffer. Undefined: mqtt-packet did not accept it,
 * which no packet that passed the walker does.
 */
export function buildPacket(walker: StrictWalker, frameStart: number): ControlPacket | undefined {
  const { version } = walker;
  if ((walker.buffer[frameStart] ?? 0) >> 4 === PacketType.Pingreq) return PINGREQ;
  if (version === 0) return undefined;
  // mqtt-packet's results refer to the bytes that it was given, and the read buffer will be overwritten.
  const frame = Buffer.from(walker.buffer.subarray(frameStart, walker.end));
  if (walker.connectFlagsAt > 0) frame[walker.connectFlagsAt - frameStart] = walker.connectFlags;
  // MQTT 3.1 allows DUP where mqtt-packet, after MQTT 3.1.1, does not.
  frame[0] = (frame[0] ?? 0) & ~0x08;
  const parsed = PARSERS[version].parse(frame);
  switch (parsed?.cmd) {
    case "connect":
      return connect(parsed, walker, version);
    case "subscribe":
      return {
        kind: "subscribe",
        packetId: parsed.messageId ?? 0,
        subscriptions: subscriptions(parsed, walker, version),
        identifier: parsed.properties?.subscriptionIdentifier ?? 0,
        userProperties: walker.userProperties,
      };
    case "unsubscribe":
      return {
        kind: "unsubscribe",
        packetId: parsed.messageId ?? 0,
        filters: parsed.unsubscriptions,
        userProperties: walker.userProperties,
      };
    case "disconnect":
      return {
        kind: "disconnect",
        reasonCode: parsed.reasonCode ?? 0,
        properties: {
          sessionExpiryInterval: parsed.properties?.sessionExpiryInterval,
          reasonString: parsed.properties?.reasonString,
          userProperties: givenOnly(walker.userProperties),
        },
      };
    case "auth":
      return {
        kind: "auth",
        reasonCode: parsed.reasonCode,
        properties: {
          authenticationMethod: parsed.properties?.authenticationMethod,
          authenticationData: parsed.properties?.authenticationData,
          reasonString: parsed.properties?.reasonString,
          userProperties: givenOnly(walker.userProperties),
        },
      };
    default:
      return undefined;
  }
}

function connect(parsed: IConnectPacket, walker: StrictWalker, version: ProtocolVersion): Connect {
  return {
    kind: "connect",
    version,
    level: walker.level,
    bridge: (walker.level & BRIDGE) !== 0,
    clean: (walker.connectFlags & ConnectFlag.Clean) !== 0,
    keepAlive: parsed.keepalive ?? 0,
    clientId: parsed.clientId,
    username: parsed.username,
    password: parsed.password,
    will: will(parsed, walker),
    properties: version === 5 ? connectProperties(parsed, walker) : {},
  };
}

function connectProperties(parsed: IConnectPacket, walker: StrictWalker): ConnectProperties {
  const given = parsed.properties;
  return {
    sessionExpiryInterval: given?.sessionExpiryInterval,
    receiveMaximum: given?.receiveMaximum,
    maximumPacketSize: given?.maximumPacketSize,
    topicAliasMaximum: given?.topicAliasMaximum,
    requestResponseInformation: given?.requestResponseInformation,
    requestProblemInformation: given?.requestProblemInformation,
    userProperties: givenOnly(walker.userProperties),
    authenticationMethod: given?.authenticationMethod,
    authenticationData: given?.authenticationData,
  };
}

function will(parsed: IConnectPacket, walker: StrictWalker): Will | undefined {
  const given = parsed.will;
  if (given === undefined) return undefined;
  const properties = given.properties;
  const endToEndProperties = lastingCopy(walker.willProperties);
  return {
    topic: given.topic,
    payload: lastingCopy([typeof given.payload === "string" ? Buffer.from(given.payload) : given.payload]),
    qos: given.qos ?? 0,
    retain: given.retain ?? false,
    delayInterval: properties?.willDelayInterval ?? 0,
    expiryInterval: properties?.messageExpiryInterval ?? -1,
    endToEndProperties,
    properties:
      walker.version === 5
        ? {
            willDelayInterval: properties?.willDelayInterval,
            payloadFormatIndicator: properties?.payloadFormatIndicator,
            messageExpiryInterval: properties?.messageExpiryInterval,
            contentType: properties?.contentType,
            responseTopic: properties?.responseTopic,
            correlationData: properties?.correlationData,
            userProperties: givenOnly(walker.willUserProperties),
          }
        : {},
  };
}

/** Properties that were not in the packet are undefined. */
function givenOnly(userProperties: readonly UserProperty[]): readonly UserProperty[] | undefined {
  return userProperties.length === 0 ? undefined : userProperties;
}

/** A buffer of its own, for what lives as long as the session: it pins neither the frame nor Node's pool. */
function lastingCopy(parts: readonly Buffer[]): Buffer {
  const size = parts.reduce((sum, part) => sum + part.length, 0);
  if (size === 0) return EMPTY;
  const copy = Buffer.allocUnsafeSlow(size);
  let at = 0;
  for (const part of parts) at += part.copy(copy, at);
  return copy;
}

function subscriptions(
  parsed: ISubscribePacket,
  walker: StrictWalker,
  version: ProtocolVersion,
): SubscriptionRequest[] {
  return parsed.subscriptions.map((subscription, index) => {
    const filter = walker.filters[index];
    return {
      filter: subscription.topic,
      group: filter?.group,
      topicFilter: filter?.topicFilter ?? subscription.topic,
      depth: filter?.depth ?? 1,
      qos: subscription.qos,
      noLocal: version === 5 && subscription.nl === true,
      retainAsPublished: version === 5 && subscription.rap === true,
      retainHandling: version === 5 && (subscription.rh === 1 || subscription.rh === 2) ? subscription.rh : 0,
    };
  });
}
