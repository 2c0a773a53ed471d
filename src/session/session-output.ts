import { Metric } from "../metrics/metric.ts";
import { ReasonMetric, reasonSlot } from "../metrics/reason-metrics.ts";
import { encodePacket } from "../mqtt/encode-packet.ts";
import { LARGEST_ACK, publishSize, writeAck, writePublish } from "../mqtt/encode-publish.ts";
import type { Message } from "../mqtt/message.ts";
import type {
  AcknowledgementProperties,
  AcknowledgementType,
  ProtocolVersion,
  ServerPacket,
} from "../mqtt/packet.ts";
import type { Publication } from "../mqtt/publication.ts";
import { ReasonCode } from "../mqtt/reason-code.ts";
import type { HookError } from "../plugin/answer.ts";
import type { Mountpoint } from "../registry/mountpoint.ts";
import type { Subscriber } from "../registry/subscriber.ts";
import type { SessionServices } from "./session-services.ts";
import type { TopicAliases } from "./topic-aliases.ts";
import type { Transport } from "./transport.ts";

/** Where a session stands. */
export const Phase = {
  /** Waits for CONNECT. */
  Opened: 0,
  /** CONNECT has come and is being judged, or enhanced authentication is under way. */
  Connecting: 1,
  Connected: 2,
  Closed: 3,
} as const;

export const PUBACK: AcknowledgementType = 4;
export const PUBREC: AcknowledgementType = 5;
export const PUBREL: AcknowledgementType = 6;
export const PUBCOMP: AcknowledgementType = 7;

const NO_HOOK = { isEmpty: true };
const NO_SLOTS = new Uint16Array(256);
const ACK_SENT_V4 = [
  Metric.mqtt_puback_sent_v4,
  Metric.mqtt_pubrec_sent_v4,
  Metric.mqtt_pubrel_sent_v4,
  Metric.mqtt_pubcomp_sent_v4,
];
const ACK_SENT_V5 = [
  ReasonMetric.mqtt_puback_sent,
  ReasonMetric.mqtt_pubrec_sent,
  ReasonMetric.mqtt_pubrel_sent,
  ReasonMetric.mqtt_pubcomp_sent,
];

/**
 * The sending side of a session: everything that leaves for the client, in its protocol version and within its limits.
 * Hot path: `sendDirect`, `send` and `writeAcknowledgement`.
 */
export abstract class SessionOutput {
  readonly services: SessionServices;
  readonly transport: Transport;
  version: 0 | ProtocolVersion = 0;
  /** 0 for MQTT 3.1 and 3.1.1, 1 for MQTT 5: added to `_v4` metric slots. */
  v5 = 0;
  phase: number = Phase.Opened;
  mountpoint: Mountpoint;
  subscriber: Subscriber | null = null;
  /** What the client takes, 0 for any size; MQTT 5. */
  maximumPacketSize = 0;
  /** Reason strings and user properties are wanted; MQTT 5. */
  problemInformation = true;
  aliases: TopicAliases | null = null;
  /** Nothing needs looking at before a PUBLISH is written: no aliases, no size limit. */
  plain = true;
  /** The on_deliver chain of this version. */
  deliverHook: { readonly isEmpty: boolean } = NO_HOOK;
  /** A hook is changing the PUBLISH that goes out next. */
  delivering = false;
  /** By packet id: what plugins say to refusals that wait for their turn; MQTT 5. */
  protected explanations: Map<number, AcknowledgementProperties> | null = null;
  /** QoS 1 and 2 publishes of the client that are not acknowledged to the end. */
  protected unacknowledged = 0;

  constructor(services: SessionServices, transport: Transport) {
    this.services = services;
    this.transport = transport;
    this.mountpoint = services.mountpoint(services.listener.mountpoint);
  }

  /** The version once CONNECT has told it. */
  get protocol(): ProtocolVersion {
    return this.version === 0 ? 4 : this.version;
  }

  get writable(): boolean {
    return this.transport.writable && !this.delivering;
  }

  /** Writes PUBACK, PUBREC, PUBREL or PUBCOMP. Hot path. */
  writeAcknowledgement(type: AcknowledgementType, packetId: number, reasonCode: number): void {
    if (this.phase !== Phase.Connected) return;
    const { counters } = this.services;
    if (type === PUBACK || type === PUBCOMP || (type === PUBREC && reasonCode >= 0x80)) {
      // PUBCOMP also answers a PUBREL whose PUBLISH this connection has not seen: that makes no room (section 4.9).
      if (this.unacknowledged > 0) this.unacknowledged--;
    }
    if (this.v5 === 0) counters.increment(ACK_SENT_V4[type - 4] ?? Metric.none);
    else counters.increment(reasonSlot(ACK_SENT_V5[type - 4] ?? NO_SLOTS, reasonCode));
    if (reasonCode >= 0x80 && this.explanations !== null && type !== PUBREL && type !== PUBCOMP) {
      const properties = this.explanations.get(packetId);
      this.explanations.delete(packetId);
      if (properties !== undefined) {
        this.sendPacket({ kind: type === PUBACK ? "puback" : "pubrec", packetId, reasonCode, properties });
        return;
      }
    }
    const size = reasonCode === 0 || this.v5 === 0 ? LARGEST_ACK - 1 : LARGEST_ACK;
    const at = this.transport.reserve(size);
    writeAck(this.transport.block, at, type, packetId, reasonCode, this.protocol);
  }

