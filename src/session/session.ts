import { isUtf8 } from "node:buffer";
import { Metric } from "../metrics/metric.ts";
import { ReasonMetric, reasonSlot } from "../metrics/reason-metrics.ts";
import type { PacketHandler } from "../mqtt/frame-decoder.ts";
import type { SettlementListener } from "../mqtt/message.ts";
import type { AcknowledgementProperties, Connect, ControlPacket, ProtocolVersion } from "../mqtt/packet.ts";
import { NO_TOPIC, type Publication } from "../mqtt/publication.ts";
import { ReasonCode, reasonCodeName } from "../mqtt/reason-code.ts";
import type { TopicSource } from "../mqtt/topic.ts";
import type { HookError } from "../plugin/answer.ts";
import type { SessionIdentity } from "../plugin/hook.ts";
import { PublishPermission } from "../plugin/publish-permission.ts";
import type { Mountpoint } from "../registry/mountpoint.ts";
import type { SessionHandle } from "../registry/subscriber.ts";
import { type AcknowledgementSink, Acknowledgements } from "./acknowledgements.ts";
import { peerText } from "./peer.ts";
import type { RateLimit } from "./rate-limit.ts";
import type { Restrictions } from "./restrictions.ts";
import { Phase, PUBACK, PUBCOMP, PUBREC } from "./session-output.ts";
import type { SessionProcedures } from "./session-procedures.ts";
import { Pause, SessionReading } from "./session-reading.ts";
import type { SessionServices } from "./session-services.ts";
import { type DueSession, SessionTimers } from "./session-timers.ts";
import type { SessionSettings } from "./settings.ts";
import type { Transport, TransportHandler } from "./transport.ts";
import { FEW_RECEIVERS, PING_RECEIVERS } from "./turn-budget.ts";

/** Beside the payload a PUBLISH has a topic and properties: what a frame may be longer than `max_message_size`. */
const FRAME_ALLOWANCE = 128 * 1024;
const LARGEST_FRAME = 268_435_455;

/**
 * The protocol state machine of one connection, for MQTT 3.1, 3.1.1 and 5.0; the versions differ in a few values. It
 * knows no sockets: bytes come through the frame decoder and leave through a `Transport`. The packets that come once
 * (CONNECT, SUBSCRIBE …) are handled in files of their own. It has four layers: what leaves for the client
 * (`SessionOutput`), what the queue sees (`SessionDelivery`), when it is read (`SessionReading`), and here the way of a
 * client's PUBLISH, and the beginning and end of the connection.
 *
 * Hot path: `onPublish`, the acknowledgement handlers, `sendDirect`, `send` must not allocate (beside the lasting copy
 * of a message), await, or close over anything.
 */
