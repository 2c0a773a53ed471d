import type { UserProperty } from "./answer.ts";

/** MQTT 5 properties as hooks see and change them. What is absent was not in the packet. */
export interface HookProperties {
  /** 1: the payload is UTF-8 text; 0: unspecified bytes. */
  readonly payloadFormatIndicator?: number;
  /** Seconds. */
  readonly messageExpiryInterval?: number;
  readonly contentType?: string;
  readonly responseTopic?: string;
  readonly correlationData?: Buffer;
  readonly subscriptionIdentifier?: number;
  /** Seconds; 0xFFFFFFFF never expires. */
  readonly sessionExpiryInterval?: number;
  readonly authenticationMethod?: string;
  readonly authenticationData?: Buffer;
  readonly requestProblemInformation?: boolean;
  readonly requestResponseInformation?: boolean;
  /** Seconds. */
  readonly willDelayInterval?: number;
  readonly receiveMaximum?: number;
  readonly topicAliasMaximum?: number;
  readonly topicAlias?: number;
  readonly maximumPacketSize?: number;
  readonly reasonString?: string;
  readonly userProperties?: readonly UserProperty[];
}

/** Properties of a packet that has none. */
export const NO_PROPERTIES: HookProperties = Object.freeze({});
