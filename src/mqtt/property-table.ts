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

/** The properties whose value is a `Value`. */
type NameOf<Value> = {
  [Name in keyof Properties]-?: Exclude<Properties[Name], undefined> extends Value ? Name : never;
}[keyof Properties];

/** How a property's value stands on the wire; `flag` is a byte that must be 0 or 1 and is a boolean to us. */
type TypedName =
  | { readonly type: "bit"; readonly name: "maximumQoS" }
  | { readonly type: "flag"; readonly name: NameOf<boolean> }
  | { readonly type: "int16" | "int32" | "varint"; readonly name: NameOf<number> }
  | { readonly type: "text"; readonly name: NameOf<string> }
  | { readonly type: "binary"; readonly name: NameOf<Buffer> }
  | { readonly type: "pair"; readonly name: "userProperties" };

interface RuleBase {
  readonly id: number;
  /** Sum of the places where it is allowed (table 2-4 of MQTT 5). */
  readonly places: number;
  /** Zero is a protocol error. */
  readonly nonZero: boolean;
  /** Passed on to the receivers of the will message. */
  readonly endToEnd: boolean;
}

export type PropertyRule = RuleBase & TypedName;
/** The rule of a property that is a number. */
export type NumberRule = Extract<PropertyRule, { readonly name: NameOf<number> }>;

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
  typed: TypedName,
  places: number,
  option: "nonZero" | "endToEnd" | "plain" = "plain",
): PropertyRule {
  return { id, ...typed, places, nonZero: option === "nonZero", endToEnd: option === "endToEnd" };
}

/** Every property of MQTT 5 in the packets other than PUBLISH (section 2.2.2.2). */
export const PROPERTY_RULES: readonly PropertyRule[] = [
  rule(0x01, { name: "payloadFormatIndicator", type: "flag" }, Place.Will, "endToEnd"),
  rule(0x02, { name: "messageExpiryInterval", type: "int32" }, Place.Will),
  rule(0x03, { name: "contentType", type: "text" }, Place.Will, "endToEnd"),
  rule(0x08, { name: "responseTopic", type: "text" }, Place.Will, "endToEnd"),
  rule(0x09, { name: "correlationData", type: "binary" }, Place.Will, "endToEnd"),
  rule(0x0b, { name: "subscriptionIdentifier", type: "varint" }, Place.Subscribe, "nonZero"),
  rule(0x11, { name: "sessionExpiryInterval", type: "int32" }, EXPIRY),
  rule(0x12, { name: "assignedClientIdentifier", type: "text" }, Place.Connack),
  rule(0x13, { name: "serverKeepAlive", type: "int16" }, Place.Connack),
  rule(0x15, { name: "authenticationMethod", type: "text" }, AUTHENTICATION),
  rule(0x16, { name: "authenticationData", type: "binary" }, AUTHENTICATION),
  rule(0x17, { name: "requestProblemInformation", type: "flag" }, Place.Connect),
  rule(0x18, { name: "willDelayInterval", type: "int32" }, Place.Will),
  rule(0x19, { name: "requestResponseInformation", type: "flag" }, Place.Connect),
  rule(0x1a, { name: "responseInformation", type: "text" }, Place.Connack),
  rule(0x1c, { name: "serverReference", type: "text" }, Place.Connack | Place.ServerDisconnect),
  rule(0x1f, { name: "reasonString", type: "text" }, REASON),
  rule(0x21, { name: "receiveMaximum", type: "int16" }, BOTH_WAYS, "nonZero"),
  rule(0x22, { name: "topicAliasMaximum", type: "int16" }, BOTH_WAYS),
  rule(0x24, { name: "maximumQoS", type: "bit" }, Place.Connack),
  rule(0x25, { name: "retainAvailable", type: "flag" }, Place.Connack),
  rule(0x26, { name: "userProperties", type: "pair" }, EVERYWHERE, "endToEnd"),
  rule(0x27, { name: "maximumPacketSize", type: "int32" }, BOTH_WAYS, "nonZero"),
  rule(0x28, { name: "wildcardSubscriptionAvailable", type: "flag" }, Place.Connack),
  rule(0x29, { name: "subscriptionIdentifiersAvailable", type: "flag" }, Place.Connack),
  rule(0x2a, { name: "sharedSubscriptionAvailable", type: "flag" }, Place.Connack),
];

/** The rules by property identifier. */
export const PROPERTY_RULE_BY_ID: ReadonlyMap<number, PropertyRule> = new Map(
  PROPERTY_RULES.map((each) => [each.id, each]),
);
