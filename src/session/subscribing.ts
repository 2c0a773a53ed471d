import { Metric } from "../metrics/metric.ts";
import type { Subscribe, SubscriptionRequest, Unsubscribe } from "../mqtt/packet.ts";
import { codeText, ReasonCode, SUBACK_FAILURE_V3 } from "../mqtt/reason-code.ts";
import { refusalCode } from "../mqtt/refusal-codes.ts";
import { parseTopicFilter } from "../mqtt/topic-filter.ts";
import type { ChainResult } from "../plugin/answer.ts";
import type { TopicRequest, TopicRequestM5 } from "../plugin/hook.ts";
import type { HookProperties, UserProperty } from "../plugin/properties.ts";
import type { RetainedSource } from "../queue/receiver.ts";
import type { Subscriber } from "../registry/subscriber.ts";
import type { SubscriptionOptions } from "../routing/destination.ts";
import { subscriptionOptions } from "../routing/subscription-options.ts";
import { whenAnswered } from "./hook-answer.ts";
import { beginFilters, forEachFilter } from "./long-packet.ts";
import type { Session } from "./session.ts";

type Granted = TopicRequest & Partial<TopicRequestM5>;
type Verdict = ChainResult<{ readonly topics: readonly Granted[] }>;

/** What becomes of one filter: a subscription, or the code of its refusal. */
type Outcome =
  | { readonly filter: string; readonly options: SubscriptionOptions }
  | { readonly filter: string; readonly refused: number };

/** SUBSCRIBE: each filter is judged on its own, and SUBACK follows when what was granted is durable. */
export function handleSubscribe(session: Session, packet: Subscribe): void {
  const { services, subscriber } = session;
  services.counters.increment(Metric.mqtt_subscribe_received_v4 + session.v5);
  if (subscriber === null || !session.connected) {
    session.protocolError("SUBSCRIBE before the connection was accepted");
    return;
  }
  if (session.v5 === 1 && subscriber.queue.incoming.has(packet.packetId)) {
    // [MQTT-2.2.1-4]: the id belongs to a QoS 2 publish that is not complete.
    const reasonCodes = packet.subscriptions.map(() => ReasonCode.PacketIdentifierInUse);
    session.sendPacket({ kind: "suback", packetId: packet.packetId, reasonCodes });
    services.counters.increment(Metric.mqtt_suback_sent_v5);
    return;
  }
  const refusal = session.restrictions?.ofSubscribe(packet) ?? 0;
  if (refusal !== 0) {
    session.close(refusal, "a SUBSCRIBE that CONNACK does not allow");
    return;
  }
  beginFilters(session, packet.subscriptions.length, () => askToSubscribe(session, subscriber, packet));
}

function askToSubscribe(session: Session, subscriber: Subscriber, packet: Subscribe): void {
  const { chains } = session.services;
  const asked = packet.subscriptions.map(requestOf);
  const { username, subscriberId } = session.identity;
  const verdict: Verdict | Promise<Verdict> =
    session.v5 === 1
      ? chains.auth_on_subscribe_m5.run({
          username,
          subscriberId,
          topics: asked,
          properties: propertiesOf(packet.identifier, packet.userProperties),
        })
      : chains.auth_on_subscribe.run({
          username,
          subscriberId,
          // Without the options of MQTT 5, which a plugin's answer must not have either.
          topics: asked.map(({ topic, qos }) => ({ topic, qos })),
        });
  whenAnswered(session, verdict, (result) => subscribe(session, subscriber, packet, asked, result));
}

function requestOf(request: SubscriptionRequest): TopicRequestM5 {
  const { filter, qos, noLocal, retainAsPublished, retainHandling } = request;
  return { topic: filter, qos, noLocal, retainAsPublished, retainHandling };
}

function subscribe(
  session: Session,
  subscriber: Subscriber,
  packet: Subscribe,
  asked: readonly TopicRequestM5[],
  verdict: Verdict,
): void {
  const { services } = session;
  const { registry } = services;
  const retained: { readonly filter: string; readonly options: SubscriptionOptions }[] = [];
  const codes: number[] = [];
  const subscribeTo = (index: number): void => {
    const request = asked[index];
    if (request === undefined) return;
    const outcome = judge(session, packet, request, index, verdict);
    const { filter } = outcome;
    if ("refused" in outcome) {
      codes.push(outcome.refused);
      return;
    }
    const limit = session.settings.maxSubscriptionsPerClient;
    const { subscriptions } = subscriber;
    if (limit > 0 && subscriptions.size >= limit && subscriptions.get(filter) === undefined) {
      codes.push(session.v5 === 1 ? ReasonCode.QuotaExceeded : SUBACK_FAILURE_V3);
      services.counters.increment(Metric.mqtt_subscribe_error_v4 + session.v5);
      return;
    }
    const { options } = outcome;
    const isNew = registry.subscribe(subscriber, filter, options);
    codes.push(options.qos);
    const handling = options.retainHandling;
    if (!filter.startsWith("$share/") && (handling === 0 || (handling === 1 && isNew)))
      retained.push(outcome);
  };
  forEachFilter(session, subscriber, asked.length, subscribeTo, () =>
    // Not all when the connection has ended meanwhile.
    subscribed(session, subscriber, packet, asked.slice(0, codes.length), verdict, codes, retained),
  );
}

