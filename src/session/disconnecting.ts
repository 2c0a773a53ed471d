import { Metric } from "../metrics/metric.ts";
import { ReasonMetric, reasonSlot } from "../metrics/reason-metrics.ts";
import type { Disconnect } from "../mqtt/packet.ts";
import { ReasonCode, reasonCodeName } from "../mqtt/reason-code.ts";
import type { Session } from "./session.ts";

/** The client says goodbye: its will is published only when it asks for that [MQTT-3.14.4-3]. */
export function handleDisconnect(session: Session, packet: Disconnect): void {
  const { services, subscriber } = session;
  const { reasonCode, properties } = packet;
  if (session.v5 === 0) services.counters.increment(Metric.mqtt_disconnect_received_v4);
  else services.counters.increment(reasonSlot(ReasonMetric.mqtt_disconnect_received, reasonCode));
  const asked = properties.sessionExpiryInterval;
  if (asked !== undefined && subscriber !== null) {
    // A client that was told a shorter one than it asked for gets no longer one in this way.
    const expiry = Math.min(asked, session.restrictions?.sessionExpiry ?? asked);
    if (subscriber.expirySeconds === 0 && expiry > 0) {
      // [MQTT-3.14.2-2]: the server does not take such a DISCONNECT as a proper one.
      session.protocolError("DISCONNECT raises a session expiry interval of 0");
      return;
    }
    services.registry.changeExpiry(subscriber, expiry);
  }
  const normal = reasonCode === ReasonCode.NormalDisconnection;
  session.finish(!normal, normal ? "by DISCONNECT" : `by DISCONNECT, ${reasonCodeName(reasonCode)}`);
  session.transport.end();
}
