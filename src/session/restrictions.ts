import type { Subscribe, Will } from "../mqtt/packet.ts";
import type { Publication } from "../mqtt/publication.ts";
import { ReasonCode } from "../mqtt/reason-code.ts";
import type { RegisterProperties } from "../plugin/modifiers.ts";

/** What CONNACK says that this client may not use. Each check gives the reason code of what it uses all the same, or 0. */
export class Restrictions {
  /** [MQTT-3.2.2-11], [MQTT-3.2.2-10]: what is asked for beyond it in SUBSCRIBE is granted with it. */
  readonly maximumQos: number;
  /** Seconds after its connection that the session lives at most; Infinity: as the client says. */
  readonly sessionExpiry: number;
  readonly #retain: boolean;
  readonly #wildcards: boolean;
  readonly #shared: boolean;
  readonly #identifiers: boolean;

  constructor(announced: RegisterProperties) {
    this.maximumQos = announced.maximumQoS ?? 2;
    this.sessionExpiry = announced.sessionExpiryInterval ?? Number.POSITIVE_INFINITY;
    this.#retain = announced.retainAvailable ?? true;
    this.#wildcards = announced.wildcardSubscriptionAvailable ?? true;
    this.#shared = announced.sharedSubscriptionAvailable ?? true;
    this.#identifiers = announced.subscriptionIdentifiersAvailable ?? true;
  }

  /** For a PUBLISH, or the will of a CONNECT [MQTT-3.2.2-12], [MQTT-3.2.2-13]. Hot path. */
  ofMessage({ qos, retain }: Pick<Publication | Will, "qos" | "retain">): number {
    if (qos > this.maximumQos) return ReasonCode.QoSNotSupported;
    return retain && !this.#retain ? ReasonCode.RetainNotSupported : 0;
  }

  ofSubscribe({ subscriptions, identifier }: Subscribe): number {
    if (identifier !== 0 && !this.#identifiers) return ReasonCode.SubscriptionIdentifiersNotSupported;
    for (const { group, topicFilter } of subscriptions) {
      if (group !== undefined && !this.#shared) return ReasonCode.SharedSubscriptionsNotSupported;
      if (!this.#wildcards && /[#+]/.test(topicFilter)) return ReasonCode.WildcardSubscriptionsNotSupported;
    }
    return 0;
  }
}
