import { PacketType } from "./packet.ts";
import { Place } from "./property-table.ts";
import { ReasonCode } from "./reason-code.ts";

/** Bits of the connect flags byte [MQTT-3.1.2]. */
export const ConnectFlag = {
  Reserved: 0x01,
  Clean: 0x02,
  Will: 0x04,
  WillQoS: 0x18,
  WillRetain: 0x20,
  Password: 0x40,
  Username: 0x80,
} as const;

/** One field of a packet's variable header or payload, in wire order; `into` names where the walker keeps its value. */
export type Field =
  /** Protocol name and level. */
  | { readonly kind: "protocol" }
  | { readonly kind: "connect-flags" }
  | { readonly kind: "keep-alive" }
  | { readonly kind: "packet-id" }
  /** Present with MQTT 5 only; may be left out together with all after it where `optional`. */
  | { readonly kind: "properties"; readonly place: number; readonly flag?: number; readonly optional?: true }
  | {
      readonly kind: "text" | "topic-name";
      readonly what: string;
      readonly into: "clientId" | "willTopic" | "username";
      readonly flag?: number;
    }
  | {
      readonly kind: "binary";
      readonly what: string;
      readonly into: "willPayload" | "password";
      readonly flag: number;
    }
  /** One or more topic filters, to the end of the packet. */
  | { readonly kind: "filters"; readonly options: boolean }
  /** MQTT 5; left out it means 0x00. */
  | { readonly kind: "reason-code"; readonly allowed: ReadonlySet<number> };

/** What a packet of one type, sent by a client, is made of. */
export interface PacketLayout {
  readonly name: string;
  /** Lower half of the first byte [MQTT-2.1.3-1]. */
  readonly flags: number;
  /** In MQTT 3.1 its DUP flag may be set, and means nothing to us. */
  readonly duplicates: boolean;
  /** First protocol version that has it. */
  readonly since: 3 | 5;
  readonly fields: readonly Field[];
}

const DISCONNECT_CODES: ReadonlySet<number> = new Set([
  ReasonCode.NormalDisconnection,
  ReasonCode.DisconnectWithWillMessage,
  ReasonCode.UnspecifiedError,
  ReasonCode.MalformedPacket,
  ReasonCode.ProtocolError,
  ReasonCode.ImplementationSpecificError,
  ReasonCode.TopicNameInvalid,
  ReasonCode.ReceiveMaximumExceeded,
  ReasonCode.TopicAliasInvalid,
  ReasonCode.PacketTooLarge,
  ReasonCode.MessageRateTooHigh,
  ReasonCode.QuotaExceeded,
  ReasonCode.AdministrativeAction,
  ReasonCode.PayloadFormatInvalid,
]);

const AUTH_CODES: ReadonlySet<number> = new Set([
  ReasonCode.ContinueAuthentication,
  ReasonCode.ReAuthenticate,
]);

function layout(name: string, flags: number, since: 3 | 5, fields: readonly Field[]): PacketLayout {
  return { name, flags, duplicates: flags === 0x02, since, fields };
}

/**
 * The packets that clients send, apart from PUBLISH and acknowledgements, by type. A type that is missing here is
 * reserved or sent by servers only.
 */
export const PACKET_LAYOUTS: ReadonlyMap<number, PacketLayout> = new Map([
  [
    PacketType.Connect,
    layout("CONNECT", 0, 3, [
      { kind: "protocol" },
      { kind: "connect-flags" },
      { kind: "keep-alive" },
      { kind: "properties", place: Place.Connect },
      { kind: "text", what: "client identifier", into: "clientId" },
      { kind: "properties", place: Place.Will, flag: ConnectFlag.Will },
      { kind: "topic-name", what: "will topic", into: "willTopic", flag: ConnectFlag.Will },
      { kind: "binary", what: "will payload", into: "willPayload", flag: ConnectFlag.Will },
      { kind: "text", what: "user name", into: "username", flag: ConnectFlag.Username },
      { kind: "binary", what: "password", into: "password", flag: ConnectFlag.Password },
    ]),
  ],
  [
    PacketType.Subscribe,
    layout("SUBSCRIBE", 0x02, 3, [
      { kind: "packet-id" },
      { kind: "properties", place: Place.Subscribe },
      { kind: "filters", options: true },
    ]),
  ],
  [
    PacketType.Unsubscribe,
    layout("UNSUBSCRIBE", 0x02, 3, [
      { kind: "packet-id" },
      { kind: "properties", place: Place.Unsubscribe },
      { kind: "filters", options: false },
    ]),
  ],
  [PacketType.Pingreq, layout("PINGREQ", 0, 3, [])],
  [
    PacketType.Disconnect,
    layout("DISCONNECT", 0, 3, [
      { kind: "reason-code", allowed: DISCONNECT_CODES },
      { kind: "properties", place: Place.ClientDisconnect, optional: true },
    ]),
  ],
  [
    PacketType.Auth,
    layout("AUTH", 0, 5, [
      { kind: "reason-code", allowed: AUTH_CODES },
      { kind: "properties", place: Place.Auth, optional: true },
    ]),
  ],
]);
