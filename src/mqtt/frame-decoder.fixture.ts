import type { PacketHandler } from "./frame-decoder.ts";
import type { ControlPacket, ProtocolVersion } from "./packet.ts";
import { Publication } from "./publication.ts";
import { Topic, type TopicRefusal, type TopicSource } from "./topic.ts";
import { checkTopicName } from "./topic-name.ts";

/** A topic source without a table: checks and makes a new topic each time. */
export class FreshTopics implements TopicSource {
  intern(buffer: Buffer, start: number, end: number): Topic | TopicRefusal {
    const depth = checkTopicName(buffer, start, end, 10);
    if (typeof depth === "string") return depth;
    const bytes = Buffer.from(buffer.subarray(start, end));
    return new Topic(bytes.toString(), bytes, depth);
  }
}

/** What a recorder keeps of a PUBLISH: nothing of it refers to the read buffer. */
export interface RecordedPublish {
  readonly kind: "publish";
  readonly topic: string;
  readonly qos: number;
  readonly retain: boolean;
  readonly duplicate: boolean;
  readonly packetId: number;
  readonly payload: string;
  readonly properties: string;
  readonly expiryInterval: number;
  readonly textPayload: boolean;
  readonly topicAlias: number;
}

export interface RecordedAck {
  readonly kind: "puback" | "pubrec" | "pubrel" | "pubcomp";
  readonly packetId: number;
  readonly reasonCode: number;
}

export interface Refusal {
  readonly reasonCode: number;
  readonly text: string;
  readonly connectVersion: number;
}

/** A handler that writes down what it is given. */
export class Recorder implements PacketHandler {
  version: 0 | ProtocolVersion;
  readonly topics = new FreshTopics();
  readonly publication = new Publication();
  maximumFrame = 1_000_000;
  readonly packets: (ControlPacket | RecordedPublish | RecordedAck)[] = [];
  refusal: Refusal | null = null;
  /** What the next methods return. */
  goOn = true;

  constructor(version: 0 | ProtocolVersion) {
    this.version = version;
  }

  onPublish(publication: Publication): boolean {
    this.packets.push({
      kind: "publish",
      topic: publication.topic.text,
      qos: publication.qos,
      retain: publication.retain,
      duplicate: publication.duplicate,
      packetId: publication.packetId,
      payload: publication.buffer.toString("hex", publication.payloadStart, publication.payloadEnd),
      properties: publication.propertyBuffer.toString(
        "hex",
        publication.propertyStart,
        publication.propertyEnd,
      ),
      expiryInterval: publication.expiryInterval,
      textPayload: publication.textPayload,
      topicAlias: publication.topicAlias,
    });
    return this.goOn;
  }

  onPuback(packetId: number, reasonCode: number): boolean {
    this.packets.push({ kind: "puback", packetId, reasonCode });
    return this.goOn;
  }

  onPubrec(packetId: number, reasonCode: number): boolean {
    this.packets.push({ kind: "pubrec", packetId, reasonCode });
    return this.goOn;
  }

  onPubrel(packetId: number, reasonCode: number): boolean {
    this.packets.push({ kind: "pubrel", packetId, reasonCode });
    return this.goOn;
  }

  onPubcomp(packetId: number, reasonCode: number): boolean {
    this.packets.push({ kind: "pubcomp", packetId, reasonCode });
    return this.goOn;
  }

  onPacket(packet: ControlPacket): boolean {
    this.packets.push(packet);
    if (packet.kind === "connect") this.version = packet.version;
    return this.goOn;
  }

  onMalformed(reasonCode: number, text: string, connectVersion: 0 | ProtocolVersion): void {
    if (this.refusal !== null) throw new Error("refused twice");
    this.refusal = { reasonCode, text, connectVersion };
  }
}
