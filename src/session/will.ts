import { isUtf8 } from "node:buffer";
import { Message } from "../mqtt/message.ts";
import type { Will } from "../mqtt/packet.ts";
import { ReasonCode } from "../mqtt/reason-code.ts";
import { topicDepth } from "../mqtt/topic-filter.ts";
import type { ChainResult, HookError } from "../plugin/answer.ts";
import type { PublishModifiersM5 } from "../plugin/modifiers.ts";
import type { LastWill } from "../registry/subscriber.ts";
import { writeEndToEndProperties } from "./end-to-end-properties.ts";
import type { Session } from "./session.ts";

/** The will as it will be published, null for none, or why it is refused. */
export type JudgedWill = { readonly kind: "ok"; readonly will: LastWill | null } | HookError;

type Verdict = ChainResult<PublishModifiersM5>;

/**
 * Whether a client may leave this will: judged like a publish, also by its size and form, before the client takes over
 * anything. A will to a `$` topic is dropped like any publish to one.
 */
export function judgeWill(session: Session, will: Will | undefined): JudgedWill | Promise<JudgedWill> {
  if (will === undefined || will.topic.startsWith("$")) return { kind: "ok", will: null };
  if (topicDepth(will.topic) > session.settings.topicMaxDepth) {
    return refused("its topic has too many levels", ReasonCode.TopicNameInvalid);
  }
  const { maxMessageSize } = session.settings;
  if (maxMessageSize !== 0 && will.payload.length > maxMessageSize) {
    return refused(
      `its payload of ${will.payload.length} bytes is over max_message_size`,
      ReasonCode.PacketTooLarge,
    );
  }
  if (will.properties.payloadFormatIndicator === true && !isUtf8(will.payload)) {
    return refused("its payload is not UTF-8 as it says", ReasonCode.PayloadFormatInvalid);
  }
  const { chains } = session.services;
  const { username, subscriberId } = session.identity;
  const { topic, qos, retain, payload } = will;
  const request = { username, subscriberId, topic, qos, retain, payload };
  const verdict: Verdict | Promise<Verdict> =
    session.v5 === 1
      ? chains.auth_on_publish_m5.run({ ...request, properties: will.properties })
      : chains.auth_on_publish.run(request);
  const finish = (result: Verdict): JudgedWill =>
    result.kind === "error" ? result : { kind: "ok", will: lastWill(session, will, result.modifiers ?? {}) };
  return verdict instanceof Promise ? verdict.then(finish) : finish(verdict);
}

function refused(reason: string, reasonCode: number): HookError {
  return { kind: "error", reason, reasonCode };
}

function lastWill(session: Session, will: Will, modifiers: PublishModifiersM5): LastWill {
  const payload = modifiers.payload ?? will.payload;
  const properties =
    modifiers.properties === undefined
      ? will.endToEndProperties
      : writeEndToEndProperties({ ...will.properties, ...modifiers.properties });
  const buffer = Buffer.concat([payload, properties]);
  const delay = modifiers.properties?.willDelayInterval ?? will.delayInterval;
  const message = new Message(
    session.mountpoint.topics.internText(modifiers.topic ?? will.topic),
    modifiers.qos ?? will.qos,
    modifiers.retain ?? will.retain,
    buffer,
    0,
    payload.length,
    payload.length,
    buffer.length,
    0,
    null,
  );
  return {
    message,
    delaySeconds: Math.min(delay, session.settings.maxLastWillDelaySeconds),
    expirySeconds: modifiers.properties?.messageExpiryInterval ?? will.expiryInterval,
  };
}
