import { Metric } from "../metrics/metric.ts";
import { ReasonMetric, reasonSlot } from "../metrics/reason-metrics.ts";
import { ReasonCode } from "../mqtt/reason-code.ts";
import type { Receiver } from "../queue/receiver.ts";
import type { SubscriberQueue } from "../queue/subscriber-queue.ts";
import { Phase, PUBREL, SessionOutput } from "./session-output.ts";
import type { SessionTimers } from "./session-timers.ts";

/**
 * The side of a session that its queue sees: what the client may have in flight, and how it acknowledges that.
 * Hot path: the acknowledgement handlers.
 */
export abstract class SessionDelivery extends SessionOutput implements Receiver {
  abstract readonly timers: SessionTimers;
  /** The queue while connected. */
  queue: SubscriberQueue | null = null;
  window = 20;
  retrySeconds = 0;

  abstract get leaving(): boolean;

  /** Ends the connection because of what the client sent. False: stop decoding. */
  abstract protocolError(text: string): false;

  onPuback(packetId: number, reasonCode: number): boolean {
    const { services, queue } = this;
    this.timers.heardAt = services.wheel.time;
    if (this.v5 === 0) services.counters.increment(Metric.mqtt_puback_received_v4);
    else services.counters.increment(reasonSlot(ReasonMetric.mqtt_puback_received, reasonCode));
    if (queue === null) return this.protocolError("PUBACK before the connection was accepted");
    if (!queue.onPuback(packetId)) {
      services.counters.increment(Metric.mqtt_puback_invalid_error_v4 + this.v5);
    }
    return this.phase === Phase.Connected;
  }

  onPubrec(packetId: number, reasonCode: number): boolean {
    const { services, queue } = this;
    this.timers.heardAt = services.wheel.time;
    if (this.v5 === 0) services.counters.increment(Metric.mqtt_pubrec_received_v4);
    else services.counters.increment(reasonSlot(ReasonMetric.mqtt_pubrec_received, reasonCode));
    if (queue === null) return this.protocolError("PUBREC before the connection was accepted");
    if (queue.onPubrec(packetId, reasonCode) || reasonCode >= 0x80) return true;
    if (this.v5 === 0) services.counters.increment(Metric.mqtt_pubrec_invalid_error_v4);
    // Also for an id nobody knows the exchange has to come to its end: the client may have kept it over a reconnect.
    this.writeAcknowledgement(PUBREL, packetId, this.v5 === 1 ? ReasonCode.PacketIdentifierNotFound : 0);
    return true;
  }

  onPubcomp(packetId: number, reasonCode: number): boolean {
    const { services, queue } = this;
    this.timers.heardAt = services.wheel.time;
    if (this.v5 === 0) services.counters.increment(Metric.mqtt_pubcomp_received_v4);
    else services.counters.increment(reasonSlot(ReasonMetric.mqtt_pubcomp_received, reasonCode));
    if (queue === null) return this.protocolError("PUBCOMP before the connection was accepted");
    if (!queue.onPubcomp(packetId)) {
      services.counters.increment(Metric.mqtt_pubcomp_invalid_error_v4 + this.v5);
    }
    return this.phase === Phase.Connected;
  }

  onDrain(): void {
    this.queue?.pump();
  }

  retryWanted(): void {
    this.timers.retryIn(this.retrySeconds);
  }

  retryDue(now: number): boolean {
    this.queue?.retry(now, this.retrySeconds);
    return this.queue !== null && this.queue.inflight > 0;
  }
}
