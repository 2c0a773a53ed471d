import { Message } from "../mqtt/message.ts";
import { Publication } from "../mqtt/publication.ts";
import type { ChainResult } from "../plugin/answer.ts";
import type { DeliverModifiersM5 } from "../plugin/modifiers.ts";
import { PublicationRequest, PublicationRequestM5 } from "../plugin/publish-request.ts";
import { readEndToEndProperties, writeEndToEndProperties } from "./end-to-end-properties.ts";
import type { Session } from "./session.ts";

/**
 * Lets on_deliver change topic and payload of a PUBLISH just before it is written. A hook that answers later holds
 * back what follows on this connection, so that the order stays. An error leaves the message as it is: deliveries
 * have been authorised before.
 */
export function deliverThroughHook(
  session: Session,
  publication: Publication,
  qos: number,
  retain: boolean,
  duplicate: boolean,
  packetId: number,
  identifiers: readonly number[] | null,
): boolean {
  const { chains, clock } = session.services;
  const result: ChainResult<DeliverModifiersM5> | Promise<ChainResult<DeliverModifiersM5>> =
    session.v5 === 1
      ? chains.on_deliver_m5.run(
          new PublicationRequestM5(session.identity, publication, readEndToEndProperties),
        )
      : chains.on_deliver.run(new PublicationRequest(session.identity, publication));
  const write = (source: Publication, verdict: ChainResult<DeliverModifiersM5>): boolean => {
    const changed = modified(session, source, verdict);
    if (session.writeSpecial(changed, qos, retain, duplicate, packetId, identifiers)) return true;
    session.tooLargeForClient(changed);
    return false;
  };
  if (!(result instanceof Promise)) return write(publication, result);
  const message = publication.message(clock);
  session.delivering = true;
  void result.then((verdict) => {
    session.delivering = false;
    if (!session.connected) return;
    const held = new Publication();
    held.fromMessage(message, clock.now());
    try {
      // The queue took it for sent.
      if (!write(held, verdict)) session.queue?.forget(packetId);
      session.onDrain();
    } catch (error) {
      session.onFault(error);
    }
  });
  return true;
}

function modified(
  session: Session,
  publication: Publication,
  verdict: ChainResult<DeliverModifiersM5>,
): Publication {
  if (verdict.kind === "error" || verdict.modifiers === null) return publication;
  const { topic, payload, properties } = verdict.modifiers;
  const body = payload ?? publication.buffer.subarray(publication.payloadStart, publication.payloadEnd);
  const bytes =
    properties === undefined
      ? publication.propertyBuffer.subarray(publication.propertyStart, publication.propertyEnd)
      : writeEndToEndProperties({ ...readEndToEndProperties(publication), ...properties });
  const buffer = Buffer.concat([body, bytes]);
  const changed = new Publication();
  changed.fromMessage(
    new Message(
      topic === undefined ? publication.topic : session.mountpoint.topics.internText(topic),
      publication.qos,
      publication.retain,
      buffer,
      0,
      body.length,
      body.length,
      buffer.length,
      0,
      null,
    ),
    0,
  );
  changed.expiryInterval = publication.expiryInterval;
  return changed;
}