  sendDirect(publication: Publication, retain: boolean, identifier: number): void {
    const { services } = this;
    if (this.plain && this.deliverHook.isEmpty && (identifier === 0 || this.v5 === 0)) {
      services.counters.increment(Metric.mqtt_publish_sent_v4 + this.v5);
      services.writer.write(this.transport, publication, publication, this.protocol, 0, retain, false, 0);
      return;
    }
    this.sendSpecial(publication, 0, retain, false, 0, identifier === 0 ? null : [identifier]);
  }

  send(
    message: Message,
    qos: number,
    retain: boolean,
    duplicate: boolean,
    packetId: number,
    identifiers: readonly number[] | null,
  ): boolean {
    const { services } = this;
    const view = services.writer.view(message, message.expiresAt === 0 ? 0 : services.clock.now());
    if (this.plain && this.deliverHook.isEmpty && (identifiers === null || this.v5 === 0)) {
      services.counters.increment(Metric.mqtt_publish_sent_v4 + this.v5);
      services.writer.write(this.transport, message, view, this.protocol, qos, retain, duplicate, packetId);
      return true;
    }
    return this.sendSpecial(view, qos, retain, duplicate, packetId, identifiers);
  }

  sendPubrel(packetId: number): void {
    this.writeAcknowledgement(PUBREL, packetId, ReasonCode.Success);
  }

  /** Writes a PUBLISH as it is now, after aliases and the client's size limit. False when it is too large for it. */
  writeSpecial(
    publication: Publication,
    qos: number,
    retain: boolean,
    duplicate: boolean,
    packetId: number,
    identifiers: readonly number[] | null,
  ): boolean {
    const version = this.protocol;
    const topic = publication.topic;
    const known = this.aliases === null ? 0 : this.aliases.known(topic);
    const fresh = known === 0 && this.aliases !== null && topic.lasting ? this.aliases.next() : 0;
    const alias = known === 0 ? fresh : known;
    const listed = version === 5 ? identifiers : null;
    const size = publishSize(publication, version, qos, alias, known === 0, listed);
    if (this.maximumPacketSize !== 0 && size > this.maximumPacketSize) return false; // [MQTT-3.1.2-24]
    if (fresh !== 0) this.aliases?.assign(topic, fresh);
    const at = this.transport.reserve(size);
    const { block } = this.transport;
    writePublish(
      block,
      at,
      publication,
      version,
      qos,
      retain,
      duplicate,
      packetId,
      alias,
      known === 0,
      listed,
    );
    this.services.counters.increment(Metric.mqtt_publish_sent_v4 + this.v5);
    return true;
  }

  /**
   * Sends a packet that is not on the hot path. Explanations are left out when the client does not want them
   * [MQTT-3.1.2-29] or when they make the packet too large for it [MQTT-3.2.2-19, -20]; what is still too large is
   * not sent at all [MQTT-3.1.2-24]: false.
   */
  sendPacket(packet: ServerPacket): boolean {
    if (this.phase === Phase.Closed) return false;
    const most = this.maximumPacketSize === 0 ? Number.POSITIVE_INFINITY : this.maximumPacketSize;
    let bytes = encodePacket(this.problemInformation ? packet : withoutExplanation(packet), this.protocol);
    if (bytes.length > most) bytes = encodePacket(withoutExplanation(packet), this.protocol);
    if (bytes.length > most) return false;
    const at = this.transport.reserve(bytes.length);
    bytes.copy(this.transport.block, at);
    return true;
  }

  /** DISCONNECT of MQTT 5 with a reason, and what a plugin says to it. */
  protected sendDisconnect(reasonCode: number, error?: HookError): void {
    const { counters } = this.services;
    counters.increment(reasonSlot(ReasonMetric.mqtt_disconnect_sent, reasonCode));
    const { serverReference, reasonString, userProperties } = error ?? {};
    const properties = { serverReference, reasonString, userProperties };
    this.sendPacket({ kind: "disconnect", reasonCode, properties });
  }

  /** Lets the on_deliver hook change a PUBLISH before it is written. */
  protected abstract throughHook(
    publication: Publication,
    qos: number,
    retain: boolean,
    duplicate: boolean,
    packetId: number,
    identifiers: readonly number[] | null,
  ): boolean;

  private sendSpecial(
    publication: Publication,
    qos: number,
    retain: boolean,
    duplicate: boolean,
    packetId: number,
    identifiers: readonly number[] | null,
  ): boolean {
    if (!this.deliverHook.isEmpty) {
      return this.throughHook(publication, qos, retain, duplicate, packetId, identifiers);
    }
    if (this.writeSpecial(publication, qos, retain, duplicate, packetId, identifiers)) return true;
    this.tooLargeForClient(publication);
    return false;
  }

  /** Counts and tells a message that the client cannot take. */
  tooLargeForClient(publication: Publication): void {
    const { services, subscriber } = this;
    services.counters.increment(Metric.queue_message_drop);
    if (subscriber === null) return;
    this.mountpoint.queues.events.messageDropped?.(
      subscriber.id,
      publication.message(services.clock),
      "max_packet_size_exceeded",
    );
  }
}

/** The packet without what is only said for people to read. */
function withoutExplanation(packet: ServerPacket): ServerPacket {
  if (packet.kind === "pingresp" || packet.properties === undefined) return packet;
  return {
    ...packet,
    properties: { ...packet.properties, reasonString: undefined, userProperties: undefined },
  };
}