export class Session
  extends SessionReading
  implements
    PacketHandler,
    TransportHandler,
    SettlementListener,
    AcknowledgementSink,
    SessionHandle,
    DueSession
{
  override readonly timers: SessionTimers;
  readonly procedures: SessionProcedures<Session>;
  readonly publication: Publication;
  topics: TopicSource;
  maximumFrame = LARGEST_FRAME;
  settings: SessionSettings;
  identity: SessionIdentity;
  /** QoS 1 and 2 publishes that the client may have open; MQTT 5. */
  receiveMaximum = 65_535;
  rate: RateLimit | null = null;
  /** What CONNACK has announced that the client may not use; null: nothing. */
  restrictions: Restrictions | null = null;
  /** The longest lifetime of the connection in seconds, 0 for none. */
  lifetimeSeconds: number;
  /** The method of enhanced authentication; MQTT 5. */
  authenticationMethod: string | null = null;
  bridge = false;
  /** The CONNECT that enhanced authentication is about; MQTT 5. */
  pendingConnect: Connect | null = null;
  /** Epoch milliseconds of CONNACK. */
  connectedAt = 0;
  #acknowledgements: Acknowledgements | null = null;
  /** Made with the first publish that its topic alone decides about. */
  #permission: PublishPermission | null = null;
  /** What the log will say of its end, once the client has gone. */
  #lost = "";
  #newcomer = true;

  constructor(services: SessionServices, transport: Transport, procedures: SessionProcedures<Session>) {
    super(services, transport);
    this.procedures = procedures;
    this.publication = services.publication;
    this.settings = services.settings.value;
    this.topics = this.mountpoint.topics;
    this.identity = { username: null, subscriberId: { mountpoint: this.mountpoint.name, clientId: "" } };
    this.applySettings(this.settings);
    this.maximumFrame = services.maxConnectSize.value;
    services.newcomers.came();
    services.counters.increment(Metric.socket_open);
    this.lifetimeSeconds = services.listener.maxConnectionLifetimeSeconds;
    this.timers = new SessionTimers(services.wheel, this, this.settings.connectTimeoutMilliseconds);
  }

  /** Goes on with settings that a plugin changed for this session. */
  applySettings(settings: SessionSettings): void {
    this.settings = settings;
    const limit = settings.maxMessageSize;
    this.maximumFrame = limit === 0 ? LARGEST_FRAME : Math.min(LARGEST_FRAME, limit + FRAME_ALLOWANCE);
  }

  get clientId(): string {
    return this.identity.subscriberId.clientId;
  }

  get connected(): boolean {
    return this.phase === Phase.Connected;
  }

  /** Where it comes from, for log lines. */
  get peer(): string {
    return peerText(this.transport.peer);
  }

  onPublish(publication: Publication): boolean {
    const { services, settings, queue } = this;
    this.timers.heardAt = services.wheel.time;
    services.counters.increment(Metric.mqtt_publish_received_v4 + this.v5);
    if (queue === null) return this.protocolError("PUBLISH before the connection was accepted");
    if (publication.topicAlias !== 0 && !this.#resolveAlias(publication)) return false;
    const size = publication.payloadEnd - publication.payloadStart;
    if (settings.maxMessageSize !== 0 && size > settings.maxMessageSize) return this.#tooLarge(size);
    const { qos } = publication;
    if (this.restrictions !== null && !this.#isAvailable(this.restrictions, publication)) return false;
    if (qos !== 0) {
      if (queue.incoming.size !== 0 && queue.incoming.has(publication.packetId)) {
        if (qos === 2) return this.#again(publication.packetId);
        // [MQTT-2.2.1-4]: the id belongs to a QoS 2 publish that is not complete.
        if (this.v5 === 1) return this.refusePublish(publication, ReasonCode.PacketIdentifierInUse, true);
      }
      if (this.v5 === 1 && this.unacknowledged >= this.receiveMaximum) {
        // [MQTT-3.3.4-9]
        this.close(ReasonCode.ReceiveMaximumExceeded, "more publishes open than Receive Maximum allows");
        return false;
      }
    }
    publication.origin = queue;
    if (publication.textPayload && !isWellFormedPayload(publication)) {
      return this.refusePublish(publication, ReasonCode.PayloadFormatInvalid, true);
    }
    if (publication.topic.reserved) return this.refusePublish(publication, ReasonCode.NotAuthorized, true);
    if (!this.#byTopic()) return this.procedures.authorizePublish(this, publication);
    const permission = this.#permission ?? this.#makePermission();
    if (!permission.allows(publication.topic)) {
      return this.refusePublish(publication, ReasonCode.NotAuthorized, false);
    }
    return this.route(publication);
  }

  /** An authorised publish goes to its subscribers and is acknowledged when it is safe. False: stop decoding. */
  route(publication: Publication): boolean {
    return this.routeTo(publication, publication.qos, this.mountpoint);
  }

  /** The same into any mountpoint, for a publish that a hook changed; `qos` is the one the client has to be answered. */
  routeTo(publication: Publication, qos: number, mountpoint: Mountpoint): boolean {
    const { services, queue } = this;
    if (queue === null) return false;
    const { groups } = mountpoint;
    groups.publisherPolicy = this.settings.sharedSubscriptionPolicy;
    const matched = mountpoint.router.publish(publication);
    groups.publisherPolicy = null;
    services.counters.add(Metric.router_matches_local, matched);
    this.#tellPublished(publication);
    if (
      matched > FEW_RECEIVERS &&
      !services.turn.spend(matched, publication.payloadEnd - publication.payloadStart)
    )
      this.waitForTurn();
    if (qos !== 0) {
      const { packetId } = publication;
      const acknowledgements = this.#acks();
      const ticket = acknowledgements.nextTicket;
      let pending = 0;
      const { copy } = publication;
      if (copy !== null && copy.unsettled > 0) {
        copy.listener = this;
        copy.ticket = ticket;
        pending = 1;
      }
      if (qos === 2 && queue.incoming.add(packetId, ticket)) pending++;
      this.unacknowledged++;
      const reason = matched === 0 && this.v5 === 1 ? ReasonCode.NoMatchingSubscribers : ReasonCode.Success;
      acknowledgements.push(qos === 1 ? PUBACK : PUBREC, packetId, reason, pending);
      if (services.store.overloaded) this.waitForStore();
    }
    if (this.rate !== null) this.throttle(this.rate.take(services.wheel.time));
    return this.pauses === 0 && this.phase === Phase.Connected;
  }

  onPubrel(packetId: number, reasonCode: number): boolean {
    const { services, queue } = this;
    this.timers.heardAt = services.wheel.time;
    if (this.v5 === 0) services.counters.increment(Metric.mqtt_pubrel_received_v4);
    else services.counters.increment(reasonSlot(ReasonMetric.mqtt_pubrel_received, reasonCode));
    if (queue === null) return this.protocolError("PUBREL before the connection was accepted");
    const acknowledgements = this.#acks();
    const known = queue.incoming.has(packetId);
    const pending = queue.incoming.delete(packetId, acknowledgements.nextTicket) ? 1 : 0;
    const reason = known || this.v5 === 0 ? ReasonCode.Success : ReasonCode.PacketIdentifierNotFound;
    acknowledgements.push(PUBCOMP, packetId, reason, pending);
    return this.phase === Phase.Connected;
  }

  onPacket(packet: ControlPacket): boolean {
    this.timers.heardAt = this.services.wheel.time;
    let weight = 0;
    if (packet.kind !== "pingreq") {
      this.procedures.control(this, packet);
      if (packet.kind === "subscribe") weight = this.subscribed(packet.subscriptions.length);
      else if (packet.kind === "unsubscribe") weight = this.subscribed(packet.filters.length);
    } else if (this.phase !== Phase.Connected) return this.protocolError("PINGREQ before CONNACK");
    else {
      this.services.counters.increment(Metric.mqtt_pingreq_received_v4 + this.v5);
      this.sendPacket({ kind: "pingresp" });
      this.services.counters.increment(Metric.mqtt_pingresp_sent_v4 + this.v5);
      weight = PING_RECEIVERS;
    }
    if (weight !== 0 && this.phase === Phase.Connected && !this.services.turn.spend(weight, 0))
      this.waitForTurn();
    return this.pauses === 0 && this.phase !== Phase.Closed;
  }

  onMalformed(reasonCode: number, text: string, connectVersion: 0 | ProtocolVersion): void {
    if (reasonCode === ReasonCode.PacketTooLarge) {
      this.services.counters.increment(Metric.mqtt_invalid_msg_size_error_v4 + this.v5);
    }
    if (connectVersion !== 0) this.procedures.refuseConnect(this, connectVersion, reasonCode, text);
    else if (this.phase === Phase.Connecting) this.protocolError(text);
    else this.close(reasonCode, text);
  }

  /** An exception that nobody expected ends this connection and no other; the stack is in the crash log. */
  onFault(error: unknown): void {
    this.services.log
      .limited("connection-fault", 5)
      .crash("connection", `handling a packet of client ${this.clientId} (${this.peer}) failed`, error);
    this.close(ReasonCode.UnspecifiedError, "internal error");
    if (this.phase !== Phase.Closed) this.transport.destroy();
  }

  onLeaving(error: string | null): void {
    if (this.phase === Phase.Closed || this.#lost !== "") return;
    this.#lost = error === null ? "connection closed by the client" : `connection lost: ${error}`;
    this.admitted();
    const { subscriber } = this;
    if (subscriber !== null) this.services.registry.presenceChanged(subscriber);
  }

  onClose(error: string | null): void {
    this.onLeaving(error);
    if (error !== null) this.services.counters.increment(Metric.socket_error);
    this.services.counters.increment(Metric.socket_close);
    const { subscriber } = this;
    if (subscriber === null) this.leave();
    // A network that fails may take thousands of connections, and each may have a will for many.
    else this.services.registry.inTurn(subscriber, () => this.leave());
  }

  get leaving(): boolean {
    return this.#lost !== "" && this.phase !== Phase.Closed;
  }

  leave(): void {
    this.finish(true, this.#lost);
  }

  /** A message of this session's publish is safe, or a change of its open packet ids is durable. */
  settled(ticket: number): void {
    this.#acknowledgements?.settled(ticket);
  }

  /**
   * Refuses a publish: v5 says why in its acknowledgement; v3 has no way to but closing. `silent`: nobody did anything
   * forbidden. False: stop decoding.
   */
  refusePublish(
    publication: Publication,
    reasonCode: number,
    silent: boolean,
    explanation?: AcknowledgementProperties,
  ): boolean {
    const { services, settings, queue } = this;
    const { qos, packetId } = publication;
    if (!silent) {
      services.counters.increment(Metric.mqtt_publish_auth_error_v4 + this.v5);
      services.log
        .limited("publish-refused", 5)
        .warning("publish", `client ${this.clientId} may not publish to ${publication.topic.text}`);
      const closes = this.version === 4 || (this.version === 3 && settings.disconnectOnUnauthorizedPublishV3);
      if (closes) {
        this.close(ReasonCode.NotAuthorized, `not authorised to publish to ${publication.topic.text}`);
        return false;
      }
    }
    if (qos !== 0) {
      const acknowledgements = this.#acks();
      this.unacknowledged++;
      if (this.v5 === 1) {
        if (explanation !== undefined) {
          this.explanations ??= new Map();
          this.explanations.set(packetId, explanation);
        }
        acknowledgements.push(qos === 1 ? PUBACK : PUBREC, packetId, reasonCode, 0);
      } else {
        const waits = qos === 2 && queue?.incoming.add(packetId, acknowledgements.nextTicket) === true;
        acknowledgements.push(qos === 1 ? PUBACK : PUBREC, packetId, ReasonCode.Success, waits ? 1 : 0);
      }
    }
    if (this.rate !== null) this.throttle(this.rate.take(services.wheel.time));
    return this.pauses === 0 && this.phase === Phase.Connected;
  }

  /** Its CONNECT was accepted, or it has ended: it is no newcomer any more. */
  admitted(): void {
    if (!this.#newcomer) return;
    this.#newcomer = false;
    this.applySettings(this.settings);
    this.services.newcomers.went();
  }

  /**
   * Ends the connection from this side: MQTT 5 clients are told why, also in the words of a plugin's `error`. The will
   * is published unless it is normal.
   */
  close(reasonCode: number, text: string, error?: HookError): void {
    if (this.phase === Phase.Closed) return;
    if (this.phase === Phase.Connected && this.v5 === 1) this.sendDisconnect(reasonCode, error);
    this.finish(reasonCode !== ReasonCode.Success, `${text}: ${reasonCodeName(reasonCode)}`);
    this.transport.end();
  }

  /** The broker stops [MQTT-4.13.1-1]: the session lives on if it may, the will is published. */
  shutDown(): void {
    this.close(ReasonCode.ServerShuttingDown, "the broker stops");
  }

  /** Before CONNACK that is what tells the client [MQTT-3.14.0-1], after it DISCONNECT. False: stop decoding. */
  override protocolError(text: string): false {
    if (this.phase === Phase.Connecting && this.v5 === 1) {
      this.procedures.refuseConnect(this, 5, ReasonCode.ProtocolError, text);
    } else this.close(ReasonCode.ProtocolError, text);
    return false;
  }

  /** Another connection has taken the session over; the registry deals with queue and will. */
  takenOver(): void {
    if (this.phase === Phase.Closed) return;
    if (this.v5 === 1 && this.phase === Phase.Connected) this.sendDisconnect(ReasonCode.SessionTakenOver);
    this.#end("session taken over by another connection");
    this.transport.end();
  }

  /**
   * The connection is over, for whatever reason; what belongs to the session is left to the registry. `text` is for the
   * log, empty when the caller writes the line itself.
   */
  finish(publishWill: boolean, text: string): void {
    if (this.phase === Phase.Closed) return;
    const { subscriber } = this;
    this.#end(text);
    if (subscriber !== null && subscriber.handle === this) {
      this.services.registry.disconnected(subscriber, publishWill);
    }
  }

  deadlinePassed(): void {
    if (this.phase === Phase.Connected) {
      this.close(ReasonCode.MaximumConnectTime, "the longest connection lifetime has passed");
      return;
    }
    if (this.phase === Phase.Connecting && (this.pauses & Pause.Hook) !== 0) {
      // It waits for a plugin, which has a deadline of its own.
      this.timers.deadlineIn(this.settings.connectTimeoutMilliseconds);
      return;
    }
    this.services.counters.increment(Metric.socket_close_timeout);
    this.finish(false, this.phase === Phase.Opened ? "no CONNECT in time" : "CONNECT not completed in time");
    this.transport.destroy();
  }

  keepAlivePassed(): void {
    this.services.counters.increment(Metric.client_keepalive_expired_v4 + this.v5);
    const { subscriber } = this;
    if (subscriber === null) return;
    this.services.registry.inTurn(subscriber, () =>
      this.close(ReasonCode.KeepAliveTimeout, "nothing heard for one and a half keep-alive times"),
    );
  }

  #end(text: string): void {
    const wasConnected = this.phase === Phase.Connected;
    this.phase = Phase.Closed;
    this.admitted();
    this.timers.cancel();
    this.#acknowledgements?.clear();
    if (this.queue !== null && this.queue.receiver === this) this.queue.detach();
    this.queue = null;
    const { log } = this.services;
    if (wasConnected) {
      const level = text.startsWith("nothing heard") && this.settings.keepAliveAsWarning ? "warning" : "info";
      log.log(level, "disconnect", `client ${this.clientId} (${this.peer}) disconnected: ${text}`);
    } else if (text !== "" && (this.clientId !== "" || log.enabled("debug"))) {
      log
        .limited("not-connected", 20)
        .info(
          "disconnect",
          `${this.peer}${this.clientId === "" ? "" : ` client ${this.clientId}`} did not connect: ${text}`,
        );
    }
  }

  #acks(): Acknowledgements {
    this.#acknowledgements ??= new Acknowledgements(this);
    return this.#acknowledgements;
  }

  #byTopic(): boolean {
    const { chains } = this.services;
    return this.v5 === 1 ? chains.auth_on_publish_m5.byTopic : chains.auth_on_publish.byTopic;
  }

  #makePermission(): PublishPermission {
    const { chains } = this.services;
    const chain = this.v5 === 1 ? chains.auth_on_publish_m5 : chains.auth_on_publish;
    this.#permission = new PublishPermission(this.identity, chain);
    return this.#permission;
  }

  #tellPublished(publication: Publication): void {
    const { chains } = this.services;
    if (this.v5 === 1 ? chains.on_publish_m5.isEmpty : chains.on_publish.isEmpty) return;
    this.procedures.tellPublished(this, publication);
  }

  /** The same QoS 2 publish once more: it is not routed again, and acknowledged when the first is [MQTT-4.3.3-10]. */
  #again(packetId: number): boolean {
    const acknowledgements = this.#acks();
    const waits = this.queue?.incoming.await(acknowledgements.nextTicket) === true;
    acknowledgements.push(PUBREC, packetId, ReasonCode.Success, waits ? 1 : 0);
    return this.phase === Phase.Connected;
  }

  #resolveAlias(publication: Publication): boolean {
    const alias = publication.topicAlias;
    if (alias > this.settings.topicAliasMaxClient || this.aliases === null) {
      this.close(ReasonCode.TopicAliasInvalid, `topic alias ${alias}`); // [MQTT-3.3.2-9]
      return false;
    }
    if (publication.topic !== NO_TOPIC) {
      this.aliases.learn(alias, publication.topic);
      return true;
    }
    const topic = this.aliases.resolve(alias);
    if (topic === null) return this.protocolError(`topic alias ${alias} was never set`);
    publication.topic = topic;
    return true;
  }

  #isAvailable(restrictions: Restrictions, publication: Publication): boolean {
    const refusal = restrictions.ofMessage(publication);
    if (refusal === 0) return true;
    this.close(refusal, "a PUBLISH that CONNACK does not allow");
    return false;
  }

  #tooLarge(size: number): boolean {
    this.services.counters.increment(Metric.mqtt_invalid_msg_size_error_v4 + this.v5);
    this.close(ReasonCode.PacketTooLarge, `payload of ${size} bytes is over max_message_size`);
    return false;
  }

  protected override throughHook(
    publication: Publication,
    qos: number,
    retain: boolean,
    duplicate: boolean,
    packetId: number,
    identifiers: readonly number[] | null,
  ): boolean {
    return this.procedures.deliverThroughHook(
      this,
      publication,
      qos,
      retain,
      duplicate,
      packetId,
      identifiers,
    );
  }
}

/** A payload that says it is text has to be UTF-8. */
function isWellFormedPayload(publication: Publication): boolean {
  return isUtf8(publication.buffer.subarray(publication.payloadStart, publication.payloadEnd));
}
