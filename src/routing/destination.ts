import type { Publication } from "../mqtt/publication.ts";

/** The options of one subscription, as they stand in SUBSCRIBE (v3: qos only). */
export interface SubscriptionOptions {
  /** 0, 1 or 2: the granted QoS. */
  readonly qos: number;
  readonly noLocal: boolean;
  readonly retainAsPublished: boolean;
  /** 0 send retained, 1 only if new, 2 never. */
  readonly retainHandling: number;
  /** 1 to 268435455, or 0 for none. */
  readonly identifier: number;
}

/** Who takes routed messages: a subscriber's queue, or a shared group that picks one. */
export interface Destination {
  /**
   * Takes one publish through one matching subscription. Hot path: must not throw, await or keep `publication`.
   */
  deliver(publication: Publication, options: SubscriptionOptions): void;
}
