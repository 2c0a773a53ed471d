import { ReasonCode } from "./reason-code.ts";

const GENERAL = [
  ReasonCode.UnspecifiedError,
  ReasonCode.ImplementationSpecificError,
  ReasonCode.NotAuthorized,
  ReasonCode.QuotaExceeded,
];
const SERVER = [
  ReasonCode.MalformedPacket,
  ReasonCode.ProtocolError,
  ReasonCode.ServerBusy,
  ReasonCode.TopicNameInvalid,
  ReasonCode.PacketTooLarge,
  ReasonCode.PayloadFormatInvalid,
  ReasonCode.RetainNotSupported,
  ReasonCode.QoSNotSupported,
  ReasonCode.UseAnotherServer,
  ReasonCode.ServerMoved,
  ReasonCode.ConnectionRateExceeded,
];
const SUBSCRIPTIONS = [
  ReasonCode.TopicFilterInvalid,
  ReasonCode.SharedSubscriptionsNotSupported,
  ReasonCode.SubscriptionIdentifiersNotSupported,
  ReasonCode.WildcardSubscriptionsNotSupported,
];

/** The codes from 0x80 that MQTT 5 has for each packet of a server; no other may be sent in it. */
export const REFUSAL_CODES = {
  /** Table 3-1 [MQTT-3.2.2-8]. */
  connack: new Set<number>([
    ...GENERAL,
    ...SERVER,
    ReasonCode.UnsupportedProtocolVersion,
    ReasonCode.ClientIdentifierNotValid,
    ReasonCode.BadUserNameOrPassword,
    ReasonCode.ServerUnavailable,
    ReasonCode.Banned,
    ReasonCode.BadAuthenticationMethod,
  ]),
  /** PUBACK and PUBREC, from either side: tables 3-4 and 3-5 [MQTT-3.4.2-1], [MQTT-3.5.2-1]. */
  publish: new Set<number>([
    ...GENERAL,
    ReasonCode.TopicNameInvalid,
    ReasonCode.PacketIdentifierInUse,
    ReasonCode.PayloadFormatInvalid,
  ]),
  /** Table 3-8 [MQTT-3.9.3-2]. */
  suback: new Set<number>([...GENERAL, ...SUBSCRIPTIONS, ReasonCode.PacketIdentifierInUse]),
  /** Table 3-10, what servers may send of it [MQTT-3.14.2-1]. */
  disconnect: new Set<number>([
    ...GENERAL,
    ...SERVER,
    ...SUBSCRIPTIONS,
    ReasonCode.ServerShuttingDown,
    ReasonCode.KeepAliveTimeout,
    ReasonCode.SessionTakenOver,
    ReasonCode.ReceiveMaximumExceeded,
    ReasonCode.TopicAliasInvalid,
    ReasonCode.MessageRateTooHigh,
    ReasonCode.AdministrativeAction,
    ReasonCode.MaximumConnectTime,
  ]),
} as const;

/** The code to refuse with in that packet: what a plugin wants where the packet can say it, else `otherwise`. */
export function refusalCode(
  packet: keyof typeof REFUSAL_CODES,
  wanted: number | undefined,
  otherwise: number,
): number {
  return wanted !== undefined && REFUSAL_CODES[packet].has(wanted) ? wanted : otherwise;
}
