import { packetIdOffset, publishSize, writePacketId, writePublish } from "../mqtt/encode-publish.ts";
import type { Message } from "../mqtt/message.ts";
import type { ProtocolVersion } from "../mqtt/packet.ts";
import { Publication } from "../mqtt/publication.ts";
import type { Transport } from "./transport.ts";

const NOTHING = Buffer.alloc(0);
/** Above this a copy of what was encoded is not kept: big packets are rare and encoding is one copy anyway. */
const LARGEST_SHARED = 16 * 1024;

/**
 * Encodes PUBLISH packets into the output of connections. What goes to many receivers alike (same source, version,
 * QoS and retain flag, nothing special) is encoded once, and copied from where it was written first; only the packet
 * id differs. One per thread.
 */
export class PublishWriter {
  readonly #blockEpoch: () => number;
  readonly #view = new Publication();
  #viewed: Message | null = null;
  #source: object | null = null;
  #serial = 0;
  #version5 = false;
  #flags = 0;
  #epoch = 0;
  #block: Buffer = NOTHING;
  #start = 0;
  #length = 0;
  #packetIdAt = 0;

  /** `blockEpoch` changes whenever an output block may be overwritten. */
  constructor(blockEpoch: () => number) {
    this.#blockEpoch = blockEpoch;
  }

  /** A view of a lasting message, valid until the next call. `now` in epoch milliseconds, 0 if it never expires. */
  view(message: Message, now: number): Publication {
    if (this.#viewed !== message || message.expiresAt !== 0) {
      this.#view.fromMessage(message, now);
      this.#viewed = message;
    }
    return this.#view;
  }

  /** Writes a PUBLISH without alias and subscription identifiers. `source` is what makes two packets alike. Hot path. */
  write(
    transport: Transport,
    source: object,
    publication: Publication,
    version: ProtocolVersion,
    qos: number,
    retain: boolean,
    duplicate: boolean,
    packetId: number,
  ): void {
    const version5 = version === 5;
    const flags = qos | (retain ? 4 : 0) | (duplicate ? 8 : 0);
    if (
      this.#source === source &&
      this.#serial === publication.serial &&
      this.#flags === flags &&
      this.#version5 === version5 &&
      this.#epoch === this.#blockEpoch()
    ) {
      const length = this.#length;
      const at = transport.reserve(length);
      const block = transport.block;
      this.#block.copy(block, at, this.#start, this.#start + length);
      if (qos !== 0) writePacketId(block, at + this.#packetIdAt, packetId);
      return;
    }
    const length = publishSize(publication, version, qos, 0, true, null);
    const at = transport.reserve(length);
    const block = transport.block;
    writePublish(block, at, publication, version, qos, retain, duplicate, packetId, 0, true, null);
    if (length > LARGEST_SHARED) {
      this.#source = null;
      return;
    }
    this.#source = source;
    this.#serial = publication.serial;
    this.#flags = flags;
    this.#version5 = version5;
    this.#epoch = this.#blockEpoch();
    this.#block = block;
    this.#start = at;
    this.#length = length;
    if (qos !== 0) this.#packetIdAt = packetIdOffset(block, at) - at;
  }
}
