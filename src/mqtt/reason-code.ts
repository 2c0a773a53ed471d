/**
 * The reason codes of MQTT 5 (table 2-6 and the tables of each packet). Codes below 0x80 mean success.
 * 0x00 has three names, depending on the packet.
 */
export const ReasonCode = {
  Success: 0x00,
  NormalDisconnection: 0x00,
  GrantedQoS0: 0x00,
  GrantedQoS1: 0x01,
  GrantedQoS2: 0x02,
  DisconnectWithWillMessage: 0x04,
  NoMatchingSubscribers: 0x10,
  NoSubscriptionExisted: 0x11,
  ContinueAuthentication: 0x18,
  ReAuthenticate: 0x19,
  UnspecifiedError: 0x80,
  MalformedPacket: 0x81,
  ProtocolError: 0x82,
  ImplementationSpecificError: 0x83,
  UnsupportedProtocolVersion: 0x84,
  ClientIdentifierNotValid: 0x85,
  BadUserNameOrPassword: 0x86,
  NotAuthorized: 0x87,
  ServerUnavailable: 0x88,
  ServerBusy: 0x89,
  Banned: 0x8a,
  ServerShuttingDown: 0x8b,
  BadAuthenticationMethod: 0x8c,
  KeepAliveTimeout: 0x8d,
  SessionTakenOver: 0x8e,
  TopicFilterInvalid: 0x8f,
  TopicNameInvalid: 0x90,
  PacketIdentifierInUse: 0x91,
  PacketIdentifierNotFound: 0x92,
  ReceiveMaximumExceeded: 0x93,
  TopicAliasInvalid: 0x94,
  PacketTooLarge: 0x95,
  MessageRateTooHigh: 0x96,
  QuotaExceeded: 0x97,
  AdministrativeAction: 0x98,
  PayloadFormatInvalid: 0x99,
  RetainNotSupported: 0x9a,
  QoSNotSupported: 0x9b,
  UseAnotherServer: 0x9c,
  ServerMoved: 0x9d,
  SharedSubscriptionsNotSupported: 0x9e,
  ConnectionRateExceeded: 0x9f,
  MaximumConnectTime: 0xa0,
  SubscriptionIdentifiersNotSupported: 0xa1,
  WildcardSubscriptionsNotSupported: 0xa2,
} as const;

/** The return codes of CONNACK in MQTT 3.1 and 3.1.1. */
const ReturnCode = {
  Accepted: 0,
  UnacceptableProtocolVersion: 1,
  IdentifierRejected: 2,
  ServerUnavailable: 3,
  BadUserNameOrPassword: 4,
  NotAuthorized: 5,
} as const;

/** SUBACK's only failure code in MQTT 3.1.1. */
export const SUBACK_FAILURE_V3 = 0x80;

const NAMES: readonly string[] = reasonCodeNames();

function reasonCodeNames(): string[] {
  const names = new Array<string>(256).fill("");
  for (const [name, code] of Object.entries(ReasonCode)) {
    if (names[code] !== "") continue;
    const words = name.match(/QoS\d?|[A-Z][a-z]*/g) ?? [];
    names[code] = words.map((word) => (word.startsWith("QoS") ? word : word.toLowerCase())).join(" ");
  }
  return names;
}

/** A code as the specification writes it: `0x8B`. */
export function codeText(code: number): string {
  return `0x${code.toString(16).toUpperCase().padStart(2, "0")}`;
}

/** The name of a reason code in words for logs, `protocol error (0x82)`; an unknown code gives its number alone. */
export function reasonCodeName(code: number): string {
  const number = codeText(code);
  const name = NAMES[code];
  return name === undefined || name === "" ? number : `${name} (${number})`;
}

const RETURN_CODES: ReadonlyMap<number, number> = new Map([
  [ReasonCode.Success, ReturnCode.Accepted],
  [ReasonCode.UnsupportedProtocolVersion, ReturnCode.UnacceptableProtocolVersion],
  [ReasonCode.ClientIdentifierNotValid, ReturnCode.IdentifierRejected],
  [ReasonCode.UnspecifiedError, ReturnCode.ServerUnavailable],
  [ReasonCode.ImplementationSpecificError, ReturnCode.ServerUnavailable],
  [ReasonCode.ServerUnavailable, ReturnCode.ServerUnavailable],
  [ReasonCode.ServerBusy, ReturnCode.ServerUnavailable],
  [ReasonCode.ServerShuttingDown, ReturnCode.ServerUnavailable],
  [ReasonCode.QuotaExceeded, ReturnCode.ServerUnavailable],
  [ReasonCode.UseAnotherServer, ReturnCode.ServerUnavailable],
  [ReasonCode.ServerMoved, ReturnCode.ServerUnavailable],
  [ReasonCode.ConnectionRateExceeded, ReturnCode.ServerUnavailable],
  [ReasonCode.BadUserNameOrPassword, ReturnCode.BadUserNameOrPassword],
  [ReasonCode.NotAuthorized, ReturnCode.NotAuthorized],
  [ReasonCode.Banned, ReturnCode.NotAuthorized],
  [ReasonCode.BadAuthenticationMethod, ReturnCode.NotAuthorized],
]);

/**
 * The CONNACK return code of MQTT 3.1 and 3.1.1 that says what a reason code says, or undefined where those
 * versions have none: then the connection is closed without CONNACK, as after a malformed packet [MQTT-3.1.4-1].
 */
export function returnCodeOf(reasonCode: number): number | undefined {
  return RETURN_CODES.get(reasonCode);
}
