import { Message } from "../mqtt/message.ts";
import type { Publication } from "../mqtt/publication.ts";
import { ReasonCode } from "../mqtt/reason-code.ts";
import { refusalCode } from "../mqtt/refusal-codes.ts";
import type { Topic } from "../mqtt/topic.ts";
import type { ChainResult } from "../plugin/answer.ts";
import type { PublishModifiersM5 } from "../plugin/modifiers.ts";
import { PublicationRequest, PublicationRequestM5 } from "../plugin/publish-request.ts";
import { readEndToEndProperties, writeEndToEndProperties } from "./end-to-end-properties.ts";
import { whenAnswered } from "./hook-answer.ts";
import type { Session } from "./session.ts";

type Verdict = ChainResult<PublishModifiersM5>;

/**
 * Asks the hooks about a publish when they need more than its topic. While one answers later the connection is not
 * read, so that its packets stay in order; other connections go on. False: stop decoding.
 */
export function authorizePublish(session: Session, publication: Publication): boolean {
  const verdict = ask(session, publication);
  if (!(verdict instanceof Promise)) return judge(session, publication, verdict);
  const { packetId } = publication;
  const message = publication.message(session.services.clock);
  whenAnswered(session, verdict, (late) => {
    publication.fromMessage(message, session.services.clock.now());
    publication.packetId = packetId;
    judge(session, publication, late);
  });
  return false;
}

/** Tells on_publish what has been routed. */
export function tellPublished(session: Session, publication: Publication): void {
  const { chains } = session.services;
  if (session.v5 === 1) {
    chains.on_publish_m5.run(new PublicationRequestM5(session.identity, publication, readEndToEndProperties));
  } else chains.on_publish.run(new PublicationRequest(session.identity, publication));
}

function ask(session: Session, publication: Publication): Verdict | Promise<Verdict> {
  const { chains } = session.services;
  if (session.v5 === 0)
    return chains.auth_on_publish.run(new PublicationRequest(session.identity, publication));
  return chains.auth_on_publish_m5.run(
    new PublicationRequestM5(session.identity, publication, readEndToEndProperties),
  );
}

function judge(session: Session, publication: Publication, verdict: Verdict): boolean {
  if (verdict.kind === "error") {
    const { reasonString, userProperties } = verdict;
    const reasonCode = refusalCode("publish", verdict.reasonCode, ReasonCode.NotAuthorized);
    const explained = reasonString !== undefined || userProperties !== undefined;
    const explanation = explained ? { reasonString, userProperties } : undefined;
    return session.refusePublish(publication, reasonCode, false, explanation);
  }
  const { modifiers } = verdict;
  if (modifiers === null) return session.route(publication);
  if (modifiers.throttle !== undefined) session.throttle(modifiers.throttle);
  return routeModified(session, publication, modifiers);
}

/** Routes the message as a hook changed it; the client is answered for what it sent. */
function routeModified(session: Session, publication: Publication, modifiers: PublishModifiersM5): boolean {
  const { services } = session;
  const { packetId, qos, origin } = publication;
  const own = session.mountpoint;
  const target = modifiers.mountpoint === undefined ? own : services.mountpoint(modifiers.mountpoint);
  let topic: Topic = publication.topic;
  if (modifiers.topic !== undefined || target !== own) {
    try {
      topic = target.topics.internText(modifiers.topic ?? topic.text);
    } catch {
      services.log
        .limited("modified-topic", 1)
        .error(
          "publish",
          `a plugin changed the topic of client ${session.clientId} to one that is not valid`,
        );
      return session.refusePublish(publication, ReasonCode.ImplementationSpecificError, false);
    }
  }
  const payload =
    modifiers.payload ??
    Buffer.from(publication.buffer.subarray(publication.payloadStart, publication.payloadEnd));
  const properties =
    session.v5 === 1 && modifiers.properties !== undefined
      ? writeEndToEndProperties({ ...readEndToEndProperties(publication), ...modifiers.properties })
      : Buffer.from(publication.propertyBuffer.subarray(publication.propertyStart, publication.propertyEnd));
  const expiry = modifiers.properties?.messageExpiryInterval ?? publication.expiryInterval;
  const now = services.clock.now();
  const bytes = Buffer.concat([payload, properties]);
  const message = new Message(
    topic,
    modifiers.qos ?? qos,
    modifiers.retain ?? publication.retain,
    bytes,
    0,
    payload.length,
    payload.length,
    bytes.length,
    expiry < 0 ? 0 : now + expiry * 1_000,
    target === own ? origin : null,
  );
  publication.fromMessage(message, now);
  publication.packetId = packetId;
  return session.routeTo(publication, qos, target);
}
