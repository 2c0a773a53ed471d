import assert from "node:assert/strict";
import { decodeFrames, type PacketHandler } from "./frame-decoder.ts";
import type { ControlPacket, ProtocolVersion } from "./packet.ts";
import { Publication } from "./publication.ts";
import { Topic, type TopicRefusal, type TopicSource } from "./topic.ts";
import { checkTopicName } from "./topic-name.ts";

/** A topic source without a table: checks and makes a new topic each time. */
class FreshTopics implements TopicSource {
  intern(buffer: Buffer, start: number, end: number): Topic | TopicRefusal {
    const depth = checkTopicName(buffer, start, end, 10);
    if (typeof depth === "string") return depth;
    const bytes = Buffer.from(buffer.subarray(start, end));
    return new Topic(bytes.toString(), bytes, depth);
  }
}

/** What a recorder keeps of a PUBLISH: nothing of it refers to the read buffer. */
interface RecordedPublish {
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

interface RecordedAck {
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

/** Bytes in hexadecimal, text between quotes: `0004 'MQTT' 04`. */
export function bytes(written: string): Buffer {
  const parts = written.match(/'[^']*'|[0-9a-f]+/g) ?? [];
  return Buffer.concat(
    parts.map((part) => (part.startsWith("'") ? Buffer.from(part.slice(1, -1)) : Buffer.from(part, "hex"))),
  );
}

/** A packet of a first byte and a body whose length is put between them. */
export function packet(first: number, body: string | Buffer): Buffer {
  const content = typeof body === "string" ? bytes(body) : body;
  assert.ok(content.length < 128 * 128);
  const length =
    content.length < 128 ? [content.length] : [(content.length & 127) | 128, content.length >> 7];
  return Buffer.concat([Buffer.from([first, ...length]), content]);
}

export function decode(version: 0 | ProtocolVersion, input: Buffer): Recorder {
  const recorder = new Recorder(version);
  const consumed = decodeFrames(recorder, input, 0, input.length);
  if (recorder.refusal === null) assert.equal(consumed, input.length, "whole input");
  return recorder;
}

export function accept(version: 0 | ProtocolVersion, input: Buffer): Recorder["packets"][number] {
  const recorder = decode(version, input);
  assert.equal(recorder.refusal, null, input.toString("hex"));
  const [first] = recorder.packets;
  assert.ok(first !== undefined && recorder.packets.length === 1, "one packet");
  return first;
}

export function refuse(
  version: 0 | ProtocolVersion,
  input: Buffer,
  reasonCode: number,
  text?: RegExp,
): Refusal {
  const recorder = decode(version, input);
  assert.deepEqual(recorder.packets, [], `no packet of ${input.toString("hex")}`);
  assert.ok(recorder.refusal !== null, `${input.toString("hex")} is refused`);
  assert.equal(recorder.refusal.reasonCode, reasonCode, recorder.refusal.text);
  if (text !== undefined) assert.match(recorder.refusal.text, text);
  return recorder.refusal;
}
