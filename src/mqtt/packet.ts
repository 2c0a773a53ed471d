/** The protocol levels that a session can speak: 3 is MQTT 3.1, 4 is 3.1.1, 5 is 5.0. */
export type ProtocolVersion = 3 | 4 | 5;

/** The control packet types, as in the upper half of the first byte. */
export const PacketType = {
  Connect: 1,
  Connack: 2,
  Publish: 3,
  Puback: 4,
  Pubrec: 5,
  Pubrel: 6,
  Pubcomp: 7,
  Subscribe: 8,
  Suback: 9,
  Unsubscribe: 10,
  Unsuback: 11,
  Pingreq: 12,
  Pingresp: 13,
  Disconnect: 14,
  Auth: 15,
} as const;

/** The four packets that acknowledge a PUBLISH. */
export type AcknowledgementType = 4 | 5 | 6 | 7;

/** Name and value of a user property. Names may repeat, and the order counts. */
export type UserProperty = readonly [name: string, value: string];

/** All properties of MQTT 5 that packets other than PUBLISH carry; the packet types pick theirs. */
export interface Properties {
  /** Seconds; 0xFFFFFFFF: the session never expires. */
  sessionExpiryInterval?: number | undefined;
  assignedClientIdentifier?: string | undefined;
  /** Seconds. */
  serverKeepAlive?: number | undefined;
  authenticationMethod?: string | undefined;
  authenticationData?: Buffer | undefined;
  requestProblemInformation?: boolean | undefined;
  requestResponseInformation?: boolean | undefined;
  responseInformation?: string | undefined;
  serverReference?: string | undefined;
  reasonString?: string | undefined;
  /** 1 to 65535. */
  receiveMaximum?: number | undefined;
  topicAliasMaximum?: number | undefined;
  /** 0 or 1. */
  maximumQoS?: number | undefined;
  retainAvailable?: boolean | undefined;
  userProperties?: readonly UserProperty[] | undefined;
  /** Bytes of a whole packet, at least 1. */
  maximumPacketSize?: number | undefined;
  wildcardSubscriptionAvailable?: boolean | undefined;
  subscriptionIdentifiersAvailable?: boolean | undefined;
  sharedSubscriptionAvailable?: boolean | undefined;
  /** 1 to 268435455. */
  subscriptionIdentifier?: number | undefined;
  payloadFormatIndicator?: boolean | undefined;
  /** Seconds. */
  messageExpiryInterval?: number | undefined;
  contentType?: string | undefined;
  responseTopic?: string | undefined;
  correlationData?: Buffer | undefined;
  /** Seconds. */
  willDelayInterval?: number | undefined;
}

export type ConnectProperties = Pick<
  Properties,
  | "sessionExpiryInterval"
  | "receiveMaximum"
  | "maximumPacketSize"
  | "topicAliasMaximum"
  | "requestResponseInformation"
  | "requestProblemInformation"
  | "userProperties"
  | "authenticationMethod"
  | "authenticationData"
>;

export type WillProperties = Pick<
  Properties,
  | "willDelayInterval"
  | "payloadFormatIndicator"
  | "messageExpiryInterval"
  | "contentType"
  | "responseTopic"
  | "correlationData"
  | "userProperties"
>;

export type ConnackProperties = Pick<
  Properties,
  | "sessionExpiryInterval"
  | "receiveMaximum"
  | "maximumQoS"
  | "retainAvailable"
  | "maximumPacketSize"
  | "assignedClientIdentifier"
  | "topicAliasMaximum"
  | "reasonString"
  | "userProperties"
  | "wildcardSubscriptionAvailable"
  | "subscriptionIdentifiersAvailable"
  | "sharedSubscriptionAvailable"
  | "serverKeepAlive"
  | "responseInformation"
  | "serverReference"
  | "authenticationMethod"
  | "authenticationData"
>;

/** What PUBACK, PUBREC, PUBREL, PUBCOMP, SUBACK and UNSUBACK may carry. */
export type AcknowledgementProperties = Pick<Properties, "reasonString" | "userProperties">;

export type DisconnectProperties = Pick<
  Properties,
  "sessionExpiryInterval" | "reasonString" | "userProperties" | "serverReference"
>;

export type AuthProperties = Pick<
  Properties,
  "authenticationMethod" | "authenticationData" | "reasonString" | "userProperties"
>;

