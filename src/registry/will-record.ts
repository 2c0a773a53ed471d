import { Message } from "../mqtt/message.ts";
import type { Topic } from "../mqtt/topic.ts";
import { parseList } from "./json-list.ts";
import type { LastWill } from "./subscriber.ts";

/** A stored will: `dueAt` is 0 while its session is connected. */
export interface WillRecord {
  readonly will: LastWill;
  readonly dueAt: number;
}

/** The will of a persistent session as it is stored. */
export function encodeWill({ will, dueAt }: WillRecord): Buffer {
  const { message, delaySeconds, expirySeconds } = will;
  const meta = Buffer.from(
    JSON.stringify([
      message.topic.text,
      message.qos,
      message.retain ? 1 : 0,
      delaySeconds,
      expirySeconds,
      dueAt,
      message.payloadEnd - message.payloadStart,
    ]),
  );
  const length = Buffer.alloc(4);
  length.writeUInt32BE(meta.length);
  return Buffer.concat([
    length,
    meta,
    message.buffer.subarray(message.payloadStart, message.payloadEnd),
    message.buffer.subarray(message.propertyStart, message.propertyEnd),
  ]);
}

/** Undefined for a value that is no will. */
export function decodeWill(
  value: Buffer,
  topics: { internText(text: string): Topic },
): WillRecord | undefined {
  if (value.length < 4) return undefined;
  const start = 4 + value.readUInt32BE(0);
  if (start > value.length) return undefined;
  const parsed = parseList(value.toString("utf8", 4, start)) ?? [];
  const [topic, qos, retain, delaySeconds, expirySeconds, dueAt, payload] = parsed;
  if (
    typeof topic !== "string" ||
    typeof qos !== "number" ||
    typeof delaySeconds !== "number" ||
    typeof expirySeconds !== "number" ||
    typeof dueAt !== "number" ||
    typeof payload !== "number" ||
    start + payload > value.length
  ) {
    return undefined;
  }
  const message = new Message(
    topics.internText(topic),
    qos,
    retain === 1,
    value,
    start,
    start + payload,
    start + payload,
    value.length,
    0,
    null,
  );
  return { will: { message, delaySeconds, expirySeconds }, dueAt };
}
