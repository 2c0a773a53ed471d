/** A client id is unique within its mountpoint; the default mountpoint is the empty text. */
export interface SubscriberId {
  readonly mountpoint: string;
  readonly clientId: string;
}

/** One filter of a SUBSCRIBE of MQTT 3. `topic` is the filter as sent, with `$share/group/` if any. */
export interface TopicRequest {
  readonly topic: string;
  readonly qos: number;
}

/** One filter of a SUBSCRIBE of MQTT 5. */
export interface TopicRequestM5 extends TopicRequest {
  readonly noLocal: boolean;
  readonly retainAsPublished: boolean;
  /** 0 send retained messages, 1 only for a new subscription, 2 never. */
  readonly retainHandling: number;
}
