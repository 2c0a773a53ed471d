import type { Properties } from "./packet.ts";

/** Where properties can stand; bits, so that a rule can name several. */
export const Place = {
  Connect: 1,
  Will: 2,
  Connack: 4,
  /** PUBACK, PUBREC, PUBREL, PUBCOMP, SUBACK, UNSUBACK. */
  Acknowledgement: 8,
  Subscribe: 16,
  Unsubscribe: 32,
  ClientDisconnect: 64,
  ServerDisconnect: 128,
  Auth: 256,
} as const;

/** How a property's value stands on the wire; `flag` is a byte that must be 0 or 1 and is a boolean to us. */
type PropertyType = "bit" | "flag" | "int16" | "int32" | "varint" | "text" | "binary" | "pair";

export interface PropertyRule {
  readonly id: number;
  readonly name: keyof Properties;
  readonly type: PropertyType;
  /** Sum of the places where it is allowed (table 2-4 of MQTT 5). */
  readonly places: number;
  /** Zero is a protocol error. */
  readonly nonZero: boolean;
  /** Passed on to the receivers of the will message. */
  readonly endToEnd: boolean;
}

const EVERYWHERE =
  Place.Connect |
  Place.Will |
  Place.Connack |
  Place.Acknowledgement |
  Place.Subscribe |
  Place.Unsubscribe |
  Place.ClientDisconnect |
  Place.ServerDisconnect |
  Place.Auth;
const REASON =
  Place.Connack | Place.Acknowledgement | Place.ClientDisconnect | Place.ServerDisconnect | Place.Auth;
const AUTHENTICATION = Place.Connect | Place.Connack | Place.Auth;
const EXPIRY = Place.Connect | Place.Connack | Place.ClientDisconnect;
const BOTH_WAYS = Place.Connect | Place.Connack;

function rule(
  id: number,
  name: keyof Properties,
  type: PropertyType,
  places: number,
  option: "nonZero" | "endToEnd" | "plain" = "plain",
): PropertyRule {
  return { id, name, type, places, nonZero: option === "nonZero", endToEnd: option === "endToEnd" };
}

/** Every property of MQTT 5 in the packets other than PUBLISH (section 2.2.2.2). */
export const PROPERTY_RULES: readonly PropertyRule[] = [
  rule(0x01, "payloadFormatIndicator", "flag", Place.Will, "endToEnd"),
  rule(0x02, "messageExpiryInterval", "int32", Place.Will),
  rule(0x03, "contentType", "text", Place.Will, "endToEnd"),
  rule(0x08, "responseTopic", "text", Place.Will, "endToEnd"),
  rule(0x09, "correlationData", "binary", Place.Will, "endToEnd"),
  rule(0x0b, "subscriptionIdentifier", "varint", Place.Subscribe, "nonZero"),
  rule(0x11, "sessionExpiryInterval", "int32", EXPIRY),
  rule(0x12, "assignedClientIdentifier", "text", Place.Connack),
  rule(0x13, "serverKeepAlive", "int16", Place.Connack),
  rule(0x15, "authenticationMethod", "text", AUTHENTICATION),
  rule(0x16, "authenticationData", "binary", AUTHENTICATION),
  rule(0x17, "requestProblemInformation", "flag", Place.Connect),
  rule(0x18, "willDelayInterval", "int32", Place.Will),
  rule(0x19, "requestResponseInformation", "flag", Place.Connect),
  rule(0x1a, "responseInformation", "text", Place.Connack),
  rule(0x1c, "serverReference", "text", Place.Connack | Place.ServerDisconnect),
  rule(0x1f, "reasonString", "text", REASON),
  rule(0x21, "receiveMaximum", "int16", BOTH_WAYS, "nonZero"),
  rule(0x22, "topicAliasMaximum", "int16", BOTH_WAYS),
  rule(0x24, "maximumQoS", "bit", Place.Connack),
  rule(0x25, "retainAvailable", "flag", Place.Connack),
  rule(0x26, "userProperties", "pair", EVERYWHERE, "endToEnd"),
  rule(0x27, "maximumPacketSize", "int32", BOTH_WAYS, "nonZero"),
  rule(0x28, "wildcardSubscriptionAvailable", "flag", Place.Connack),
  rule(0x29, "subscriptionIdentifiersAvailable", "flag", Place.Connack),
  rule(0x2a, "sharedSubscriptionAvailable", "flag", Place.Connack),
];

/** The rules by property identifier. */
export const PROPERTY_RULE_BY_ID: ReadonlyMap<number, PropertyRule> = new Map(
  PROPERTY_RULES.map((each) => [each.id, each]),
);