/** The will message of a CONNECT. Its buffers are copies that belong to it. */
export interface Will {
  /** A valid topic name (not empty, no wildcards); its depth has not been checked. */
  readonly topic: string;
  readonly payload: Buffer;
  readonly qos: 0 | 1 | 2;
  readonly retain: boolean;
  /** Will delay interval in seconds, 0 when absent. */
  readonly delayInterval: number;
  /** Message expiry interval in seconds, -1 when absent. */
  readonly expiryInterval: number;
  /** Wire bytes of the properties that are passed on, see `Message.propertyStart`; empty when there are none. */
  readonly endToEndProperties: Buffer;
  /** The same properties, parsed; empty for MQTT 3.1 and 3.1.1. */
  readonly properties: WillProperties;
}

export interface Connect {
  readonly kind: "connect";
  readonly version: ProtocolVersion;
  /** The protocol level byte as sent: 3, 4, 5, 131 or 132; what `allowed_protocol_versions` is about. */
  readonly level: number;
  /** True for the private bridge levels 131 and 132. */
  readonly bridge: boolean;
  /** Clean session (3.1, 3.1.1) or clean start (5). */
  readonly clean: boolean;
  /** Seconds, 0: none. */
  readonly keepAlive: number;
  /** May be empty. */
  readonly clientId: string;
  readonly username: string | undefined;
  readonly password: Buffer | undefined;
  readonly will: Will | undefined;
  readonly properties: ConnectProperties;
}

/** One topic filter of a SUBSCRIBE with its options; well formed, its depth has not been checked. */
export interface SubscriptionRequest {
  /** The filter as sent, with `$share/<group>/` if it has one. */
  readonly filter: string;
  /** Name of the group of a shared subscription. */
  readonly group: string | undefined;
  /** The filter without `$share/<group>/`; the same string as `filter` when it is not shared. */
  readonly topicFilter: string;
  /** Number of levels of `filter`; `$share` and the group count, for `topic_max_depth`. */
  readonly depth: number;
  readonly qos: 0 | 1 | 2;
  readonly noLocal: boolean;
  readonly retainAsPublished: boolean;
  readonly retainHandling: 0 | 1 | 2;
}

export interface Subscribe {
  readonly kind: "subscribe";
  readonly packetId: number;
  /** At least one. */
  readonly subscriptions: readonly SubscriptionRequest[];
  /** Subscription identifier, 0 when absent. */
  readonly identifier: number;
  readonly userProperties: readonly UserProperty[];
}

export interface Unsubscribe {
  readonly kind: "unsubscribe";
  readonly packetId: number;
  /** At least one, as sent. */
  readonly filters: readonly string[];
  readonly userProperties: readonly UserProperty[];
}

export interface Pingreq {
  readonly kind: "pingreq";
}

/** DISCONNECT of a client, or of the broker (MQTT 5 only). */
export interface Disconnect {
  readonly kind: "disconnect";
  /** 0x00 for MQTT 3.1 and 3.1.1. */
  readonly reasonCode: number;
  readonly properties: DisconnectProperties;
}

export interface Auth {
  readonly kind: "auth";
  readonly reasonCode: number;
  readonly properties: AuthProperties;
}

/** What `PacketHandler.onPacket` gets: the packets of clients that are neither PUBLISH nor acknowledgement. */
export type ControlPacket = Connect | Subscribe | Unsubscribe | Pingreq | Disconnect | Auth;

export interface Connack {
  readonly kind: "connack";
  readonly sessionPresent: boolean;
  /** A reason code for MQTT 5, a return code (0 to 5) for 3.1 and 3.1.1. */
  readonly reasonCode: number;
  readonly properties?: ConnackProperties | undefined;
}

export interface Suback {
  readonly kind: "suback";
  readonly packetId: number;
  /** One per filter, in the order of the SUBSCRIBE. */
  readonly reasonCodes: readonly number[];
  readonly properties?: AcknowledgementProperties | undefined;
}

export interface Unsuback {
  readonly kind: "unsuback";
  readonly packetId: number;
  /** One per filter, in the order of the UNSUBSCRIBE; not sent in MQTT 3.1 and 3.1.1. */
  readonly reasonCodes: readonly number[];
  readonly properties?: AcknowledgementProperties | undefined;
}

export interface Pingresp {
  readonly kind: "pingresp";
}

/** PUBACK, PUBREC, PUBREL or PUBCOMP in full, for those with properties; see `writeAck` for the plain ones. */
export interface Acknowledgement {
  readonly kind: "puback" | "pubrec" | "pubrel" | "pubcomp";
  readonly packetId: number;
  readonly reasonCode: number;
  readonly properties?: AcknowledgementProperties | undefined;
}

/** What the broker sends besides PUBLISH. */
export type ServerPacket = Connack | Suback | Unsuback | Pingresp | Disconnect | Auth | Acknowledgement;
