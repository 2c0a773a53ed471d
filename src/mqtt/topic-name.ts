import { sequenceLength } from "./text-encoding.ts";
import type { TopicRefusal } from "./topic.ts";

const SLASH = 0x2f;
const PLUS = 0x2b;
const HASH = 0x23;

/** The longest topic name or filter in bytes: what a two byte length can say. */
export const MAXIMUM_TOPIC_LENGTH = 65535;

/**
 * Checks the bytes of a topic name: not empty [MQTT-4.7.3-1], at most 65,535 bytes [MQTT-4.7.3-3], well-formed
 * UTF-8 without U+0000 [MQTT-4.7.3-2], no wildcards [MQTT-4.7.1-1], and no more than `maximumDepth` levels
 * (`topic_max_depth`). Returns the number of levels, or why it is refused. Allocates nothing.
 */
export function checkTopicName(
  buffer: Uint8Array,
  start: number,
  end: number,
  maximumDepth: number,
): number | TopicRefusal {
  if (end <= start) return "empty";
  if (end - start > MAXIMUM_TOPIC_LENGTH) return "too-long";
  let depth = 1;
  let wildcard = false;
  let at = start;
  while (at < end) {
    const byte = buffer[at] ?? 0;
    if (byte < 0x80) {
      if (byte === 0) return "encoding";
      if (byte === SLASH) depth++;
      else if (byte === PLUS || byte === HASH) wildcard = true;
      at++;
    } else {
      const length = sequenceLength(buffer, at, end);
      if (length === 0) return "encoding";
      at += length;
    }
  }
  if (wildcard) return "wildcard";
  return depth > maximumDepth ? "depth" : depth;
}

/** Most bytes in UTF-8 for one UTF-16 unit. */
const LONGEST_CHARACTER = 3;
/** A million topics are read at start-up: the usual ones cost no buffer. */
const scratch = Buffer.alloc(1024);

/** Whether a well-formed text is a topic name: not empty, without wildcards and U+0000, not too long. */
export function isTopicName(text: string): boolean {
  let bytes = scratch;
  let length = 0;
  if (text.length * LONGEST_CHARACTER <= scratch.length) length = scratch.write(text);
  else {
    bytes = Buffer.from(text);
    length = bytes.length;
  }
  return typeof checkTopicName(bytes, 0, length, Number.MAX_SAFE_INTEGER) === "number";
}
