import { lastingCopy } from "./lasting-copy.ts";
import {
  type Auth,
  type Connect,
  type ConnectProperties,
  type ControlPacket,
  type Disconnect,
  PacketType,
  type ProtocolVersion,
  type SubscriptionRequest,
  type UserProperty,
  type Will,
} from "./packet.ts";
import { ConnectFlag } from "./packet-layout.ts";
import type { StrictWalker, WalkedFilter } from "./strict-walker.ts";

const PINGREQ: ControlPacket = { kind: "pingreq" };
const BRIDGE = 0x80;
/** What CONNECT has in MQTT 3.1 and 3.1.1. */
const NO_PROPERTIES: ConnectProperties = {};

/** Bits of the subscription options byte [MQTT-3.8.3.1]. */
const SubscriptionOption = {
  QoS: 0x03,
  NoLocal: 0x04,
  RetainAsPublished: 0x08,
  RetainHandling: 0x30,
} as const;

/** Makes our object of a packet whose fields the walker has accepted; `type` is one that has a layout. */
export function buildPacket(type: number, walker: StrictWalker): ControlPacket {
  // A CONNECT has told its version, and nothing else comes before it.
  const version = walker.version === 0 ? 4 : walker.version;
  switch (type) {
    case PacketType.Connect:
      return connect(walker, version);
    case PacketType.Subscribe:
      return {
        kind: "subscribe",
        packetId: walker.packetId,
        subscriptions: walker.filters.map((filter) => subscription(filter, version)),
        identifier: walker.properties.subscriptionIdentifier ?? 0,
        userProperties: walker.userProperties,
      };
    case PacketType.Unsubscribe:
      return {
        kind: "unsubscribe",
        packetId: walker.packetId,
        filters: walker.filters.map((filter) => filter.parsed.text),
        userProperties: walker.userProperties,
      };
    case PacketType.Disconnect:
      return disconnect(walker);
    case PacketType.Auth:
      return auth(walker);
    default:
      return PINGREQ;
  }
}

function connect(walker: StrictWalker, version: ProtocolVersion): Connect {
  const { connectFlags } = walker;
  return {
    kind: "connect",
    version,
    level: walker.level,
    bridge: (walker.level & BRIDGE) !== 0,
    clean: (connectFlags & ConnectFlag.Clean) !== 0,
    keepAlive: walker.keepAlive,
    clientId: walker.clientId,
    username: (connectFlags & ConnectFlag.Username) === 0 ? undefined : walker.username,
    password: (connectFlags & ConnectFlag.Password) === 0 ? undefined : walker.password,
    will: (connectFlags & ConnectFlag.Will) === 0 ? undefined : will(walker, version),
    properties: version === 5 ? connectProperties(walker) : NO_PROPERTIES,
  };
}

function connectProperties({ properties, userProperties }: StrictWalker): ConnectProperties {
  return {
    sessionExpiryInterval: properties.sessionExpiryInterval,
    receiveMaximum: properties.receiveMaximum,
    maximumPacketSize: properties.maximumPacketSize,
    topicAliasMaximum: properties.topicAliasMaximum,
    requestResponseInformation: properties.requestResponseInformation,
    requestProblemInformation: properties.requestProblemInformation,
    userProperties: givenOnly(userProperties),
    authenticationMethod: properties.authenticationMethod,
    authenticationData: properties.authenticationData,
  };
}

function will(walker: StrictWalker, version: ProtocolVersion): Will {
  const { connectFlags, willProperties } = walker;
  const qos = (connectFlags & ConnectFlag.WillQoS) >> 3;
  const { willDelayInterval, messageExpiryInterval } = willProperties;
  const endToEnd = Buffer.concat(walker.willEndToEnd);
  return {
    topic: walker.willTopic,
    payload: walker.willPayload,
    qos: qos === 1 || qos === 2 ? qos : 0,
    retain: (connectFlags & ConnectFlag.WillRetain) !== 0,
    delayInterval: willDelayInterval ?? 0,
    expiryInterval: messageExpiryInterval ?? -1,
    endToEndProperties: lastingCopy(endToEnd, 0, endToEnd.length),
    properties:
      version === 5
        ? {
            willDelayInterval,
            payloadFormatIndicator: willProperties.payloadFormatIndicator,
            messageExpiryInterval,
            contentType: willProperties.contentType,
            responseTopic: willProperties.responseTopic,
            correlationData: willProperties.correlationData,
            userProperties: givenOnly(walker.willUserProperties),
          }
        : {},
  };
}

function subscription({ parsed, options }: WalkedFilter, version: ProtocolVersion): SubscriptionRequest {
  const qos = options & SubscriptionOption.QoS;
  const retainHandling = (options & SubscriptionOption.RetainHandling) >> 4;
  return {
    filter: parsed.text,
    group: parsed.group,
    topicFilter: parsed.topicFilter,
    depth: parsed.depth,
    qos: qos === 1 || qos === 2 ? qos : 0,
    noLocal: version === 5 && (options & SubscriptionOption.NoLocal) !== 0,
    retainAsPublished: version === 5 && (options & SubscriptionOption.RetainAsPublished) !== 0,
    retainHandling: version === 5 && (retainHandling === 1 || retainHandling === 2) ? retainHandling : 0,
  };
}

function disconnect({ reasonCode, properties, userProperties }: StrictWalker): Disconnect {
  return {
    kind: "disconnect",
    reasonCode,
    properties: {
      sessionExpiryInterval: properties.sessionExpiryInterval,
      reasonString: properties.reasonString,
      userProperties: givenOnly(userProperties),
    },
  };
}

function auth({ reasonCode, properties, userProperties }: StrictWalker): Auth {
  return {
    kind: "auth",
    reasonCode,
    properties: {
      authenticationMethod: properties.authenticationMethod,
      authenticationData: properties.authenticationData,
      reasonString: properties.reasonString,
      userProperties: givenOnly(userProperties),
    },
  };
}

/** Properties that were not in the packet are undefined. */
function givenOnly(userProperties: readonly UserProperty[]): readonly UserProperty[] | undefined {
  return userProperties.length === 0 ? undefined : userProperties;
}
