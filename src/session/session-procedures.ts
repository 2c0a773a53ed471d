import type { ControlPacket, ProtocolVersion } from "../mqtt/packet.ts";
import type { Publication } from "../mqtt/publication.ts";
import type { HookError } from "../plugin/answer.ts";

/** What a session does with packets that are not on the hot path; see procedures.ts. `Session` is the class that has them. */
export interface SessionProcedures<Session> {
  /** Any packet that is neither PUBLISH nor acknowledgement nor PINGREQ. */
  control(session: Session, packet: Exclude<ControlPacket, { kind: "pingreq" }>): void;
  /** CONNACK with the code where the client can be told, and the end. `error`: what a plugin says to it. */
  refuseConnect(
    session: Session,
    version: ProtocolVersion,
    reasonCode: number,
    text: string,
    error?: HookError,
  ): void;
  /** Asks the hooks about a publish when they need more than its topic. False: stop decoding. */
  authorizePublish(session: Session, publication: Publication): boolean;
  tellPublished(session: Session, publication: Publication): void;
  deliverThroughHook(
    session: Session,
    publication: Publication,
    qos: number,
    retain: boolean,
    duplicate: boolean,
    packetId: number,
    identifiers: readonly number[] | null,
  ): boolean;
}