/** What was granted has been put into place: SUBACK follows when it is durable, and then what is retained. */
function subscribed(
  session: Session,
  subscriber: Subscriber,
  packet: Subscribe,
  asked: readonly TopicRequestM5[],
  verdict: Verdict,
  codes: readonly number[],
  retained: readonly { readonly filter: string; readonly options: SubscriptionOptions }[],
): void {
  const { services } = session;
  const { registry } = services;
  const { on_subscribe, on_subscribe_m5 } = services.chains;
  if (!(session.v5 === 1 ? on_subscribe_m5 : on_subscribe).isEmpty) {
    const granted = asked.map((request, index) => ({
      ...request,
      ...(verdict.kind === "ok" ? verdict.modifiers?.topics[index] : undefined),
      qos: codes[index] ?? request.qos,
    }));
    tellSubscribed(session, packet, granted);
  }
  services.log.info(
    "subscribe",
    `client ${session.clientId} subscribes to ${asked
      .slice(0, 10)
      .map(({ topic }, index) => `${topic} (${describeCode(codes[index] ?? 0)})`)
      .join(", ")}${asked.length > 10 ? ` and ${asked.length - 10} more` : ""}`,
  );
  registry.whenSaved(subscriber, () => {
    if (!session.connected || session.subscriber !== subscriber) return;
    const { reasonString, userProperties } = verdict.kind === "error" ? verdict : {};
    const properties = { reasonString, userProperties };
    session.sendPacket({ kind: "suback", packetId: packet.packetId, reasonCodes: codes, properties });
    services.counters.increment(Metric.mqtt_suback_sent_v4 + session.v5);
    const sources: RetainedSource[] = [];
    for (const { filter, options } of retained) {
      if (!session.mountpoint.retained.mayHave(filter)) continue;
      const { qos, identifier, noLocal } = options;
      const cursor = session.mountpoint.retained.read(filter, noLocal ? subscriber.id.clientId : null);
      sources.push({ qos, identifier, next: (limit, into) => cursor.next(limit, into) });
    }
    if (sources.length > 0) subscriber.queue.addRetained(sources);
  });
}

function judge(
  session: Session,
  packet: Subscribe,
  asked: TopicRequestM5,
  index: number,
  verdict: Verdict,
): Outcome {
  const { services, v5 } = session;
  const request = packet.subscriptions[index];
  if (request !== undefined && request.depth > session.settings.topicMaxDepth) {
    services.log
      .limited("topic-depth", 5)
      .warning(
        "subscribe",
        `client ${session.clientId}: ${asked.topic} has more levels than topic_max_depth`,
      );
    return { filter: asked.topic, refused: v5 === 1 ? ReasonCode.TopicFilterInvalid : SUBACK_FAILURE_V3 };
  }
  if (verdict.kind === "error") {
    services.counters.increment(Metric.mqtt_subscribe_auth_error_v4 + v5);
    return { filter: asked.topic, refused: v5 === 1 ? refusal(verdict.reasonCode) : SUBACK_FAILURE_V3 };
  }
  const granted = verdict.modifiers?.topics[index] ?? asked;
  if (granted.qos >= 0x80) {
    services.counters.increment(Metric.mqtt_subscribe_auth_error_v4 + v5);
    return { filter: granted.topic, refused: v5 === 1 ? refusal(granted.qos) : SUBACK_FAILURE_V3 };
  }
  if (granted.topic !== asked.topic && typeof parseTopicFilter(granted.topic) === "string") {
    services.log
      .limited("modified-filter", 1)
      .error("subscribe", `a plugin changed a filter of client ${session.clientId} to one that is not valid`);
    return {
      filter: asked.topic,
      refused: v5 === 1 ? ReasonCode.ImplementationSpecificError : SUBACK_FAILURE_V3,
    };
  }
  const options = subscriptionOptions(
    Math.min(granted.qos, session.restrictions?.maximumQos ?? 2),
    (granted.noLocal ?? asked.noLocal) || session.bridge,
    (granted.retainAsPublished ?? asked.retainAsPublished) || session.bridge,
    granted.retainHandling ?? asked.retainHandling,
    v5 === 1 ? packet.identifier : 0,
  );
  return { filter: granted.topic, options };
}

