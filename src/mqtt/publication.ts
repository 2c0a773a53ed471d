import type { Clock } from "../clock/clock.ts";
import { Message, type Publisher } from "./message.ts";
import { Topic } from "./topic.ts";

const NOTHING = Buffer.alloc(0);
/** Stands for the topic of a PUBLISH that has only a topic alias, until the session has looked that up. */
export const NO_TOPIC = new Topic("", NOTHING, 0);

/** Size of the slabs that message bodies are copied into; a larger body gets a buffer of its own. */
const SLAB_SIZE = 64 * 1024;
/** A slab is pinned by its longest-lived message, so bodies over this size do not share one. */
const LARGEST_SHARED = 4 * 1024;

let slab = NOTHING;
let slabUsed = 0;

/**
 * A PUBLISH on its way through the broker: one reused object per worker, filled by the decoder (or from a stored
 * `Message`), valid only until the call that got it returns. All offsets are into `buffer`, which is the read
 * buffer and will be overwritten: who needs the message later calls `message()`.
 */
export class Publication {
  topic: Topic;
  qos: number;
  retain: boolean;
  duplicate: boolean;
  /** 1 to 65535, or 0 for QoS 0. */
  packetId: number;
  buffer: Buffer;
  payloadStart: number;
  payloadEnd: number;
  /** Where the end-to-end properties stand (see `Message.propertyStart`); may be another buffer than `buffer`. */
  propertyBuffer: Buffer;
  propertyStart: number;
  propertyEnd: number;
  /** Message expiry interval in seconds, -1 when absent. */
  expiryInterval: number;
  /**
   * The payload format indicator is 1: the sender says that the payload is UTF-8, which nobody has checked (a server
   * may, and answers 0x99). Set for what clients publish, not for stored messages.
   */
  textPayload: boolean;
  /** Topic alias property, 0 when absent. */
  topicAlias: number;
  /** The publishing client, for no-local; null for the broker itself, and for a client of another mountpoint. */
  origin: Publisher | null;
  /** The lasting copy, made by the first that asks. */
  copy: Message | null;
  /** Changes whenever the object gets other contents, so that what was made of them is not taken for the new ones. */
  serial: number;

  constructor() {
    this.topic = NO_TOPIC;
    this.qos = 0;
    this.retain = false;
    this.duplicate = false;
    this.packetId = 0;
    this.buffer = NOTHING;
    this.payloadStart = 0;
    this.payloadEnd = 0;
    this.propertyBuffer = NOTHING;
    this.propertyStart = 0;
    this.propertyEnd = 0;
    this.expiryInterval = -1;
    this.textPayload = false;
    this.topicAlias = 0;
    this.origin = null;
    this.copy = null;
    this.serial = 0;
  }

  /** Fills it from a lasting message, for retained messages, wills and re-routing. */
  fromMessage(message: Message, nowMilliseconds: number): void {
    this.topic = message.topic;
    this.qos = message.qos;
    this.retain = message.retain;
    this.duplicate = false;
    this.packetId = 0;
    this.buffer = message.buffer;
    this.payloadStart = message.payloadStart;
    this.payloadEnd = message.payloadEnd;
    this.propertyBuffer = message.buffer;
    this.propertyStart = message.propertyStart;
    this.propertyEnd = message.propertyEnd;
    this.expiryInterval =
      message.expiresAt === 0 ? -1 : Math.max(0, Math.ceil((message.expiresAt - nowMilliseconds) / 1000));
    this.textPayload = false;
    this.topicAlias = 0;
    this.origin = message.origin;
    this.copy = message;
    this.serial++;
  }

  /**
   * The lasting copy: made at most once per publish and shared by every queue that keeps it.
   * The expiry interval counts from the clock's present.
   */
  message(clock: Clock): Message {
    if (this.copy !== null) return this.copy;
    const payload = this.payloadEnd - this.payloadStart;
    const properties = this.propertyEnd - this.propertyStart;
    const size = payload + properties;
    let target: Buffer;
    let at: number;
    if (size > LARGEST_SHARED) {
      target = Buffer.allocUnsafeSlow(size);
      at = 0;
    } else {
      if (slab.length - slabUsed < size) {
        slab = Buffer.allocUnsafeSlow(SLAB_SIZE);
        slabUsed = 0;
      }
      target = slab;
      at = slabUsed;
      slabUsed += size;
    }
    if (payload > 0) this.buffer.copy(target, at, this.payloadStart, this.payloadEnd);
    if (properties > 0) this.propertyBuffer.copy(target, at + payload, this.propertyStart, this.propertyEnd);
    const copy = new Message(
      this.topic,
      this.qos,
      this.retain,
      target,
      at,
      at + payload,
      at + payload,
      at + size,
      this.expiryInterval < 0 ? 0 : clock.now() + this.expiryInterval * 1000,
      this.origin,
    );
    this.copy = copy;
    return copy;
  }
}
