import type { Publication } from "../mqtt/publication.ts";
import type { PublishRequest, PublishRequestM5, SessionIdentity, SubscriberId } from "./hook.ts";
import type { Transient } from "./implementation.ts";
import type { HookProperties } from "./properties.ts";

/**
 * A PUBLISH as hooks see it, made from the reused publication only when a hook needs it. Payload and properties are
 * copied out of the read buffer when first asked for, or before the turn ends if the hook is asynchronous.
 */
export class PublicationRequest implements PublishRequest, Transient {
  readonly username: string | null;
  readonly subscriberId: SubscriberId;
  readonly qos: number;
  readonly retain: boolean;
  readonly topic: string;
  #publication: Publication | null;
  #payload: Buffer | null;

  constructor(identity: SessionIdentity, publication: Publication) {
    this.username = identity.username;
    this.subscriberId = identity.subscriberId;
    this.qos = publication.qos;
    this.retain = publication.retain;
    this.topic = publication.topic.text;
    this.#publication = publication;
    this.#payload = null;
  }

  get payload(): Buffer {
    if (this.#payload === null) {
      const { buffer, payloadStart, payloadEnd } = this.source();
      this.#payload = Buffer.from(buffer.subarray(payloadStart, payloadEnd));
    }
    return this.#payload;
  }

  keep(): void {
    if (this.#publication === null) return;
    void this.payload;
    this.#publication = null;
  }

  end(): void {
    this.#publication = null;
  }

  /** The publication may still be read. */
  protected get open(): boolean {
    return this.#publication !== null;
  }

  protected source(): Publication {
    if (this.#publication === null) {
      throw new Error("the message can only be read while the hook runs: read it before you return");
    }
    return this.#publication;
  }
}

/** The same with MQTT 5 properties. */
export class PublicationRequestM5 extends PublicationRequest implements PublishRequestM5 {
  readonly #read: (publication: Publication) => HookProperties;
  #properties: HookProperties | null;

  /** `read` makes the properties from the publication's bytes; called at most once. */
  constructor(
    identity: SessionIdentity,
    publication: Publication,
    read: (publication: Publication) => HookProperties,
  ) {
    super(identity, publication);
    this.#read = read;
    this.#properties = null;
  }

  get properties(): HookProperties {
    this.#properties ??= this.#read(this.source());
    return this.#properties;
  }

  override keep(): void {
    if (this.open) void this.properties;
    super.keep();
  }
}