/** 128 is what hooks for MQTT 3 say; MQTT 5 has a code of its own. */
function refusal(code: number | undefined): number {
  return code === SUBACK_FAILURE_V3
    ? ReasonCode.NotAuthorized
    : refusalCode("suback", code, ReasonCode.NotAuthorized);
}

function describeCode(code: number): string {
  return code < 0x80 ? `QoS ${code}` : `refused ${codeText(code)}`;
}

function tellSubscribed(session: Session, packet: Subscribe, granted: readonly TopicRequestM5[]): void {
  const { chains } = session.services;
  const { username, subscriberId } = session.identity;
  if (session.v5 === 0) {
    const topics = granted.map(({ topic, qos }) => ({ topic, qos }));
    chains.on_subscribe.run({ username, subscriberId, topics });
  } else {
    const properties = propertiesOf(packet.identifier, packet.userProperties);
    chains.on_subscribe_m5.run({ username, subscriberId, topics: granted, properties });
  }
}

/** The properties of SUBSCRIBE or UNSUBSCRIBE as hooks get them. */
function propertiesOf(identifier: number, userProperties: readonly UserProperty[]): HookProperties {
  return {
    ...(identifier === 0 ? {} : { subscriptionIdentifier: identifier }),
    ...(userProperties.length === 0 ? {} : { userProperties }),
  };
}

/** UNSUBSCRIBE: UNSUBACK follows when it is durable; MQTT 5 says for each filter whether there was one. */
export function handleUnsubscribe(session: Session, packet: Unsubscribe): void {
  const { services, subscriber } = session;
  services.counters.increment(Metric.mqtt_unsubscribe_received_v4 + session.v5);
  if (subscriber === null || !session.connected) {
    session.protocolError("UNSUBSCRIBE before the connection was accepted");
    return;
  }
  if (session.v5 === 1 && subscriber.queue.incoming.has(packet.packetId)) {
    const reasonCodes = packet.filters.map(() => ReasonCode.PacketIdentifierInUse);
    session.sendPacket({ kind: "unsuback", packetId: packet.packetId, reasonCodes });
    services.counters.increment(Metric.mqtt_unsuback_sent_v5);
    return;
  }
  beginFilters(session, packet.filters.length, () => askToUnsubscribe(session, subscriber, packet));
}

function askToUnsubscribe(session: Session, subscriber: Subscriber, packet: Unsubscribe): void {
  const { chains } = session.services;
  const { username, subscriberId } = session.identity;
  const chain = session.v5 === 1 ? chains.on_unsubscribe_m5 : chains.on_unsubscribe;
  if (chain.isEmpty) {
    unsubscribe(session, subscriber, packet, packet.filters);
    return;
  }
  const request = { username, subscriberId, topics: packet.filters };
  const verdict =
    session.v5 === 1
      ? chains.on_unsubscribe_m5.run({ ...request, properties: propertiesOf(0, packet.userProperties) })
      : chains.on_unsubscribe.run(request);
  whenAnswered(session, verdict, (result) => {
    const changed = result.kind === "ok" && result.modifiers !== null;
    unsubscribe(session, subscriber, packet, changed ? result.modifiers.topics : packet.filters);
  });
}

function unsubscribe(
  session: Session,
  subscriber: Subscriber,
  packet: Unsubscribe,
  filters: readonly string[],
): void {
  const { services } = session;
  const { registry, chains } = services;
  const ended: string[] = [];
  const codes: number[] = [];
  const unsubscribeFrom = (index: number): void => {
    const filter = filters[index] ?? "";
    const existed = registry.unsubscribe(subscriber, filter);
    codes.push(existed ? ReasonCode.Success : ReasonCode.NoSubscriptionExisted);
    if (existed) ended.push(filter);
  };
  forEachFilter(session, subscriber, filters.length, unsubscribeFrom, () => {
    if (ended.length > 0 && !chains.on_topic_unsubscribed.isEmpty) {
      chains.on_topic_unsubscribed.run({ subscriberId: session.identity.subscriberId, topics: ended });
    }
    registry.whenSaved(subscriber, () => {
      if (!session.connected || session.subscriber !== subscriber) return;
      session.sendPacket({ kind: "unsuback", packetId: packet.packetId, reasonCodes: codes });
      services.counters.increment(Metric.mqtt_unsuback_sent_v4 + session.v5);
    });
  });
}
